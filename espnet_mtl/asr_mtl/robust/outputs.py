"""What a recogniser writes, and how far two of its outputs are apart."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from espnet_mtl.errors import UserError

# Logarithms of probabilities, (Batch, Steps, Tokens), and the steps of each utterance,
# (Batch,): frames of ``ctc``, and tokens of ``att``, which hears the true text before.
Outputs = dict[str, tuple[torch.Tensor, torch.Tensor]]


@contextlib.contextmanager
def kept_outputs(model: torch.nn.Module) -> Iterator[Outputs]:
    """Keep what a model writes as it calculates its loss, once, in a ``with`` block."""
    outputs: Outputs = {}

    def keep_ctc(ctc: Any, given: tuple[torch.Tensor, ...], _loss: Any) -> None:
        encoded, frames, *_ = given
        # The last block's come first, and then those of intermediate CTC.
        outputs.setdefault("ctc", (_normalise(ctc.ctc_lo(encoded)), frames))

    def keep_att(_: Any, given: tuple[torch.Tensor, ...], written: Any) -> None:
        outputs["att"] = _normalise(written[0]), given[3]

    with contextlib.ExitStack() as stack:
        for part, keep in ((model.ctc, keep_ctc), (model.decoder, keep_att)):
            if part is not None:
                stack.callback(part.register_forward_hook(keep).remove)
        yield outputs


def divergence(
    model: torch.nn.Module, outputs: Outputs, others: Outputs
) -> torch.Tensor:
    """Return how far other outputs are from given ones.

    It is the Kullback-Leibler divergence, added up over the steps of an utterance and
    averaged over utterances, as the training loss is; branches weigh as in training.
    """
    share = float(model.ctc_weight)
    weights = {"ctc": share, "att": 1.0 - share}
    total = torch.zeros(())
    for name, (own, steps) in outputs.items():
        other, _ = others[name]
        each = (own.exp() * (own - other)).sum(dim=2)
        position = torch.arange(each.shape[1], device=each.device)
        is_audio = position < steps.to(each.device)[:, None]
        value = each.masked_fill(~is_audio, 0.0).sum() / len(each)
        total = total.to(value) + weights[name] * value
    return total


def check_outputs(model: torch.nn.Module) -> None:
    """Refuse a model whose outputs are not known here.

    Raises:
        UserError: If it has another decoder than attention.
    """
    for kind in ("transducer", "linear"):
        if getattr(model, f"use_{kind}_decoder", False):
            raise UserError(
                f"--robust trades compares outputs of CTC and of an attention decoder, "
                f"and the model has a {kind} decoder: use --robust pgd"
            )


def _normalise(logits: torch.Tensor) -> torch.Tensor:
    return logits.float().log_softmax(dim=2)
