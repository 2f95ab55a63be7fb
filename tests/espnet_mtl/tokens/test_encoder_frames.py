"""Frames of every encoder: as many as ESPnet's own make."""

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import pytest
import torch
from espnet2.tasks.asr import encoder_choices, frontend_choices

from espnet_mtl.tokens.encoder_frames import UnknownFrames, frame_counter

SMALL = {"output_size": 4, "attention_heads": 1, "num_blocks": 1}
ALSO = {
    "branchformer": {"cgmlp_linear_units": 4},
    "e_branchformer": {"cgmlp_linear_units": 4, "linear_units": 4},
    "multiconv_conformer": {"cgmlp_linear_units": 16, "linear_units": 4},
}
COMMON = ["conv2d", "conv2d1", "conv2d2", "conv2d6", "conv2d8", "linear"]
LAYERS = {
    "conformer": COMMON,
    "transformer": [*COMMON, "conv1d2"],
    "branchformer": COMMON,
    "e_branchformer": [*COMMON, "conv1d1", "conv1d2", "conv1d3"],
    "multiconv_conformer": COMMON,
    "contextual_block_conformer": ["conv2d", "conv2d6", "conv2d8", "linear"],
    "contextual_block_transformer": ["conv2d", "conv2d6", "conv2d8", "linear"],
}
ENCODERS = [
    *[
        (name, {**SMALL, **ALSO.get(name, {"linear_units": 4}), "input_layer": layer})
        for name, layers in LAYERS.items()
        for layer in layers
    ],
    ("conformer", SMALL),  # ESPnet's defaults
    ("rnn", {}),
    ("rnn", {"num_layers": 2, "subsample": [3, 2, 2], "hidden_size": 4}),
    ("rnn", {"num_layers": 1, "subsample": [3], "use_projection": False}),
    ("vgg_rnn", {"num_layers": 1, "hidden_size": 4, "output_size": 4}),
]


def frames_of(encoder: torch.nn.Module, frames: int) -> int:
    with torch.no_grad():
        hidden, lengths, *_ = encoder(
            torch.randn(1, frames, 20), torch.tensor([frames])
        )
    assert hidden.size(1) == int(lengths[0])
    return int(lengths[0])


@pytest.mark.parametrize(
    ("name", "conf"),
    ENCODERS,
    ids=lambda v: v if isinstance(v, str) else v.get("input_layer", ""),
)
def test_an_encoder_of_espnet_makes_as_many_frames(name, conf):
    encoder = encoder_choices.get_class(name)(input_size=20, **conf).eval()
    # One sample is one frame of features.
    features = {"n_fft": 2, "hop_length": 1, "center": False}
    count = frame_counter(
        {
            "frontend": "default",
            "frontend_conf": features,
            "encoder": name,
            "encoder_conf": conf,
        }
    )
    lengths = [*range(16, 30), 101]
    assert [count(n + 1) for n in lengths] == [frames_of(encoder, n) for n in lengths]


@pytest.mark.parametrize(
    ("name", "conf"),
    [
        ("default", {}),
        ("default", {"n_fft": 512, "hop_length": 160, "win_length": 400}),
        ("default", {"n_fft": 64, "hop_length": 33, "center": False}),
        ("sliding_window", {"win_length": 400, "hop_length": 160}),
    ],
)
def test_a_front_end_of_espnet_makes_as_many_frames(name, conf):
    frontend = frontend_choices.get_class(name)(**conf)
    settings = {"frontend": name, "frontend_conf": conf, "encoder": "conformer"}
    count = frame_counter({**settings, "encoder_conf": {"input_layer": "linear"}})
    for samples in (2000, 2047, 2048, 2049, 2079, 2080, 5000):
        speech, length = torch.randn(1, samples), torch.tensor([samples])
        assert count(samples) == int(frontend(speech, length)[1][0])


def test_too_short_a_recording_has_no_frames():
    settings = {"frontend": "default", "encoder": "conformer"}
    assert frame_counter(settings)(100) == 0


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"frontend": "s3prl", "encoder": "conformer"}, "frontend: s3prl"),
        ({"frontend": "default", "encoder": "hubert"}, "encoder: hubert"),
        (
            {"frontend": "default", "encoder": "rnn", "preencoder": "sinc"},
            "preencoder: sinc",
        ),
    ],
)
def test_what_cannot_be_counted_is_named(settings, part):
    with pytest.raises(UnknownFrames, match=part):
        frame_counter(settings)
