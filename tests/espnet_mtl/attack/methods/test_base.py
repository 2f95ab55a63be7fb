"""An attack says what it is, or is none."""

import pytest

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.registry import ATTACKS, CONTROLS
from espnet_mtl.errors import UserError


def test_an_attack_that_does_not_say_what_it_is_is_an_error_at_once():
    with pytest.raises(TypeError, match="Mine: has to say 'traits = Traits"):
        type("Mine", (Method,), {})
    with pytest.raises(TypeError, match="Mine: has to say"):
        type("Mine", (PGD,), {})  # it is not inherited
    with pytest.raises(TypeError, match="missing .* 'in_suites'"):
        Traits(kind="white_box", listens=False, blind=None, needs=None)


def traits_with(needs):
    return Traits(
        kind="white_box", listens=False, blind=None, needs=needs, in_suites=False
    )


@pytest.mark.parametrize(
    ("needs", "defined", "lacking"),
    [
        ("fit", {}, "fit"),
        ("fit", {"fit": lambda self, problems: None}, "fit_data"),
        ("fit", {"fit_data": "data/train"}, "fit"),
        ("models", {}, "sources"),
        ("models", {"fit_data": ""}, "sources"),
    ],
)
def test_an_attack_has_to_define_what_it_needs(needs, defined, lacking):
    body = {"traits": traits_with(needs), **defined}
    said = f"Mine: needs '{needs}', so it has to define '{lacking}'"
    with pytest.raises(TypeError, match=said):
        type("Mine", (Method,), body)


def test_a_setting_without_a_default_defines_what_is_needed():
    body = {"traits": traits_with("models"), "__annotations__": {"sources": tuple}}
    assert type("Mine", (PGD,), body)
    fit = {"fit": lambda self, problems: None, "fit_data": property(lambda self: "x")}
    assert type("Mine", (Method,), {"traits": traits_with("fit"), **fit})


def test_what_the_attacks_are():
    kinds = {
        **dict.fromkeys((*CONTROLS, "kenansville"), "control"),
        **dict.fromkeys(("square", "transcript_search"), "black_box"),
        **dict.fromkeys(("fgsm", "pgd", "apgd", "cw", "universal"), "white_box"),
        "transfer": "transfer",
    }
    assert {name: ATTACKS[name].traits.kind for name in kinds} == kinds
    for name in ("cw", "imperceptible", "transcript_search"):
        assert ATTACKS[name].traits.listens
    for name in ("pgd", "square", "transfer", "noise"):
        assert not ATTACKS[name].traits.listens


def test_noise_is_blind_until_it_chooses_between_draws():
    noise = ATTACKS["noise"]
    assert noise().blind == "target" and noise(draws=2).blind is None


def test_steps_are_changed_where_there_are_any():
    assert PGD(steps=7).with_steps(9) == PGD(steps=9)
    chain = Chain(steps=(7, 8), step_sizes=(0.2, 0.1))
    assert chain.with_steps(9) == Chain(steps=(9,), step_sizes=(0.2,))
    square = ATTACKS["square"]()
    assert square.with_steps(9) == square


@pytest.mark.parametrize(
    "name, setting, message",
    [
        ("noise", {"draws": 0}, "draws: 0: give a number above 0"),
        ("pgd", {"steps": 0}, "steps: 0: give a number above 0"),
        ("pgd", {"step_size": 0.0}, "step_size: 0.0: give a number above 0"),
        ("pgd", {"momentum": 1.0}, "momentum: 1.0: give a number from 0 to below 1"),
        ("pgd", {"restarts": 2, "random_start": False}, "without random_start"),
        ("shuffled", {"momentum": 1.0}, "momentum"),
        ("transfer", {"sources": ("",)}, "sources"),
        ("transfer", {"steps": 0}, "steps"),
        ("apgd", {"steps": 0}, "steps: 0"),
        ("apgd", {"restarts": 0}, "restarts: 0"),
        ("cw", {"steps": 0}, "steps"),
        ("cw", {"step_size": 0.0}, "step_size"),
        ("cw", {"step_size": float("nan")}, "step_size"),
        ("cw", {"shrink": 1.0}, "shrink"),
        ("cw", {"shrink": 0.0}, "shrink"),
        ("cw", {"check_every": 0}, "check_every"),
        ("cw", {"patience": -1}, "patience"),
        ("cw", {"penalty": -1.0}, "penalty"),
        ("imperceptible", {"stages": ()}, "stages"),
        ("imperceptible", {"stages": (3,)}, "stages"),
        ("imperceptible", {"stages": (2, 1)}, "stages"),
        ("imperceptible", {"first_steps": 0}, "first_steps"),
        ("imperceptible", {"second_steps": 0}, "second_steps"),
        ("imperceptible", {"step_size": 0.0}, "step_size"),
        ("imperceptible", {"alpha": -1.0}, "alpha"),
        ("imperceptible", {"check_every": 0}, "check_every"),
        ("universal", {"fit_data": ""}, "fit_data: .*data directory"),
        ("universal", {"fit_data": "x", "epochs": 0}, "epochs: 0: "),
        ("universal", {"fit_data": "x", "step_size": 0.0}, "step_size: "),
        ("universal", {"fit_data": "x", "momentum": 1.0}, "momentum: "),
        ("universal", {"fit_data": "x", "seconds": 0.0}, "seconds: "),
        ("universal", {"fit_data": "x", "seconds": float("nan")}, "seconds: "),
        ("universal", {"fit_data": "x", "mode": "append"}, "choose from add, prepend"),
        ("square", {"queries": 0}, "queries: 0"),
        ("square", {"share": 0.0}, "share"),
        ("square", {"share": 1.5}, "share"),
        ("transcript_search", {"queries": 0}, "queries: 0"),
    ],
)
def test_senseless_settings_are_refused(name, setting, message):
    with pytest.raises(UserError, match=message):
        ATTACKS[name](**setting)
