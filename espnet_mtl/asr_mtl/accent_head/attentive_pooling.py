"""Accent head with attentive pooling."""

import torch

from espnet_mtl.asr_mtl.accent_head.abs_accent_head import AbsAccentHead


class AttentivePoolingHead(AbsAccentHead):
    """Weighted mean over time with learned weights, then a small classifier.

    Each pooling head scores every frame. The softmax of the scores over the real frames
    gives the weights of the mean, so that a head can attend to the few phones that tell
    accents apart (Okabe et al. 2018, arXiv 1803.10963, section 3.1; here without the
    standard deviation, and with several independent pooling heads).

    Args:
        attention_size: Width of the layer that scores frames.
        pooling_heads: Number of independent weightings.
        hidden_size: Width of the layer between pooling and logits.
        dropout_rate: Dropout before the logits.
    """

    def __init__(
        self,
        input_size: int,
        num_accents: int,
        layer: int | None = None,
        grad_scale: float = 1.0,
        attention_size: int = 64,
        pooling_heads: int = 4,
        hidden_size: int = 128,
        dropout_rate: float = 0.1,
    ):
        super().__init__(layer, grad_scale)
        self.scorer = torch.nn.Sequential(
            torch.nn.Linear(input_size, attention_size),
            torch.nn.Tanh(),
            torch.nn.Linear(attention_size, pooling_heads),
        )
        self.classifier = torch.nn.Sequential(
            torch.nn.Linear(pooling_heads * input_size, hidden_size),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout_rate),
            torch.nn.Linear(hidden_size, num_accents),
        )

    def classify(self, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Pool real frames with learned weights; see :class:`AbsAccentHead`."""
        scores = self.scorer(frames).masked_fill(~mask, float("-inf"))
        weights = scores.softmax(dim=1)  # (Batch, Frames, Heads)
        pooled = torch.einsum("bth,btd->bhd", weights, frames)
        return self.classifier(pooled.flatten(start_dim=1))
