"""Training starts from another model's weights: those that fit, and only weights."""

import shutil
from unittest import mock

import numpy as np
import pytest
import torch
from espnet2.tasks import abs_task
from espnet2.tasks.asr import ASRTask
from espnet2.tasks.lm import LMTask
from model_factory import (
    ACCENTS,
    TOKENS,
    RunsCode,
    make_args,
    pack_stock,
    save_model,
)

from espnet_mtl.errors import UserError
from espnet_mtl.package.packing import pack_model
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tasks.lm import StrictLMTask
from espnet_mtl.tasks.pretrained import load_initial_weights


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """A stock model: its weights and its package."""
    folder = tmp_path_factory.mktemp("stock")
    return {"zip": str(pack_stock(folder)), "pth": str(folder / "model.pth")}


def new_model(**overrides):
    torch.manual_seed(1)
    return ASRMTLTask.build_model(make_args(**overrides))


def same(model, weights, part=""):
    """Which weights of a part are those of a file."""
    state, other = model.state_dict(), torch.load(weights)
    names = [name for name in state if name.startswith(part)]
    return {
        name: name in other and torch.equal(state[name], other[name]) for name in names
    }


@pytest.mark.parametrize("kind", ["pth", "zip"])
def test_all_but_the_accent_head_starts_from_a_stock_model(stock, kind, tmp_path):
    model, untouched = new_model(), new_model().state_dict()
    load_initial_weights(model, stock[kind], False, folder=tmp_path)
    taken = same(model, stock["pth"])
    assert {name for name, is_same in taken.items() if not is_same} == {
        name for name in taken if name.startswith("accent_head")
    }
    for name, value in model.state_dict().items():
        if name.startswith("accent_head"):
            assert torch.equal(value, untouched[name]), name
    assert list(tmp_path.iterdir()) == []  # nothing unpacked is left


def test_an_accent_head_is_left_out_unless_it_is_asked_for(tmp_path):
    config, weights = save_model(tmp_path / "exp")
    pack_model(config, weights, [], tmp_path / "x.zip")
    model = new_model()
    load_initial_weights(model, str(tmp_path / "x.zip"), False)
    assert all(same(model, weights, "encoder").values())
    assert not all(same(model, weights, "accent_head").values())
    load_initial_weights(new_model(accent_weight=0.0), str(weights), False)
    load_initial_weights(model, f"{weights}:accent_head:accent_head", False)
    assert all(same(model, weights, "accent_head").values())


def test_parts_are_chosen_as_by_espnet(stock):
    model = new_model()
    load_initial_weights(model, f"{stock['pth']}:encoder:encoder", False)
    assert all(same(model, stock["pth"], "encoder").values())
    assert not all(same(model, stock["pth"], "decoder").values())
    model = new_model()
    load_initial_weights(model, f"{stock['zip']}:::decoder", False)
    assert not all(same(model, stock["pth"], "decoder").values())
    with pytest.raises(UserError, match="no such part: .*`ears`"):
        load_initial_weights(model, f"{stock['pth']}:encoder:ears", False)


def test_a_mistyped_part_is_an_error_that_names_the_parts_there_are(stock):
    for kind in ("pth", "zip"):
        with pytest.raises(
            UserError, match="no part 'encodr'. It has: ctc, decoder, enc"
        ):
            load_initial_weights(new_model(), f"{stock[kind]}:encodr:encoder", False)
    with pytest.raises(UserError, match="nothing is left to take without encoder"):
        load_initial_weights(
            new_model(), f"{stock['pth']}:encoder:encoder:encoder", False
        )


def test_tokens_matter_only_to_layers_that_count_them(stock):
    for other in ([*TOKENS[:-2], "d", "<sos/eos>"], [*TOKENS[:-1], "d", "<sos/eos>"]):
        for parts in (
            ":encoder:encoder",
            ":::decoder,ctc",
            ":decoder.decoders:decoder.decoders",
        ):
            model = new_model(token_list=other)
            load_initial_weights(model, stock["zip"] + parts, False)
            part = "decoder.decoders" if "decoders" in parts else "encoder"
            assert all(same(model, stock["pth"], part).values())
            assert not all(same(model, stock["pth"], "ctc").values())
        with pytest.raises(UserError, match="has other tokens"):
            load_initial_weights(
                new_model(token_list=other), f"{stock['zip']}:ctc:ctc", False
            )


@pytest.fixture(scope="module")
def with_statistics(tmp_path_factory):
    """A stock model with ESPnet's default, global_mvn: its weights and its package."""
    folder = tmp_path_factory.mktemp("statistics")
    np.savez(folder / "s.npz", count=2, sum=np.ones(16), sum_square=np.full(16, 9.0))
    settings = {
        "normalize": "global_mvn",
        "normalize_conf": {"stats_file": str(folder / "s.npz")},
    }
    config, weights = save_model(folder / "exp", accent_weight=0.0, **settings)
    pack_model(config, weights, [], folder / "x.zip")
    return {"pth": str(weights), "zip": str(folder / "x.zip"), "settings": settings}


@pytest.mark.parametrize("kind", ["pth", "zip"])
def test_statistics_that_only_one_model_has_are_no_obstacle(
    stock, with_statistics, kind, caplog
):
    caplog.set_level("INFO")
    model = new_model(normalize="utterance_mvn")
    load_initial_weights(model, with_statistics[kind], False)
    assert all(same(model, with_statistics["pth"], "encoder").values())
    assert "its statistics of features (normalize) are left out" in caplog.text
    model = new_model(**with_statistics["settings"])
    own = model.normalize.mean.clone()
    load_initial_weights(model, stock[kind], False)
    assert all(same(model, stock["pth"], "encoder").values())
    assert torch.equal(model.normalize.mean, own)
    assert "this model's own stay" in caplog.text


def test_layers_that_do_not_fit_are_no_matter_of_tokens(stock):
    model = new_model(encoder_conf={"linear_units": 24})
    with pytest.raises(UserError, match="(?s)size mismatch.*config.yaml") as error:
        load_initial_weights(model, stock["pth"], False)
    assert "token" not in str(error.value)


def test_other_tokens_are_an_error_that_says_what_to_do(stock, caplog):
    other = [*TOKENS[:-1], "d", "<sos/eos>"]
    for kind in ("pth", "zip"):
        model = new_model(token_list=other)
        with pytest.raises(
            UserError, match="has other tokens .*--ignore_init_mismatch true"
        ):
            load_initial_weights(model, stock[kind], False)
        load_initial_weights(model, stock[kind], True)
        assert all(same(model, stock["pth"], "encoder").values())
        assert not any(same(model, stock["pth"], "ctc").values())
    # As many, but others: only the configuration tells.
    model = new_model(token_list=[*TOKENS[:-2], "d", "<sos/eos>"])
    for kind in ("pth", "zip"):
        with pytest.raises(UserError, match="has other tokens"):
            load_initial_weights(model, stock[kind], False)
        caplog.clear()
        load_initial_weights(model, stock[kind], True)
        assert "other tokens: its layers that have a row for each token" in caplog.text


@pytest.mark.parametrize("kind", ["pth", "zip"])
def test_the_same_tokens_in_another_order_are_an_error(stock, kind):
    model = new_model(token_list=[*TOKENS[:2], "b", "a", *TOKENS[4:]])
    said = "has the same tokens in another order.*--ignore_init_mismatch true"
    with pytest.raises(UserError, match=said):
        load_initial_weights(model, stock[kind], False)
    load_initial_weights(model, f"{stock[kind]}:encoder:encoder", False)
    load_initial_weights(model, f"{stock[kind]}:::ctc,decoder", False)
    load_initial_weights(model, stock[kind], True)
    assert all(same(model, stock["pth"], "encoder").values())
    assert not any(same(model, stock["pth"], "ctc").values())


def test_without_a_configuration_it_is_said_that_nothing_can_be_compared(
    stock, tmp_path, caplog
):
    alone = shutil.copy(stock["pth"], tmp_path / "alone.pth")
    load_initial_weights(new_model(), str(alone), False)
    assert "alone.pth: there is no config.yaml of a training with it" in caplog.text
    caplog.clear()
    (tmp_path / "config.yaml").write_text("token_list: data/tokens.txt")
    load_initial_weights(new_model(), str(alone), False)
    assert "cannot be compared" in caplog.text
    caplog.clear()
    load_initial_weights(new_model(), stock["pth"], False)
    load_initial_weights(new_model(), stock["zip"], False)
    assert "cannot be compared" not in caplog.text


@pytest.mark.parametrize("kind", ["pth", "zip"])
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"frontend_conf": {"fs": 16000}}, "frontend_conf: fs: 8000 there, 16000 here"),
        ({"frontend_conf": {"hop_length": 32}}, "hop_length: 64 there, 32 here"),
        ({"frontend_conf": {"n_fft": 256}}, "n_fft: 128 there, 256 here"),
        ({"frontend_conf": {"fmax": 3000}}, "fmax: None there, 3000 here"),
        ({"normalize": None}, "normalize: utterance_mvn there, None here"),
        (
            {"encoder_conf": {"activation_type": "relu"}},
            "activation_type: swish there, relu here",
        ),
        ({"decoder_conf": {"attention_heads": 1}}, "attention_heads: 2 there, 1 here"),
    ],
)
def test_settings_that_give_weights_another_meaning_are_told(
    stock, kind, overrides, said, caplog
):
    args = make_args(**overrides)
    choices = ASRMTLTask.class_choices_list
    load_initial_weights(
        ASRMTLTask.build_model(args), stock[kind], False, args=args, choices=choices
    )
    assert "was trained with other settings" in caplog.text and said in caplog.text
    if "decoder_conf" in overrides:
        caplog.clear()
        part = f"{stock[kind]}:encoder:encoder"
        model = ASRMTLTask.build_model(args)
        load_initial_weights(model, part, False, args=args, choices=choices)
        assert "other settings" not in caplog.text


@pytest.mark.parametrize("kind", ["pth", "zip"])
def test_the_filters_of_the_front_end_are_those_of_its_own_rate(stock, kind):
    """They are in the weights, but follow from the settings."""
    model = new_model(frontend_conf={"fs": 16000})
    own = model.frontend.logmel.melmat.clone()
    load_initial_weights(model, stock[kind], False)
    assert torch.equal(model.frontend.logmel.melmat, own)
    assert not torch.equal(own, torch.load(stock["pth"])["frontend.logmel.melmat"])


def test_settings_that_mean_the_same_are_not_told(stock, caplog):
    args = make_args(
        frontend_conf={"fs": "8k", "fmin": None, "window": "hann"},
        encoder_conf={"dropout_rate": 0.3},
    )
    load_initial_weights(
        ASRMTLTask.build_model(args),
        stock["pth"],
        False,
        args=args,
        choices=ASRMTLTask.class_choices_list,
    )
    assert "other settings" not in caplog.text


def test_accents_in_another_order_are_an_error(tmp_path):
    _, weights = save_model(tmp_path / "exp")
    model = new_model(accent_list=ACCENTS[::-1])
    load_initial_weights(model, str(weights), False)
    with pytest.raises(UserError, match="tells north, south, west; this one west, so"):
        load_initial_weights(model, f"{weights}:accent_head:accent_head", False)


def test_a_missing_file_is_named():
    with pytest.raises(UserError, match="none.pth does not exist"):
        load_initial_weights(new_model(), "none.pth:encoder:encoder", False)


def test_nothing_but_tensors_is_loaded(tmp_path):
    torch.save(RunsCode(tmp_path / "ran"), tmp_path / "bad.pth")
    with pytest.raises(UserError, match="bad.pth: refused"):
        load_initial_weights(new_model(), str(tmp_path / "bad.pth"), False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("task", "stock_task"), [(ASRMTLTask, ASRTask), (StrictLMTask, LMTask)]
)
def test_training_loads_this_way(task, stock_task):
    """ESPnet's training looks its function up where the task puts ours."""
    seen = {}

    def train(args):
        seen["load"] = abs_task.load_pretrained_model

    with mock.patch.object(stock_task, "main_worker", train):
        task.main_worker(mock.Mock(output_dir="exp"))
    assert seen["load"].func is load_initial_weights
    given = seen["load"].keywords
    assert given["folder"] == "exp" and given["choices"] == task.class_choices_list
