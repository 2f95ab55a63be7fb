#!/usr/bin/env python3
"""How far an utterance's gradient depends on its batch mates, with and without care.

    tests/benchmarks/padding_effect.py --model_zip exp/study_mini_accent/\
asr_mtl_hybrid/asr_mtl_hybrid_valid.acc.ave.zip \
        --data_dir exp/study_mini_accent/dump/raw/test

Prints the share of samples whose gradient has the same sign in a padded batch as when
the utterance is alone: for the model as ESPnet runs it, and as the attack does.
"""

import argparse
import logging
from pathlib import Path
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch

from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.attack.runner.test_set import read_test_set
from espnet_mtl.data.audio import read_audio
from espnet_mtl.victim.espnet_victim import ESPnetVictim, load_victim


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_zip", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--num_utts", type=int, default=48)
    return parser


def equal_signs(victim: ESPnetVictim, data_dir: Path, num_utts: int) -> list[float]:
    """Compare gradients of one batch with those of its utterances alone.

    Args:
        victim: The model.
        data_dir: What to read.
        num_utts: Utterances in the batch.

    Returns:
        For each utterance, the share of samples with the same sign.
    """
    test_set = read_test_set(data_dir, None, num_utts, 0)
    paths = test_set.tables["wav.scp"]
    audios = [torch.from_numpy(read_audio(paths[u])) for u in test_set.utterances]
    texts = [victim.encode_text(test_set.targets[u]) for u in test_set.utterances]
    lengths = torch.tensor([len(audio) for audio in audios])

    def gradient(rows: list[int]) -> torch.Tensor:
        speech = torch.nn.utils.rnn.pad_sequence(
            [audios[row] for row in rows], batch_first=True
        ).requires_grad_(True)
        loss = WeightedLoss(
            victim,
            victim.weights,
            lengths[rows],
            [texts[row] for row in rows],
            [0] * len(rows),
        )
        return torch.autograd.grad(loss(speech).sum(), speech)[0]

    together = gradient(list(range(len(audios))))
    shares = []
    for row, audio in enumerate(audios):
        same = gradient([row])[0].sign() == together[row, : len(audio)].sign()
        shares.append(same.float().mean().item())
    return shares


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    with mock.patch("espnet_mtl.victim.espnet_victim.hear_alone", lambda model: None):
        plain = load_victim(args.model_zip)
    for name, victim in (
        ("as ESPnet runs it", plain),
        ("as the attack runs it", load_victim(args.model_zip)),
    ):
        shares = equal_signs(victim, args.data_dir, args.num_utts)
        print(
            f"{name}: {100 * sum(shares) / len(shares):.4f} % of the signs are the "
            f"same ({len(shares)} utterances, the worst {100 * min(shares):.4f} %)"
        )


if __name__ == "__main__":
    main()
