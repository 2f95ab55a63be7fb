"""How many frames an encoder of ESPnet makes of a recording."""

from collections.abc import Callable, Mapping
from typing import Any

# What ESPnet's classes take where a configuration says nothing
_DEFAULT_HOPS = {"default": 128, "sliding_window": 160}
_DEFAULT_INPUT_LAYER = "conv2d"
_DEFAULT_RNN_LAYERS, _DEFAULT_SUBSAMPLE = 4, [2, 2, 1, 1]

# Kernel and stride, over time, of each convolution of an input layer
_CONVOLUTIONS: dict[str | None, tuple[tuple[int, int], ...]] = {
    "conv2d": ((3, 2), (3, 2)),
    "conv2d1": ((3, 1), (3, 1)),
    "conv2d2": ((3, 2), (3, 1)),
    "conv2d6": ((3, 2), (5, 3)),
    "conv2d8": ((3, 2), (3, 2), (3, 2)),
    "conv1d1": ((3, 1), (3, 1)),
    "conv1d2": ((3, 1), (3, 2)),
    "conv1d3": ((3, 1), (5, 3)),
    "linear": (),
    None: (),
}
_WITH_INPUT_LAYER = (
    "branchformer",
    "conformer",
    "contextual_block_conformer",
    "contextual_block_transformer",
    "e_branchformer",
    "longformer",
    "multiconv_conformer",
    "transformer",
)


class UnknownFrames(Exception):
    """A configuration whose frames cannot be counted here; says which part of it."""


def frame_counter(settings: Mapping[str, Any]) -> Callable[[int], int]:
    """Return a function from an utterance's samples to the frames that CTC sees.

    Frames are those of the utterance alone, as it is decoded. ESPnet's masks leave some
    utterances a frame or two more in a padded batch.

    Args:
        settings: ESPnet's configuration of a training.

    Raises:
        UnknownFrames: For a front-end or an encoder that is not counted here, such as
            one with a pretrained model.
    """
    for part in ("preencoder", "postencoder"):
        if settings.get(part) not in (None, "linear"):
            raise UnknownFrames(f"{part}: {settings[part]}")
    features = _count_features(settings)
    encode = _count_encoder(settings)
    return lambda num_samples: max(0, encode(features(num_samples)))


def hop_length(settings: Mapping[str, Any]) -> int | None:
    """Return the samples from one frame of features to the next, where known."""
    conf = settings.get("frontend_conf") or {}
    return conf.get("hop_length", _DEFAULT_HOPS.get(settings.get("frontend", "")))


def has_input_layer(settings: Mapping[str, Any]) -> bool:
    """Tell whether the encoder has an input layer to choose, such as ``conv2d2``."""
    return settings.get("encoder") in _WITH_INPUT_LAYER


def _count_features(settings: Mapping[str, Any]) -> Callable[[int], int]:
    conf = settings.get("frontend_conf") or {}
    hop = hop_length(settings)
    if settings.get("frontend") == "default" and conf.get("apply_stft", True):
        n_fft = conf.get("n_fft", 512)
        padding = 2 * (n_fft // 2) if conf.get("center", True) else 0
        return lambda samples: (samples + padding - n_fft) // hop + 1
    if settings.get("frontend") == "sliding_window":
        window = conf.get("win_length", 400)
        return lambda samples: (samples - window) // hop + 1
    raise UnknownFrames(f"frontend: {settings.get('frontend')}")


def _count_encoder(settings: Mapping[str, Any]) -> Callable[[int], int]:
    conf = settings.get("encoder_conf") or {}
    encoder = settings.get("encoder")
    if has_input_layer(settings):
        input_layer = conf.get("input_layer", _DEFAULT_INPUT_LAYER)
        if input_layer not in _CONVOLUTIONS:
            raise UnknownFrames(f"encoder_conf: input_layer: {input_layer}")
        return lambda frames: _convolve(frames, _CONVOLUTIONS[input_layer])
    if encoder == "vgg_rnn":
        return lambda frames: -(-frames // 4)
    if encoder == "rnn":
        projects = conf.get("use_projection", True)
        layers = conf.get("num_layers", _DEFAULT_RNN_LAYERS)
        steps = list(conf.get("subsample", _DEFAULT_SUBSAMPLE) or [])[:layers]
        steps = steps if projects else []
        return lambda frames: _step(frames, steps)
    raise UnknownFrames(f"encoder: {encoder}")


def _convolve(frames: int, convolutions: tuple[tuple[int, int], ...]) -> int:
    for kernel, stride in convolutions:
        frames = (frames - kernel) // stride + 1
    return frames


def _step(frames: int, steps: list[int]) -> int:
    for step in steps:
        if step > 1:  # as ESPnet rounds it
            frames = (frames + 1) // step
    return frames
