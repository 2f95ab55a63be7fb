"""An attack says what it is, or is none."""

import pytest

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.registry import ATTACKS, CONTROLS


def test_an_attack_that_does_not_say_what_it_is_is_an_error_at_once():
    with pytest.raises(TypeError, match="Mine: has to say 'traits = Traits"):
        type("Mine", (Method,), {})
    with pytest.raises(TypeError, match="Mine: has to say"):
        type("Mine", (PGD,), {})  # it is not inherited
    with pytest.raises(TypeError, match="missing .* 'in_suites'"):
        Traits(kind="white_box", listens=False, blind=None, needs=None)


def test_what_the_attacks_are():
    kinds = {name: attack.traits.kind for name, attack in ATTACKS.items()}
    assert {n for n, kind in kinds.items() if kind == "black_box"} == {
        "square",
        "transcript_search",
    }
    assert kinds["transfer"] == "transfer"
    assert {n for n, kind in kinds.items() if kind == "control"} == {
        *CONTROLS,
        "kenansville",
    }
    listening = {name for name, attack in ATTACKS.items() if attack.traits.listens}
    assert listening == {"cw", "imperceptible", "transcript_search"}


def test_noise_is_blind_until_it_chooses_between_draws():
    noise = ATTACKS["noise"]
    assert noise().blind == "target" and noise(draws=2).blind is None


def test_steps_are_doubled_where_there_are_any():
    assert PGD(steps=7).doubled() == PGD(steps=14)
    assert ATTACKS["square"]().doubled() is None
