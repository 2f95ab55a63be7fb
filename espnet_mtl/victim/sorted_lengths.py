"""Have a recurrent encoder take utterances in any order of their lengths."""

from typing import Any

import torch


class SortedLengths:
    """Sorts a batch for an encoder, longest first, and puts its output back in order.

    ESPnet's recurrent encoders refuse any other order. Batches of an attack need not
    have it: those of other utterances, for the control ``shuffled``, have none.
    """

    def __init__(self) -> None:
        self._order: torch.Tensor | None = None

    def put_around(self, encoder: torch.nn.Module) -> None:
        """Sort all that an encoder will get."""
        encoder.register_forward_pre_hook(self._sort)
        encoder.register_forward_hook(self._restore)

    def _sort(self, _encoder: torch.nn.Module, inputs: tuple) -> tuple:
        features, lengths, *others = inputs
        self._order = None
        if (lengths[1:] <= lengths[:-1]).all():
            return inputs
        self._order = lengths.argsort(descending=True, stable=True)
        return features[self._order], lengths[self._order], *others

    def _restore(
        self, _encoder: torch.nn.Module, _inputs: tuple, outputs: tuple
    ) -> tuple[Any, ...]:
        if self._order is None:
            return outputs
        encoded, lengths, _ = outputs  # the states of the layers are of no use here
        places = self._order.argsort()
        return encoded[places], lengths[places.to(lengths.device)], None
