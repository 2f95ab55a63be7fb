"""Adversarial training: the attack, and what it leaves alone."""

import dataclasses

import numpy as np
import peers
import pytest
import torch
from robust_factory import FIRST, SPECAUG_CONF, make_model, make_named_batch

from espnet_mtl.asr_mtl.robust import losses
from espnet_mtl.asr_mtl.robust.inside import seen_from_inside
from espnet_mtl.asr_mtl.robust.pgd import PGDTraining
from espnet_mtl.asr_mtl.robust.search import search
from espnet_mtl.attack.balls import make_ball

FULL = {"radius_draw": "fixed", "ramp_updates": 0}


@pytest.fixture(scope="module")
def model():
    return make_model()


def loss_of(model, batch, speech, **weights):
    """Return the loss of waveforms as it is when the model is used."""
    with seen_from_inside(model, "eval"), losses.attacked(model, weights or "all"):
        return model(**{**batch, "speech": speech})[0].item()


class Quadratic(torch.nn.Module):
    """A loss whose gradients need no rounding: sum of (audio - place)^2 / 2."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    def forward(self, speech):
        return ((speech - self.place) ** 2).sum() / 2


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_search_goes_where_that_of_another_toolkit_goes(sign):
    rng = np.random.default_rng(0)
    clean = torch.from_numpy(rng.integers(-99, 100, (3, 400)) / 256)
    loss = Quadratic(torch.from_numpy(rng.integers(-99, 100, (3, 400)) / 256))
    radius, size, steps = 2**-4, 0.5, 5

    def gradients(rows, _texts):
        speech = torch.from_numpy(np.stack(rows)).requires_grad_()
        return list(torch.autograd.grad(loss(speech), speech)[0].numpy())

    attack = peers.art_attack(
        peers.ArtRecogniser(gradients), radius, size * radius, steps, num_random_init=0
    )
    attack.set_params(targeted=sign < 0)
    theirs = attack.generate(clean.numpy(), peers.boxed([[1]] * 3))
    ball = make_ball("linf", radius, clean, torch.full((3,), 400))
    start = torch.zeros_like(clean)
    signs = torch.full((3,), sign)
    ours = search(loss, ball, start, steps, size, signs)
    np.testing.assert_array_equal((clean + ours).numpy(), theirs)


@pytest.mark.parametrize(("norm", "radius"), [("linf", 0.01), ("l2", 0.3), ("snr", 25)])
@pytest.mark.parametrize("steps", [1, 3])
def test_an_attack_stays_in_its_ball_and_raises_the_loss(model, norm, radius, steps):
    batch = make_named_batch()
    way = PGDTraining(radius=radius, norm=norm, steps=steps, **FULL)
    ball = way.ball(batch, FIRST)
    delta = way.attack(model, batch, FIRST, ball)
    assert not delta.requires_grad
    assert torch.all(ball.size(delta) <= ball.radius * 1.0001)
    assert torch.all(ball.size(delta) > ball.radius * 0.5)
    assert torch.all(delta[1, batch["speech_lengths"][1] :] == 0)
    clean = batch["speech"]
    noise = ball.random([1, 2, 3])
    attacked, noisy = (loss_of(model, batch, clean + d) for d in (delta, noise))
    assert attacked > noisy + 0.05


def test_weights_get_no_gradients_from_the_attack_and_nothing_else_changes():
    model = make_model(specaug="specaug", specaug_conf=SPECAUG_CONF)
    assert model.training
    model.specaug.eval()  # a part may have a mode of its own
    batch = make_named_batch()
    given = {k: v.clone() for k, v in batch.items() if isinstance(v, torch.Tensor)}
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    calculator, random = model.error_calculator, torch.get_rng_state()
    way = PGDTraining(radius=0.01)
    way.attack(model, batch, FIRST, way.ball(batch, FIRST))
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert model.error_calculator is calculator and calculator is not None
    assert (model.ctc_weight, model.accent_weight) == (0.5, 0.5)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(batch[name], value) for name, value in given.items())


class OutOfMemory(Exception):
    """What a test has the model raise."""


def test_a_failure_in_the_attack_leaves_the_model_as_it_was(monkeypatch):
    # Some of ESPnet's layers are shared by all models of a process, whatever their mode
    model, batch = make_model().train(), make_named_batch()
    way = PGDTraining(radius=0.01)
    seen = []

    def fail(*args):
        seen.append((model.encoder.training, model.accent_weight))
        raise OutOfMemory

    monkeypatch.setattr(model.encoder, "forward", fail)
    with pytest.raises(OutOfMemory):
        way.attack(model, batch, FIRST, way.ball(batch, FIRST))
    assert seen == [(False, 0.0)]
    assert all(module.training for module in model.modules())
    assert model.accent_weight == 0.5 and model.error_calculator is not None


def test_as_in_training_means_with_dropout(model):
    batch = make_named_batch()
    way = PGDTraining(radius=0.01, mode="train")
    ball = way.ball(batch, FIRST)
    model.train()
    torch.manual_seed(1)
    random = torch.get_rng_state()
    one = way.attack(model, batch, FIRST, ball)
    assert not torch.equal(torch.get_rng_state(), random)
    two = way.attack(model, batch, FIRST, ball)
    assert not torch.equal(one, two)


def test_every_weight_learns_from_attacked_audio(model):
    model.train().zero_grad()
    loss, stats, weight = PGDTraining(radius=0.01)(model, make_named_batch(), FIRST)
    loss.backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert missing == [] and weight.item() == 3
    assert stats["loss"].item() == loss.item()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("recogniser", {"loss_ctc": 0.5, "loss_att": 0.5}),
        ("all", {"loss_ctc": 0.25, "loss_att": 0.25, "loss_accent": 0.5}),
        ({"ctc": 3}, {"loss_ctc": 1.0}),
        ({"att": 0.1}, {"loss_att": 1.0}),
        ({"accent": 5}, {"loss_accent": 1.0}),
        ({"ctc": 3, "att": 1}, {"loss_ctc": 0.75, "loss_att": 0.25}),
        (
            {"ctc": 1, "att": 2, "accent": 5},
            {"loss_ctc": 0.125, "loss_att": 0.25, "loss_accent": 0.625},
        ),
    ],
)
def test_the_attacked_loss_has_the_branches_asked_for(model, chosen, expected):
    batch = make_named_batch()
    model.eval()
    _, stats, _ = model(**batch)
    with losses.attacked(model, chosen):
        loss, _, _ = model(**batch)
    wanted = sum(weight * stats[name] for name, weight in expected.items())
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(model(**batch)[0], stats["loss"])


def test_the_accent_branch_is_attacked_only_if_asked_for(model):
    batch = make_named_batch()
    clean = batch["speech"]

    def harm(chosen):
        """Return by how much both losses rise under the attack."""
        way = PGDTraining(radius=0.02, steps=8, losses=chosen, **FULL)
        delta = way.attack(model, batch, FIRST, way.ball(batch, FIRST))
        return [
            loss_of(model, batch, clean + delta, **{branch: 1})
            - loss_of(model, batch, clean, **{branch: 1})
            for branch in ("ctc", "accent")
        ]

    (text, accent), (text_too, accent_too) = harm("recogniser"), harm({"accent": 1})
    assert text > text_too
    assert accent_too > accent


def test_towards_the_text_of_the_next_utterance(model):
    batch = make_named_batch()
    others = {name: batch[name].roll(1, 0) for name in ("text", "text_lengths")}
    clean = batch["speech"]
    way = PGDTraining(radius=0.02, steps=8, targeted=True, **FULL)
    delta = way.attack(model, batch, FIRST, way.ball(batch, FIRST))
    towards = {**batch, **others}
    before, after = (
        loss_of(model, towards, speech, ctc=1, att=1)
        for speech in (clean, clean + delta)
    )
    assert after < before - 0.05
    untargeted = dataclasses.replace(way, targeted=False)
    delta = untargeted.attack(model, batch, FIRST, way.ball(batch, FIRST))
    assert loss_of(model, towards, clean + delta, ctc=1, att=1) > after


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_the_attack_follows_the_accent_loss_whatever_the_encoder_learns(mode, scale):
    """With a reversed or no gradient for the encoder, it would lower it, or stay."""
    model = make_model(accent_head_conf={"grad_scale": scale}).eval()
    batch = make_named_batch()
    way = PGDTraining(
        radius=0.02, steps=4, mode=mode, losses={"accent": 1.0}, start="zero", **FULL
    )
    delta = way.attack(model, batch, FIRST, way.ball(batch, FIRST))
    before, after = (
        loss_of(model, batch, speech, accent=1)
        for speech in (batch["speech"], batch["speech"] + delta)
    )
    assert after > before
    assert model.accent_head.grad_scale == scale


def test_alone_in_its_batch_an_utterance_is_led_away_from_its_text(model):
    batch = make_named_batch(1)
    clean = batch["speech"]
    way = PGDTraining(radius=0.02, steps=4, targeted=True, **FULL)
    delta = way.attack(model, batch, FIRST, way.ball(batch, FIRST))
    after = loss_of(model, batch, clean + delta, ctc=1, att=1)
    assert after > loss_of(model, batch, clean, ctc=1, att=1) + 0.05


def test_a_loss_without_end_leaves_the_start(model):
    ball = make_ball("linf", 0.1, torch.zeros(2, 8), torch.tensor([8, 8]))
    start = ball.random([1, 2])
    factor = torch.tensor([[torch.inf], [1.0]])
    found = search(lambda speech: (factor * speech).sum(), ball, start.clone(), 3, 1.0)
    assert torch.equal(found[0], start[0])
    assert torch.all(found[1] == ball.highest[1])


@pytest.mark.parametrize("encoder", ["rnn", "vgg_rnn"])
def test_recurrent_encoders_are_attacked(encoder):
    none = dict.fromkeys(
        (
            *("attention_heads", "linear_units", "num_blocks", "macaron_style"),
            *("use_cnn_module", "cnn_module_kernel", "rel_pos_type"),
            *("pos_enc_layer_type", "selfattention_layer_type"),
        )
    )
    model = make_model(
        encoder=encoder,
        encoder_conf={**none, "hidden_size": 8, "output_size": 8, "num_layers": 1},
        decoder="rnn",
        decoder_conf={
            **dict.fromkeys(("attention_heads", "linear_units", "num_blocks")),
            "hidden_size": 8,
        },
    )
    loss, _, _ = PGDTraining(radius=0.01)(model, make_named_batch(), FIRST)
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
