"""A model of one ESPnet release in another: tests/releases has some of each."""

import json

import pytest
import torch
from espnet2.bin.asr_inference import Speech2Text
from espnet2.main_funcs.pack_funcs import unpack
from model_factory import make_args, save_model
from releases.make import DECODING, FOLDER, speech

from espnet_mtl.espnet_nets import import_nets
from espnet_mtl.inference.speech2text import Speech2TextAccent
from espnet_mtl.package.unpacking import unpack_model
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tasks.pretrained import load_initial_weights
from espnet_mtl.tasks.weight_names import _RENAMED, fit_names, write_old_names
from espnet_mtl.tasks.weights import read_weights
from espnet_mtl.victim.loader import load_export

OUT = "encoder.embed.out.0.weight"


@pytest.fixture(params=["202511", "202611"])
def release(request):
    return request.param


@pytest.fixture(params=["ours", "stock"])
def whose(request):
    return request.param


@pytest.fixture
def zip_file(release, whose):
    return FOLDER / f"{release}-{whose}.zip"


@pytest.fixture
def heard(release, whose):
    """What ESPnet of that release hears."""
    return json.loads((FOLDER / f"{release}.json").read_text())[whose]


def test_we_hear_what_the_release_heard_that_made_the_zip(zip_file, heard, tmp_path):
    recogniser = Speech2TextAccent(**unpack_model(zip_file, tmp_path / "x"), **DECODING)
    best = recogniser(speech()).nbest[0]
    assert (best.text, best.token_int) == (heard["text"], heard["ids"])
    assert float(best.score) == pytest.approx(heard["score"], rel=1e-5)


def test_an_attack_finds_the_weights_of_the_zip(zip_file, tmp_path):
    stored = read_weights(unpack_model(zip_file, tmp_path / "x")["asr_model_file"])
    model = load_export(zip_file).model
    own = model.state_dict()
    stored = fit_names(stored, own)
    assert stored.keys() == own.keys()
    assert all(torch.equal(stored[name], value) for name, value in own.items())


@pytest.mark.parametrize("whose", ["ours"], indirect=True)
def test_stock_espnet_hears_the_same_with_our_zip(zip_file, heard, tmp_path):
    stock = Speech2Text(**unpack(zip_file, tmp_path), **DECODING)
    text, _, ids, best = stock(speech())[0]
    assert (text, " ".join(map(str, ids))) == (heard["text"], heard["ids"])
    assert float(best.score) == pytest.approx(heard["score"], rel=1e-5)


@pytest.mark.parametrize(
    "part", ["", ":encoder:encoder", ":encoder.embed:encoder.embed"]
)
@pytest.mark.parametrize("ignore", [False, True])
def test_training_starts_from_the_weights_of_the_zip(zip_file, part, ignore, tmp_path):
    weights = unpack_model(zip_file, tmp_path / "x")["asr_model_file"]
    stored = read_weights(weights)
    for file in (zip_file, weights):
        torch.manual_seed(1)
        model = ASRMTLTask.build_model(make_args(encoder_conf={"num_blocks": 1}))
        load_initial_weights(model, f"{file}{part}", ignore, folder=tmp_path)
        own = model.state_dict()
        assert torch.equal(own[OUT], fit_names(stored, own)[OUT])


def test_each_release_writes_the_same_names(release, tmp_path):
    made_there = FOLDER / f"{release}-ours.zip"
    weights = unpack_model(made_there, tmp_path / "there")["asr_model_file"]
    _, here = save_model(tmp_path / "here", encoder_conf={"num_blocks": 1})
    assert read_weights(weights).keys() == read_weights(here).keys()


@pytest.mark.parametrize("name", [*_RENAMED, "Conv2dSubsampling8"])
def test_each_subsampling_layer_reads_what_it_writes(name):
    subsampling = import_nets("pytorch_backend.transformer.subsampling")
    embedding = import_nets("pytorch_backend.transformer.embedding")

    def build():
        position = embedding.ScaledPositionalEncoding(4, 0.0)
        return torch.nn.ModuleDict(
            {"embed": getattr(subsampling, name)(24, 4, 0.0, position)}
        )

    model, other = build(), build()
    stock_names = set(model.state_dict())
    torch.nn.init.normal_(dict(model.named_parameters())[_alpha(model)])
    write_old_names(model)
    written = model.state_dict()
    is_old = name in _RENAMED
    assert ("embed.out.0.weight" in written) == is_old
    assert ("embed.out.1.alpha" in written) == is_old
    assert list(written)[0].startswith("embed.conv")
    # As ESPnet's loaders have them, and as ours do.
    other.load_state_dict(written)
    assert all(
        torch.equal(a, b)
        for a, b in zip(model.parameters(), other.parameters(), strict=True)
    )
    assert set(fit_names(written, stock_names)) == stock_names
    build().load_state_dict(fit_names(written, stock_names))
    assert fit_names(other.state_dict(), written).keys() == written.keys()


def _alpha(model):
    """The name of the positional encoding's own weight."""
    return next(n for n, _ in model.named_parameters() if n.endswith("alpha"))
