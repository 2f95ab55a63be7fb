"""What an utterance loses and where its gradient points do not depend on its batch."""

import logging

import espnet2
import numpy as np
import pytest
import torch
from espnet2.layers.utterance_mvn import UtteranceMVN
from model_factory import make_args

from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.victim.espnet_victim import ESPnetVictim
from espnet_mtl.victim.legacy_positions import LegacyShift
from espnet_mtl.victim.loader import Export
from espnet_mtl.victim.padding import hear_alone

LENGTHS = [3900, 6400, 3100, 4700]
TEXTS = [[4], [2, 5, 3], [2, 2, 3], [3, 5, 4, 2]]

NOT_OF_TRANSFORMERS = (
    "macaron_style use_cnn_module cnn_module_kernel rel_pos_type pos_enc_layer_type "
    "selfattention_layer_type"
).split()
NOT_OF_BRANCHFORMERS = (
    "linear_units macaron_style use_cnn_module cnn_module_kernel "
    "selfattention_layer_type pos_enc_layer_type rel_pos_type"
).split()
NOT_OF_RNNS = [
    "attention_heads",
    "linear_units",
    "num_blocks",
    *NOT_OF_TRANSFORMERS,
]


def conformer(**conf):
    return {"encoder_conf": conf}


def transformer(**conf):
    conf = {**dict.fromkeys(NOT_OF_TRANSFORMERS), **conf}
    return {"encoder": "transformer", "encoder_conf": conf}


def branchformer(kind="branchformer", **conf):
    more = {"merge_conv_kernel": 3} if kind == "e_branchformer" else {}
    conf = {
        **dict.fromkeys(NOT_OF_BRANCHFORMERS),
        "cgmlp_linear_units": 16,
        "cgmlp_conv_kernel": 5,
        **more,
        **conf,
    }
    return {"encoder": kind, "encoder_conf": conf}


def rnn(kind, **conf):
    conf = {
        **dict.fromkeys(NOT_OF_RNNS),
        "num_layers": 2,
        "hidden_size": 8,
        **conf,
    }
    return {"encoder": kind, "encoder_conf": conf}


def rnn_decoder(attention):
    conf = dict.fromkeys(["attention_heads", "linear_units", "num_blocks"])
    conf.update(hidden_size=8, att_conf={"atype": attention})
    return {"decoder": "rnn", "decoder_conf": conf}


# ESPnet's defaults for what is not said: legacy positions for a conformer.
LEGACY = dict(rel_pos_type=None, pos_enc_layer_type=None, selfattention_layer_type=None)
FAST = dict(attention_layer_type="fast_selfattn", pos_enc_layer_type="abs_pos")
MODELS = {
    "conformer, latest positions": conformer(),
    "conformer, legacy positions": conformer(**LEGACY),
    "conformer, absolute positions": conformer(
        pos_enc_layer_type="abs_pos", selfattention_layer_type="selfattn"
    ),
    "conformer, positions by convolution": conformer(
        output_size=16, pos_enc_layer_type="conv", selfattention_layer_type="selfattn"
    ),
    "conformer, legacy, nothing macaron": conformer(
        **LEGACY, macaron_style=False, positionwise_layer_type="conv1d"
    ),
    "conformer, legacy, linear": conformer(**LEGACY, input_layer="linear"),
    "conformer, dropped blocks": conformer(
        **LEGACY, stochastic_depth_rate=0.5, layer_drop_rate=0.5
    ),
    "conformer, own interCTC": {
        "encoder_conf": {
            **LEGACY,
            "interctc_layer_idx": [1],
            "interctc_use_conditioning": True,
        },
        "accent_head_conf": {"layer": 1},
    },
    "conformer, an earlier block for accents": {
        "encoder_conf": LEGACY,
        "accent_head_conf": {"layer": 1},
        "accent_head": "attentive_pooling",
    },
    "transformer": transformer(),
    "transformer, convolutions": transformer(
        positionwise_layer_type="conv1d-linear", positionwise_conv_kernel_size=3
    ),
    "branchformer": branchformer(),
    "branchformer, legacy positions": branchformer(rel_pos_type="legacy"),
    "branchformer, averages": branchformer(merge_method="learned_ave", **FAST),
    "e_branchformer": branchformer("e_branchformer"),
    "e_branchformer, legacy positions": branchformer(
        "e_branchformer", rel_pos_type="legacy", use_ffn=True, macaron_ffn=True
    ),
    "e_branchformer, fast attention": branchformer("e_branchformer", **FAST),
    "vgg_rnn": rnn("vgg_rnn"),
    "vgg_rnn, no projection": rnn("vgg_rnn", use_projection=False, rnn_type="gru"),
    "rnn": rnn("rnn"),
    "rnn, thirds": rnn("rnn", subsample=[3, 1], bidirectional=False),
    "rnn, no projection": rnn("rnn", use_projection=False),
    "rnn decoder": rnn_decoder("location"),
    "rnn decoder, dot attention": rnn_decoder("dot"),
    "utterance_mvn with variances": {
        "normalize": "utterance_mvn",
        "normalize_conf": {"norm_vars": True},
    },
    "utterance_mvn, variances alone": {
        "normalize": "utterance_mvn",
        "normalize_conf": {"norm_vars": True, "norm_means": False},
    },
    "vgg_rnn after means": {
        **rnn("vgg_rnn"),
        "normalize": "utterance_mvn",
        "normalize_conf": {},
    },
    "global_mvn": {"normalize": "global_mvn"},
    "no normalisation": {"normalize": None},
    "windows inside the audio": {"frontend_conf": {"center": False}},
    "linear layer in front": {
        "preencoder": "linear",
        "preencoder_conf": {"input_size": 16, "output_size": 12},
    },
}
for layer in "conv2d1 conv2d2 conv2d6 conv2d8".split():
    MODELS[f"conformer, {layer}"] = conformer(**LEGACY, input_layer=layer)
    MODELS[f"transformer, {layer}"] = transformer(input_layer=layer)
MODELS["transformer, linear"] = transformer(input_layer="linear")
MODELS["transformer, conv1d2"] = transformer(input_layer="conv1d2")
MODELS["branchformer, linear"] = branchformer(input_layer="linear")
MODELS["branchformer, conv2d6"] = branchformer(input_layer="conv2d6")
MODELS["e_branchformer, conv1d3"] = branchformer(
    "e_branchformer", input_layer="conv1d3"
)

for (
    decoder
) in "lightweight_conv lightweight_conv2d dynamic_conv dynamic_conv2d".split():
    conf = {"conv_wshare": 2, "conv_kernel_length": [3]}
    MODELS[f"{decoder} decoder"] = {"decoder": decoder, "decoder_conf": conf}
MODELS["multiconv_conformer"] = {
    "encoder": "multiconv_conformer",
    "encoder_conf": {
        **dict.fromkeys(["use_cnn_module", "cnn_module_kernel"]),
        "cgmlp_linear_units": 16,
        "multicgmlp_kernel_sizes": "3,5",
    },
}

UNKNOWN = {
    "encoder: ContextualBlockTransformerEncoder": {
        **transformer(),
        "encoder": "contextual_block_transformer",
    },
    "encoder_conf: ctc_trim": {
        "encoder_conf": {"interctc_layer_idx": [1], "ctc_trim": True}
    },
    "decoder: OddDecoder": {},
}


def make_model(tmp_path, overrides, odd=False):
    """Build a model with weights that are all far from zero, or every effect is."""
    overrides = dict(overrides)
    if overrides.get("normalize") == "global_mvn":
        overrides["normalize_conf"] = {"stats_file": str(write_stats(tmp_path))}
    torch.manual_seed(0)
    args = make_args(**{"normalize": "utterance_mvn", **overrides})
    model = ASRMTLTask.build_model(args).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    if odd:
        model.decoder.__class__ = type("OddDecoder", (type(model.decoder),), {})
    return model, args


def make_victim(tmp_path, overrides, odd=False):
    model, args = make_model(tmp_path, overrides, odd)
    return ESPnetVictim(Export(model, args, None, None, "0"))


def write_stats(tmp_path):
    rng = np.random.default_rng(0)
    mean = rng.normal(-5, 1, 16)
    stats = {"count": 10, "sum": 10 * mean, "sum_square": 10 * (mean**2 + 4)}
    np.savez(tmp_path / "stats.npz", **stats)
    return tmp_path / "stats.npz"


def make_speech():
    generator = torch.Generator().manual_seed(0)
    rows = [0.1 * torch.randn(length, generator=generator) for length in LENGTHS]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def hear(victim, speech, rows):
    """Return the losses of some utterances by branch, and the joint gradient."""
    lengths = torch.tensor([LENGTHS[row] for row in rows])
    speech = speech[rows, : lengths.max()].requires_grad_(True)
    texts = [TEXTS[row] for row in rows]
    accents = [row % 3 for row in rows]
    with torch.no_grad():
        losses = victim.losses(speech, lengths, texts, accents, [*victim.weights])
    loss = WeightedLoss(victim, victim.weights, lengths, texts, accents)
    (gradient,) = torch.autograd.grad(loss(speech).sum(), speech)
    return losses, gradient


def compare(victim):
    """Return how much losses differ, and the least share of equal signs."""
    speech, rows = make_speech(), list(range(len(LENGTHS)))
    losses, gradient = hear(victim, speech, rows)
    assert set(losses) == {"ctc", "att", "accent"}
    furthest, shares = 0.0, []
    for row, length in enumerate(LENGTHS):
        alone, own_gradient = hear(victim, speech, [row])
        for name, loss in alone.items():
            furthest = max(furthest, float((loss[0] - losses[name][row]).abs()))
        assert own_gradient.any()
        same = own_gradient[0].sign() == gradient[row, :length].sign()
        shares.append(same.float().mean().item())
    return furthest, min(shares)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_changes_neither_losses_nor_gradients(tmp_path, name, caplog):
    with caplog.at_level(logging.WARNING):
        victim = make_victim(tmp_path, MODELS[name])
    furthest, least_equal = compare(victim)
    assert furthest < 1e-4 and least_equal >= 0.9999
    assert "padding" not in caplog.text


@pytest.mark.parametrize("name", UNKNOWN)
def test_of_a_part_that_is_not_known_equal_lengths_are_heard_at_once(
    tmp_path, name, caplog
):
    with caplog.at_level(logging.WARNING):
        victim = make_victim(tmp_path, UNKNOWN[name], odd=name.startswith("decoder"))
    assert caplog.text.count(f"may hear padding ({name})") == 1
    furthest, least_equal = compare(victim)
    assert furthest < 1e-4 and least_equal == 1.0


def test_equal_lengths_are_heard_together(tmp_path):
    victim = make_victim(tmp_path, {}, odd=True)
    sizes = []
    victim._model.encoder.register_forward_pre_hook(
        lambda _, inputs: sizes.append(len(inputs[0]))
    )
    speech = make_speech()[:, :3000]
    texts = [[4], [2, 5, 3], [2, 2, 3], [3]]
    victim.losses(speech, torch.full((4,), 3000), texts, [0] * 4, ("ctc",))
    assert sizes == [2, 2]


def counts_padding():
    features = torch.tensor([[[1.0], [3.0]], [[1.0], [0.0]]])
    normalised, _ = UtteranceMVN(norm_vars=True)(features, torch.tensor([2, 1]))
    return bool(normalised[1, 1:].any())


def ignore_padding_in_vgg(frames, vgg):
    pass


@pytest.mark.parametrize(
    ("name", "effect", "as_espnet_does"),
    [
        (
            "conformer, legacy positions",
            "frames.LegacyShift",
            lambda lengths, width: LegacyShift(torch.full_like(lengths, width), width),
        ),
        ("vgg_rnn", "frames.Frames._put_into_vgg", ignore_padding_in_vgg),
        pytest.param(
            "utterance_mvn with variances",
            "padding._rescale",
            lambda module, inputs, outputs: outputs,
            marks=pytest.mark.skipif(
                espnet2.__version__ >= "202611", reason="this ESPnet has no such effect"
            ),
        ),
        ("rnn", "stft_ends._mirror_ends", lambda stft, inputs: inputs),
    ],
)
def test_each_effect_is_there_where_it_is_not_taken_out(
    tmp_path, monkeypatch, name, effect, as_espnet_does
):
    if effect == "padding._rescale" and not counts_padding():
        pytest.skip("This ESPnet leaves padding out of an utterance's variance itself")
    monkeypatch.setattr(f"espnet_mtl.victim.{effect}", as_espnet_does)
    furthest, least_equal = compare(make_victim(tmp_path, MODELS[name]))
    assert furthest > 1e-3 and least_equal < 0.999


@pytest.mark.parametrize(
    "name", ["conformer, legacy positions", "vgg_rnn", "utterance_mvn with variances"]
)
def test_alone_it_is_the_model_as_it_was(tmp_path, name):
    ours, _ = make_model(tmp_path, MODELS[name])
    own, _ = make_model(tmp_path, MODELS[name])
    assert hear_alone(ours) == ""
    speech, length = make_speech()[1:2], torch.tensor([6400])
    for a, b in zip(
        ours.encode(speech, length), own.encode(speech, length), strict=True
    ):
        assert torch.equal(a, b)


def test_the_legacy_shift_is_espnets_own_for_each_utterance(tmp_path):
    model, _ = make_model(tmp_path, MODELS["conformer, legacy positions"])
    own_shift = model.encoder.encoders[0].self_attn.rel_shift
    torch.manual_seed(0)
    lengths = torch.tensor([7, 1, 4, 2])
    scores = torch.randn(4, 2, 7, 7)
    weights = torch.randn(4, 2, 7, 7)
    together, alone = (scores.clone().requires_grad_(True) for _ in range(2))
    shifted = LegacyShift(lengths, 7)(together)
    total, expected_total = 0.0, 0.0
    for row, length in enumerate(lengths.tolist()):
        part = (row, slice(None), slice(length), slice(length))
        expected = own_shift(alone[part][None].contiguous())[0]
        assert torch.equal(shifted[part], expected)
        total = total + (shifted[part] * weights[part]).sum()
        expected_total = expected_total + (expected * weights[part]).sum()
    total.backward()
    expected_total.backward()
    assert torch.equal(together.grad, alone.grad)
