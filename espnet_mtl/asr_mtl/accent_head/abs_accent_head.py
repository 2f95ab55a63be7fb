"""What all accent heads have in common: which frames they read, and masking."""

from abc import ABC, abstractmethod

import torch

# What ESPnetASRModel.encode returns: the last layer's output, (Batch, Frames, Dim), and
# beside it the outputs of the layers in ``interctc_layer_idx``, when there are any.
Encoded = torch.Tensor | tuple[torch.Tensor, list[tuple[int, torch.Tensor]]]


class _ScaleGradient(torch.autograd.Function):
    """Identity forwards; multiplies the gradient backwards."""

    @staticmethod
    def forward(ctx, features: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.scale = scale
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        return gradient * ctx.scale, None


class AbsAccentHead(torch.nn.Module, ABC):
    """Pools an encoder's frames over the true length and classifies the accent.

    A head's constructor takes ``input_size``, the width of an encoder frame, and
    ``num_accents`` as well; its other arguments are ``accent_head_conf``.

    Args:
        layer: Encoder block whose output is read, counted from 1; ``None`` for the last
            output of the encoder.
        grad_scale: Factor on the gradient that the head sends into the encoder: 1 is
            multi-task learning, 0 leaves the encoder as it is (a probe), a negative
            value is gradient reversal (Ganin & Lempitsky 2015, arXiv 1409.7495, section
            3).
    """

    def __init__(self, layer: int | None, grad_scale: float):
        super().__init__()
        self.layer = layer
        self.grad_scale = grad_scale

    @abstractmethod
    def classify(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Turn frames into accent logits.

        Args:
            frames: (Batch, Frames, Dim).
            mask: (Batch, Frames, 1), true for real frames, false for padding. Every
                utterance has at least one real frame.

        Returns:
            Logits, (Batch, Accents).
        """

    def forward(self, encoded: Encoded, lengths: torch.Tensor) -> torch.Tensor:
        """Return logits, (Batch, Accents), for what ``ESPnetASRModel.encode`` returned.

        ``lengths`` are true numbers of encoder frames, (Batch,).
        """
        frames = self._select_frames(encoded)
        # A matter of training: whoever attacks the model follows the true gradient.
        if self.training and self.grad_scale != 1.0:
            frames = _ScaleGradient.apply(frames, self.grad_scale)
        steps = torch.arange(frames.size(1), device=frames.device)
        mask = steps[None, :] < lengths.to(frames.device)[:, None].clamp(min=1)
        return self.classify(frames, mask[:, :, None])

    def _select_frames(self, encoded: Encoded) -> torch.Tensor:
        last, intermediate = encoded if isinstance(encoded, tuple) else (encoded, [])
        if self.layer is None:
            return last
        for index, frames in intermediate:
            if index == self.layer:
                return frames
        raise ValueError(
            f"the accent head reads the output of encoder block {self.layer}, but the "
            f"encoder returns those of {[index for index, _ in intermediate]}: add it "
            "to encoder_conf: interctc_layer_idx"
        )
