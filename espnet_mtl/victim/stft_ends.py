"""Have an STFT hear the end of each utterance as it hears it alone.

``torch.stft`` mirrors the audio at its ends. In a batch, it mirrors that of the longest
utterance only, and the last windows of the others see zeros.
"""

from typing import Any

import torch
from espnet2.layers.stft import Stft


def mirror_each_end(stft: Stft) -> None:
    """Have a centred STFT mirror each utterance of a batch at its own end, in place."""
    stft.register_forward_pre_hook(_mirror_ends)
    stft.register_forward_hook(_cut_frames)


def _mirror_ends(
    stft: Stft, inputs: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Put each utterance's mirror image after its end, as ``torch.stft`` does alone."""
    speech, lengths = inputs
    if speech.dim() != 2 or len(speech) == 1:
        return inputs
    reach = torch.arange(stft.n_fft // 2, device=speech.device)
    behind = lengths[:, None] + reach
    before = (lengths[:, None] - 2 - reach).clamp(min=0)
    return _Mirror.apply(speech, before, behind), lengths


class _Mirror(torch.autograd.Function):
    """Copy samples to places after the end of the audio.

    An attack does this at every step. Indexing and padding, which need no backward of
    their own, go over the whole batch many times.
    """

    @staticmethod
    def forward(
        ctx: Any, speech: torch.Tensor, sources: torch.Tensor, places: torch.Tensor
    ) -> torch.Tensor:
        """Copy.

        Args:
            ctx: Keeps what :meth:`backward` needs.
            speech: (Batch, Samples).
            sources: Where to copy from, (Batch, Copies).
            places: Where to copy to, also beyond the last sample, (Batch, Copies).

        Returns:
            ``speech`` with the copies, (Batch, Samples + Copies).
        """
        ctx.save_for_backward(sources, places)
        mirrored = torch.nn.functional.pad(speech, (0, sources.shape[1]))
        return mirrored.scatter_(1, places, speech.gather(1, sources))

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Add the gradient of each copy to that of its source."""
        sources, places = ctx.saved_tensors
        copies = gradient.gather(1, places)
        gradient = gradient.scatter(1, places, 0.0)[:, : -sources.shape[1]]
        return gradient.scatter_add_(1, sources, copies), None, None


def _cut_frames(
    _stft: Stft,
    _inputs: tuple[torch.Tensor, ...],
    outputs: tuple[torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut off the frames after the end of the longest utterance."""
    spectrum, lengths = outputs
    return spectrum[:, : int(lengths.max())], lengths
