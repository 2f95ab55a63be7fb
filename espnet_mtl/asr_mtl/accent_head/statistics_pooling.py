"""Accent head with statistics pooling."""

import torch

from espnet_mtl.asr_mtl.accent_head.abs_accent_head import AbsAccentHead

# Below this, the standard deviation's gradient (1 / std) would explode.
VARIANCE_FLOOR = 1e-5


class StatisticsPoolingHead(AbsAccentHead):
    """Mean and standard deviation over time, then a small classifier.

    Statistics pooling is from x-vectors (Snyder et al. 2018, "X-Vectors: Robust DNN
    Embeddings for Speaker Recognition", section 2.1).

    Args:
        hidden_size: Width of the layer between pooling and logits.
        dropout_rate: Dropout before the logits.
    """

    def __init__(
        self,
        input_size: int,
        num_accents: int,
        layer: int | None = None,
        grad_scale: float = 1.0,
        hidden_size: int = 128,
        dropout_rate: float = 0.1,
    ):
        super().__init__(layer, grad_scale)
        self.classifier = torch.nn.Sequential(
            torch.nn.Linear(2 * input_size, hidden_size),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout_rate),
            torch.nn.Linear(hidden_size, num_accents),
        )

    def classify(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Pool mean and deviation over real frames; see :class:`AbsAccentHead`."""
        count = mask.sum(dim=1)
        mean = (frames * mask).sum(dim=1) / count
        deviation = (frames - mean[:, None, :]) * mask
        variance = deviation.square().sum(dim=1) / count
        pooled = torch.cat([mean, variance.clamp(min=VARIANCE_FLOOR).sqrt()], dim=1)
        return self.classifier(pooled)
