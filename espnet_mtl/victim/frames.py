"""Have an encoder take each utterance's own frames, and no padding, into account."""

import functools
from collections.abc import Callable

import torch

from espnet_mtl.victim.legacy_positions import LegacyShift


class Frames:
    """Knows which of an encoder's frames an utterance has when it is alone."""

    def __init__(self) -> None:
        self._padded = False  # whether the batch has padding at all
        self._features = torch.empty(0)  # features of each utterance, (Batch,)
        # Frames behind the subsampling, (Batch,)
        self._lengths: torch.Tensor | None = None
        self._mask = torch.empty(0)  # which are its own, (Batch, 1, Frames)
        self._shift: LegacyShift | None = None  # made where it is needed

    def put_into(self, encoder: torch.nn.Module) -> None:
        """Have an encoder ignore padding, in place."""
        embed = getattr(encoder, "embed", None)
        subsampling = embed if "Subsampling" in type(embed).__name__ else None
        convolutions = [
            layer
            for layer in getattr(subsampling, "conv", ())
            if isinstance(layer, torch.nn.Conv1d | torch.nn.Conv2d)
        ]
        count = functools.partial(self._count, convolutions)
        encoder.register_forward_pre_hook(count)
        if subsampling is not None:
            subsampling.register_forward_hook(self._replace_mask)
        for module in encoder.modules():
            kind = type(module).__name__
            if isinstance(module, torch.nn.Conv1d) and any(module.padding):
                module.register_forward_pre_hook(self._silence)
            elif kind == "LegacyRelPositionMultiHeadedAttention":
                module.rel_shift = functools.partial(self._shift_by, module.rel_shift)
            elif kind == "VGG2L":
                self._put_into_vgg(module)

    def _count(
        self,
        convolutions: list[torch.nn.Conv1d | torch.nn.Conv2d],
        _encoder: torch.nn.Module,
        inputs: tuple,
    ) -> None:
        """Count the frames of a batch of features, before the encoder gets it."""
        features, self._features = inputs[:2]
        self._padded = bool((self._features != features.shape[1]).any())
        lengths, longest = self._features, features.shape[1]
        for layer in convolutions:
            kernel, stride = layer.kernel_size[0], layer.stride[0]
            lengths = (lengths - kernel).div(stride, rounding_mode="floor") + 1
            longest = (longest - kernel) // stride + 1
        known = self._lengths is not None and longest == self._mask.shape[-1]
        if not (known and torch.equal(lengths, self._lengths)):
            self._lengths, self._shift = lengths, None
            # Of too short audio there are none; the encoder will say so.
            positions = torch.arange(max(longest, 0), device=lengths.device)
            self._mask = (positions < lengths[:, None])[:, None]

    def _replace_mask(
        self, _subsampling: torch.nn.Module, _inputs: tuple, outputs: tuple
    ) -> tuple:
        """Subsampling makes one frame more, out of padding: take it away again."""
        encoded, _ = outputs
        return encoded, self._mask

    def _silence(self, _conv: torch.nn.Conv1d, inputs: tuple) -> tuple:
        """Set frames after the end to zero, as the padding of a convolution is."""
        if not self._padded:
            return inputs
        (encoded,) = inputs
        return (encoded * self._mask.to(encoded.dtype),)

    def _shift_by(
        self, own_shift: Callable[[torch.Tensor], torch.Tensor], scores: torch.Tensor
    ) -> torch.Tensor:
        """Shift the scores of legacy relative positions."""
        if not self._padded:
            return own_shift(scores)
        if self._shift is None:
            self._shift = LegacyShift(self._lengths, self._mask.shape[-1])
        return self._shift(scores)

    def _put_into_vgg(self, vgg: torch.nn.Module) -> None:
        """Have VGG's padded convolutions, and its pooling, ignore padding.

        A ReLU follows each convolution: its zeros are what pooling leaves out, and have
        no gradient.
        """
        vgg.register_forward_pre_hook(self._silence_features)
        vgg.conv1_1.register_forward_hook(functools.partial(self._silence_map, 1))
        vgg.conv1_2.register_forward_hook(functools.partial(self._silence_map, 1))
        vgg.conv2_1.register_forward_hook(functools.partial(self._silence_map, 2))
        vgg.conv2_2.register_forward_hook(functools.partial(self._silence_map, 2))

    def _silence_features(self, _vgg: torch.nn.Module, inputs: tuple) -> tuple:
        features, *others = inputs
        if not self._padded:
            return inputs
        return features.masked_fill(
            self._padding(features, 1)[:, :, None], 0.0
        ), *others

    def _silence_map(
        self,
        pooled: int,
        _conv: torch.nn.Conv2d,
        _inputs: tuple,
        maps: torch.Tensor,
    ) -> None:
        """Silence feature maps, (Batch, Channels, Frames, Bins), in place."""
        if self._padded:
            padding = self._padding(maps[:, 0], pooled)
            # Behind autograd's back, which saves a pass over the gradients: the ReLU
            # has set them to zero where its result is.
            maps.detach().masked_fill_(padding[:, None, :, None], 0.0)

    def _padding(self, frames: torch.Tensor, pooled: int) -> torch.Tensor:
        """Tell which frames of (Batch, Frames, ...) are padding, (Batch, Frames).

        Each is pooled from so many features.
        """
        first = pooled * torch.arange(frames.shape[1], device=frames.device)
        return first >= self._features[:, None]
