"""ESPnet's legacy relative positions, as an utterance alone has them.

``rel_pos`` without a ``rel_pos_type`` means them. Their shift moves the scores of
positions by the number of frames of the batch, padding included, so that an utterance
in a padded batch gets other positions than alone.
"""

from typing import Any

import torch


class LegacyShift:
    """The shift of legacy relative positions by the length of each utterance.

    Takes the place of ``LegacyRelPositionMultiHeadedAttention.rel_shift``. What it does
    is that shift's result for each utterance alone; frames of padding are left as they
    are, as no frame of the audio attends to them.

    Args:
        lengths: Frames of each utterance, (Batch,).
        num_frames: Frames of the batch, padding included.
    """

    def __init__(self, lengths: torch.Tensor, num_frames: int):
        frames = torch.arange(num_frames, device=lengths.device)
        query, key, own = frames[:, None], frames[None, :], lengths[:, None, None]
        # Keys up to the query have the scores at the end of its row. The key after it
        # has none. For keys after that, ESPnet takes those of the next query's row.
        before = key <= query
        row = torch.where(before, query, query + 1)
        column = torch.where(before, own - 1 - query + key, key - query - 2)
        # So that nothing is taken twice, the key without a score "takes" one of those
        # at the start of the first row, which nobody needs.
        nothing = key == query + 1
        row, column = torch.where(nothing, 0, row), torch.where(nothing, query, column)
        inside = (query < own) & (key < own)
        here = query * num_frames + key
        sources = torch.where(inside, row * num_frames + column, here).flatten(1)
        places = torch.empty_like(sources)
        places.scatter_(1, sources, here.flatten().expand_as(sources))
        self._sources, self._places = sources, places
        self._needed = frames >= lengths[:, None] - 1  # of the first row

    def __call__(self, scores: torch.Tensor) -> torch.Tensor:
        """Shift scores, (Batch, Heads, Frames, Frames)."""
        shifted: torch.Tensor = _Shift.apply(
            scores, self._sources, self._places, self._needed
        )
        return shifted


class _Shift(torch.autograd.Function):
    """A permutation, whose gradient is the reverse one, and a diagonal of zeros.

    The gradient of indexing would add up, one by one, what needs only to be moved.
    """

    @staticmethod
    def forward(
        ctx: Any,
        scores: torch.Tensor,
        sources: torch.Tensor,
        places: torch.Tensor,
        needed: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(places, needed)
        shifted = _permute(scores, sources)
        shifted.diagonal(1, dim1=2, dim2=3).zero_()
        return shifted

    @staticmethod
    def backward(
        ctx: Any, gradient: torch.Tensor
    ) -> tuple[torch.Tensor, None, None, None]:
        places, needed = ctx.saved_tensors
        gradient = _permute(gradient, places)
        gradient[:, :, 0] *= needed[:, None]
        return gradient, None, None, None


def _permute(scores: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    flat = scores.flatten(2)
    sources = sources[:, None].expand(-1, flat.shape[1], -1)
    return flat.gather(2, sources).view_as(scores)
