"""A model as an attack inside the training step sees it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

# They decode, which is slow, and only for the log.
_FOR_THE_LOG = ("error_calculator", "error_calculator_trans")

# Randomness of ESPnet's that its eval mode leaves on: dropout before CTC, and an RNN
# decoder's own guesses in place of the true tokens (scheduled sampling).
_ALSO_IN_EVAL = (("ctc", "dropout_rate"), ("decoder", "sampling_probability"))


@contextlib.contextmanager
def seen_from_inside(model: torch.nn.Module, mode: str) -> Iterator[None]:
    """Have a model ready for gradients of its input for the time of a ``with`` block.

    Gradients are on, also in validation. Nothing is calculated that only the log needs.
    Half precision is that of training where its range is that of single precision
    (bfloat16); with float16 it is off, for nobody scales these gradients, which would
    become zero.

    Args:
        model: The recogniser.
        mode: ``eval`` switches dropout, SpecAugment and batch statistics off, as when
            the model is used and attacked; ``train`` leaves them as they are.
    """
    modes = [(module, module.training) for module in model.modules()]
    present = [name for name in _FOR_THE_LOG if hasattr(model, name)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        stack.enter_context(_precision(model))
        stack.enter_context(temporarily(model, **dict.fromkeys(present)))
        if hasattr(model, "accent_head"):
            # What the head sends into the encoder is for the training alone.
            stack.enter_context(temporarily(model.accent_head, grad_scale=1.0))
        if mode == "eval":
            model.eval()
            for part, name in _ALSO_IN_EVAL:
                if hasattr(getattr(model, part, None), name):
                    off = temporarily(getattr(model, part), **{name: 0.0})
                    stack.enter_context(off)
        if any(isinstance(m, torch.nn.RNNBase) and not m.training for m, _ in modes):
            # cuDNN's recurrent layers have no gradient in eval mode.
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


@contextlib.contextmanager
def temporarily(target: Any, **values: Any) -> Iterator[None]:
    """Give an object other attributes for the time of a ``with`` block."""
    before = {name: getattr(target, name) for name in values}
    for name, value in values.items():
        setattr(target, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(target, name, value)


def _precision(model: torch.nn.Module) -> torch.autocast:
    kind = next(model.parameters()).device.type
    dtype = torch.get_autocast_dtype(kind)
    enabled = torch.is_autocast_enabled(kind) and dtype is torch.bfloat16
    # Weights in half precision are not kept for the training pass that follows.
    return torch.autocast(kind, dtype=dtype, enabled=enabled, cache_enabled=False)
