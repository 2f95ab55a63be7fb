"""Attacked validation batches, and the warning that a model resists one step alone."""

import logging
import math

import pytest
import torch
from robust_factory import FIRST, make_model, make_named_batch

from espnet_mtl.asr_mtl.robust.choices import make_robust
from espnet_mtl.asr_mtl.robust.model import RobustModel
from espnet_mtl.asr_mtl.robust.validation import Validation
from espnet_mtl.metrics.one_step import describe_collapse


@torch.no_grad()
def validate(model, name="pgd", batches=1, **conf):
    conf = {"radius": 0.02, **conf}
    robust_model = RobustModel(model, make_robust(name, conf)).eval()
    robust_model.start_epoch(0)
    return [robust_model(**make_named_batch())[1] for _ in range(batches)]


@pytest.mark.parametrize("name", ["pgd", "trades", "noise"])
def test_losses_and_rates_under_attack_are_in_the_statistics(name):
    model = make_model()
    (stats,) = validate(model, name)
    assert stats["loss_adv"] > stats["loss"]
    names = {key for key in stats if not key.endswith("_adv")}
    assert {f"{key}_adv" for key in names} == set(stats) - names
    assert {"cer_ctc_adv", "acc_adv", "loss_ctc_adv", "acc_accent_adv"} < set(stats)
    assert all(p.grad is None for p in model.parameters())


def test_clean_statistics_are_those_of_the_model_itself():
    model = make_model().eval()
    (stats,) = validate(model)
    with torch.no_grad():
        _, own, _ = model(**make_named_batch())
    for key, value in own.items():
        torch.testing.assert_close(stats[key], value, equal_nan=True)


def test_the_attack_is_the_same_in_each_epoch_and_with_any_training_settings():
    one, other = make_model(), make_model()
    (first,) = validate(one)
    (second,) = validate(other, "noise", ramp_updates=7, clean_share=0.5)
    assert first["loss_adv"] == second["loss_adv"]


def test_more_steps_find_more():
    (few,), (many,) = (validate(make_model(), valid_steps=n) for n in (1, 10))
    assert many["loss_adv"] > few["loss_adv"]


@pytest.mark.parametrize(
    ("share", "attacked"),
    [(0, []), (0.25, [0, 4]), (0.5, [0, 2, 4]), (1, [0, 1, 2, 3, 4]), (0.1, [0])],
)
def test_a_share_of_the_batches_is_attacked(share, attacked):
    stats = validate(make_model(), batches=5, valid_share=share, valid_steps=1)
    assert [n for n, one in enumerate(stats) if "loss_adv" in one] == attacked


@pytest.mark.parametrize("name", ["pgd", "trades"])
def test_training_with_one_step_is_validated_with_one_step_too(name):
    (stats,) = validate(make_model(), name, steps=1)
    assert stats["loss_adv"] > stats["loss_adv1"] > stats["loss"]
    (stats,) = validate(make_model(), name, steps=2)
    assert "loss_adv1" not in stats


def test_one_step_differs_from_several_by_its_start_alone():
    """Another goal would raise the loss less, and look like overfitting."""
    plain, zero, ctc, targeted = (
        validate(make_model(), steps=1, **settings)[0]["loss_adv1"].item()
        for settings in (
            {},
            {"start": "zero"},
            {"losses": {"ctc": 1.0}},
            {"targeted": True},
        )
    )
    assert plain == ctc == targeted != zero


@pytest.mark.parametrize(
    ("mean", "said"),
    [
        ({"acc_adv1": 0.9, "acc_adv": 0.8}, None),
        ({"acc_adv1": 0.9, "acc_adv": 0.1}, "acc is 0.900 under one step and 0.100"),
        ({"acc_adv1": 0.1, "acc_adv": 0.9}, None),
        ({"cer_ctc_adv1": 0.1, "cer_ctc_adv": 0.9}, "cer_ctc is 0.100 under one"),
        ({"cer_ctc_adv1": 0.9, "cer_ctc_adv": 1.0}, None),
        ({"loss_adv1": 2.0, "loss_adv": 3.9}, None),
        ({"loss_adv1": 2.0, "loss_adv": 4.1}, "loss is 2.000 under one step and 4.1"),
        (  # a loss near zero says nothing, where there is a rate
            {"acc_adv1": 0.99, "acc_adv": 0.98, "loss_adv1": 0.01, "loss_adv": 0.9},
            None,
        ),
        (
            {
                "acc_adv1": math.nan,
                "acc_adv": math.nan,
                "loss_adv1": 2.0,
                "loss_adv": 1.0,
            },
            None,
        ),
        (
            {
                "acc_adv1": math.nan,
                "acc_adv": math.nan,
                "loss_adv1": 2.0,
                "loss_adv": 9.0,
            },
            "loss is 2.000 under one step and 9.000",
        ),
        ({}, None),
    ],
)
def test_what_counts_as_overfitted_to_one_step(mean, said):
    found = describe_collapse(mean)
    assert found is None if said is None else said in found


class ResistsOneStep(torch.nn.Module):
    """Has a gradient that leads nowhere, and is wrong a little further on."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.calls = 0

    def forward(self, speech, **_):
        self.calls += 1
        loss = self.weight * speech.sum()
        # 1: clean; 2 to 6: five steps, 7: heard; 8: one step, 9: heard
        rate = 0.0 if self.calls == 7 else 0.9
        return loss, {"acc": torch.tensor([rate]), "loss": loss.detach()}, None


def test_overfitting_is_said_at_the_end_of_an_epoch(caplog):
    validation = Validation(make_robust("pgd", {"radius": 0.01, "steps": 1}))
    model = ResistsOneStep()
    validation(model, make_named_batch(), FIRST._replace(phase="valid"))
    assert model.calls == 9
    with caplog.at_level(logging.WARNING):
        validation.finish(3)
    assert "Epoch 3: acc is 0.900 under one step and 0.000" in caplog.text
    assert "steps=2" in caplog.text
    caplog.clear()
    validation.finish(4)  # nothing was attacked since
    assert caplog.text == "" and math.isclose(model.weight.item(), 1.0)
