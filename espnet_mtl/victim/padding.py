"""Have a model hear an utterance in a batch exactly as it hears it alone.

In ESPnet's encoders, padding has an effect. In a batch, the last STFT window of a
shorter utterance sees zeros, where alone it sees the audio mirrored; subsampling makes
one more frame, out of padding; and a convolution module reads the frames after the end,
which are not zero behind the first block. This does no harm to training. It does to an
attack: in a padded batch, it would follow the gradient of another function than the one
that decodes the audio alone afterwards.
"""

from typing import Any

import torch
from espnet2.layers.stft import Stft


def hear_alone(model: torch.nn.Module) -> None:
    """Remove the effects of padding from a model, in place; weights stay as they are.

    This is exact for the default frontend with encoders that subsample by convolution
    (transformer, conformer, branchformer, E-branchformer). Others stay as they are.

    Args:
        model: An ``ESPnetASRModel`` in eval mode.
    """
    for module in model.modules():
        if isinstance(module, Stft) and module.center:
            module.register_forward_pre_hook(_mirror_ends)
            module.register_forward_hook(_cut_frames)
    encoder = getattr(model, "encoder", None)
    embed = getattr(encoder, "embed", None)
    if "Subsampling" in type(embed).__name__ and hasattr(embed, "conv"):
        frames = _FrameMask()
        embed.register_forward_hook(frames.count)
        for name, module in encoder.named_modules():
            if isinstance(module, torch.nn.Conv1d) and not name.startswith("embed"):
                module.register_forward_pre_hook(frames.silence)


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


class _FrameMask:
    """Knows which of an encoder's frames an utterance has when it is alone."""

    def __init__(self) -> None:
        self._mask = torch.empty(0)

    def count(self, embed: torch.nn.Module, inputs: tuple, outputs: tuple) -> tuple:
        """Replace the mask of a subsampling layer by that of each utterance alone."""
        encoded, mask = outputs
        if mask is None:
            return outputs
        lengths = inputs[1].sum(dim=-1)  # (Batch, 1)
        for layer in embed.conv:
            if isinstance(layer, torch.nn.Conv1d | torch.nn.Conv2d):
                kernel, stride = layer.kernel_size[0], layer.stride[0]
                lengths = (lengths - kernel).div(stride, rounding_mode="floor") + 1
        positions = torch.arange(mask.shape[-1], device=mask.device)
        self._mask = positions < lengths[:, :, None]
        return encoded, self._mask

    def silence(self, conv: torch.nn.Conv1d, inputs: tuple) -> tuple:
        """Set frames after the end to zero, as the padding of a convolution is."""
        (encoded,) = inputs
        if conv.kernel_size[0] == 1 or encoded.shape[-1] != self._mask.shape[-1]:
            return inputs
        return (encoded * self._mask.to(encoded.dtype),)
