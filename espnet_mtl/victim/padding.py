"""Have a model hear an utterance in a batch exactly as it hears it alone.

In ESPnet's encoders, padding has an effect. In a batch, the last STFT window of a
shorter utterance sees zeros, where alone it sees the audio mirrored; subsampling makes
one more frame, out of padding; convolutions read the frames after the end, which are
not zero behind the first block; legacy relative positions are counted from the end of
the batch. This does no harm to training. It does to an attack: in a padded batch, it
would follow the gradient of another function than the one that decodes the audio alone
afterwards.
"""

import torch

from espnet_mtl.victim.frames import Frames
from espnet_mtl.victim.sorted_lengths import SortedLengths
from espnet_mtl.victim.stft_ends import mirror_each_end

# The parts of a model whose effects of padding are known, and none or taken out. The
# tests compare each of them in a batch and alone.
_KNOWN = {
    "frontend": ("DefaultFrontend",),
    "normalize": ("GlobalMVN", "UtteranceMVN", "NoneType"),
    "preencoder": ("LinearProjection", "NoneType"),
    "encoder": (
        "BranchformerEncoder",
        "ConformerEncoder",
        "EBranchformerEncoder",
        "MultiConvConformerEncoder",
        "RNNEncoder",
        "TransformerEncoder",
        "VGGRNNEncoder",
    ),
    "postencoder": ("NoneType",),
    "decoder": (
        "DynamicConvolution2DTransformerDecoder",
        "DynamicConvolutionTransformerDecoder",
        "LightweightConvolution2DTransformerDecoder",
        "LightweightConvolutionTransformerDecoder",
        "RNNDecoder",
        "TransformerDecoder",
        "NoneType",
    ),
}


def hear_alone(model: torch.nn.Module) -> str:
    """Remove the effects of padding from a model, in place; weights stay as they are.

    Args:
        model: An ``ESPnetASRModel`` in eval mode.

    Returns:
        Empty if padding has no effect any more. Else the part of the model, such as
        ``encoder: LongformerEncoder``, that may be affected in a way that is not known;
        the model must then get no padding.
    """
    for module in model.modules():
        if type(module).__name__ == "Stft" and module.center:
            mirror_each_end(module)
    for name, known in _KNOWN.items():
        kind = type(getattr(model, name)).__name__
        if kind not in known:
            return f"{name}: {kind}"
    encoder = model.encoder
    if getattr(encoder, "ctc_trim", False):
        return "encoder_conf: ctc_trim"
    normalize = model.normalize
    # Where the mean is not taken away, padding is zero and not in the variance.
    if getattr(normalize, "norm_vars", False) and normalize.norm_means:
        if type(normalize).__name__ == "UtteranceMVN":
            normalize.register_forward_hook(_rescale)
    if any(isinstance(module, torch.nn.RNNBase) for module in encoder.modules()):
        SortedLengths().put_around(encoder)
    Frames().put_into(encoder)
    return ""


def _rescale(
    _normalize: torch.nn.Module, _inputs: tuple, outputs: tuple
) -> tuple[torch.Tensor, torch.Tensor]:
    """Make each utterance's variance that of its own frames.

    ESPnet subtracts the mean from padding, too, and then counts it in the variance.
    This only scales the features, so that the true variance can still be had of them.
    """
    features, lengths = outputs
    positions = torch.arange(features.shape[1], device=features.device)
    own = positions < lengths[:, None]
    if own.all():
        return outputs
    features = features * own[:, :, None].to(features.dtype)
    variance = features.square().sum(dim=1, keepdim=True) / lengths[:, None, None]
    # A feature that never changes is zero, and has no gradient.
    tiny = torch.finfo(features.dtype).tiny
    return features / variance.clamp(min=tiny).sqrt(), lengths
