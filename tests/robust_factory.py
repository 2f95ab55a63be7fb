"""Tiny recognisers and batches for tests of training that resists."""

import torch
from model_factory import make_args, make_batch

from espnet_mtl.asr_mtl.robust.batches import Batch, Moment
from espnet_mtl.tasks.asr_mtl import ASRMTLTask

FIRST = Moment("train", seed=0, batch=0, update=0)
SPECAUG_CONF = {
    "apply_time_warp": False,
    "freq_mask_width_range": [0, 4],
    "time_mask_width_range": [0, 8],
}


def make_model(**overrides) -> torch.nn.Module:
    """Build a tiny model, always with the same weights."""
    torch.manual_seed(0)
    return ASRMTLTask.build_model(make_args(**overrides))


def make_named_batch(num_utts: int = 3) -> Batch:
    """Return a ragged batch as ESPnet's trainer gives it to a model."""
    utts = [f"utt{number}" for number in range(num_utts)]
    return {**make_batch(num_utts), "utt_id": utts}
