"""A model as an attack inside the training step sees it."""

from typing import Any

import pytest
import torch
from model_factory import make_settings
from robust_factory import FIRST, make_model, make_named_batch

from espnet_mtl.asr_mtl.robust.inside import seen_from_inside
from espnet_mtl.asr_mtl.robust.pgd import PGDTraining
from espnet_mtl.asr_mtl.robust.trades import TradesTraining


@pytest.mark.parametrize(
    ("dtype", "inside"), [(torch.bfloat16, True), (torch.float16, False)]
)
def test_half_precision_only_where_gradients_do_not_vanish(dtype, inside):
    model = make_model()
    with torch.autocast("cpu", dtype=dtype):
        with seen_from_inside(model, "eval"):
            assert torch.is_autocast_enabled("cpu") is inside
            assert torch.is_autocast_cache_enabled() is False
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_autocast_cache_enabled()


def test_without_half_precision_there_is_none_inside():
    with seen_from_inside(make_model(), "eval"):
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("way", [PGDTraining, TradesTraining])
def test_with_mixed_precision_every_weight_still_learns(way):
    model = make_model()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _, _ = way(radius=0.01)(model, make_named_batch(), FIRST)
    loss.backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert missing == [] and torch.isfinite(loss)


def test_gradients_are_on_also_in_validation():
    with torch.no_grad(), seen_from_inside(make_model(), "eval"):
        assert torch.is_grad_enabled()


def test_a_recurrent_layer_in_eval_mode_does_without_cudnn():
    model = torch.nn.Sequential(torch.nn.LSTM(2, 2))
    for mode, enabled in (("eval", False), ("train", True)):
        with seen_from_inside(model, mode):
            assert torch.backends.cudnn.enabled is enabled
    assert torch.backends.cudnn.enabled
    with seen_from_inside(torch.nn.Sequential(torch.nn.Linear(2, 2)), "eval"):
        assert torch.backends.cudnn.enabled


def guessing() -> dict[str, Any]:
    """Settings of a decoder that learns from its own guesses."""
    decoder_conf = dict.fromkeys(make_settings()["decoder_conf"])
    decoder_conf.update(hidden_size=8, sampling_probability=0.9)
    return {"decoder": "rnn", "decoder_conf": decoder_conf}


@pytest.mark.parametrize("settings", [{"ctc_conf": {"dropout_rate": 0.5}}, guessing()])
def test_in_eval_mode_nothing_is_random(settings):
    """ESPnet's own eval mode leaves these two parts random."""
    model, batch = make_model(**settings), make_named_batch()

    def losses(mode):
        with seen_from_inside(model, mode):
            return {model(**batch)[0].item() for _ in range(4)}

    assert len(losses("eval")) == 1
    assert len(losses("train")) > 1


def test_trades_sees_no_divergence_in_an_rnn_decoders_own_guesses():
    model = make_model(**guessing())
    way = TradesTraining(radius=1e-9, ramp_updates=0)
    _, stats, _ = way(model, make_named_batch(), FIRST)
    assert stats["divergence"] < 1e-5
