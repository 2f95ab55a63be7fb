import pytest
from toy_victim import ToyVictim

from espnet_mtl.attack.attackers import resolve_attacker
from espnet_mtl.attack.conditions import Condition, make_conditions
from espnet_mtl.attack.config import read_config
from espnet_mtl.errors import UserError


def write(tmp_path, text):
    path = tmp_path / "attack.yaml"
    path.write_text(text)
    return path


def test_overrides_win_and_numbers_may_be_written_any_way(tmp_path):
    path = write(tmp_path, "steps: 5\nbudgets: [1e-3, 0.002]\nrandom_start: false\n")
    config = read_config(path, "steps=7 step_size=1")
    pgd = config.attacks[0].method
    assert (pgd.steps, pgd.step_size, pgd.random_start) == (7, 1.0, False)
    assert config.budgets == (0.001, 0.002)
    assert read_config(path, "budgets=4e-3").budgets == (0.004,)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "stepps: 5",
            "stepps: no such setting; pgd has steps, .* all attacks have name",
        ),
        ("steps: many", "steps: 'many': give a int"),
        ("steps: true", "steps: True: give a int"),
        ("budgets: [0.001, 33]", "budgets: 33.0: a budget is a part of full scale"),
        ("budgets: []", "budgets: give at least one"),
        ("budgets: [a]", "budgets: 'a': give a float"),
        ("momentum: 1", "momentum: 1.0: give a number from 0 to below 1"),
        ("norm: l7", "norm: 'l7': choose from linf"),
        ("controls: [music]", "controls: 'music': choose from clean, noise"),
        ("attackers: [me]", "attackers: .* give weights by branch"),
        ("attackers: {a/b: {}}", "'a/b': a name becomes part of file names"),
        ("sample_format: mp3", "sample_format: 'mp3': choose from pcm16, float32"),
        ("attackers: {}", "attackers: give at least one"),
        ("steps: [", "not YAML"),
        ("just text", "must hold 'name: value' lines"),
    ],
)
def test_a_faulty_configuration_names_the_file_and_the_fix(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=message) as error:
        read_config(path)
    assert str(path) in str(error.value)


def test_a_text_among_the_overrides_is_quoted():
    config = read_config(None, "target_text='open the door' steps=3")
    assert config.target_text == "open the door"
    assert config.attacks[0].method.steps == 3


def test_a_faulty_override_is_named(tmp_path):
    with pytest.raises(UserError, match="'steps': write name=value"):
        read_config(None, "steps")
    with pytest.raises(UserError, match="'steps=.1': not a value in YAML"):
        read_config(None, "steps=[1")
    with pytest.raises(UserError, match="--attack_args 'stepps=1'.*no such setting"):
        read_config(write(tmp_path, ""), "stepps=1")
    with pytest.raises(UserError, match="no such attack configuration"):
        read_config(tmp_path / "none.yaml")


def test_the_named_attackers_get_the_weights_of_training_or_their_own():
    victim = ToyVictim({"ctc": 0.2, "att": 0.3, "accent": 0.5})

    def weights(wanted):
        return resolve_attacker(wanted, victim).weights

    assert weights({}) == {"ctc": 0.2, "att": 0.3, "accent": 0.5}
    assert weights({"accent": 0}) == {"ctc": 0.4, "att": 0.6}
    assert weights({"att": 2, "ctc": 0}) == {"att": 0.8, "accent": 0.2}
    assert weights({"words": "away", "accent": -0.5}) == pytest.approx(
        {"ctc": -0.2, "att": -0.3, "accent": -0.5}
    )
    away = {"to_accent": "away", "ctc": 0, "att": 0}
    assert weights(away) == {"accent": -1.0}


@pytest.mark.parametrize(
    "weights, message",
    [
        ({"rnnt": 1}, "rnnt: no such setting; choose from ctc, att, accent, words"),
        ({"ctc": "lots"}, "ctc: 'lots': give a number, or 'model'"),
        ({"ctc": -1}, "ctc: -1: give no negative weight; 'words: away'"),
        ({"words": "up"}, "words: 'up': choose from target, away, keep"),
        ({"to_accent": "west"}, "'west': choose from .* the model: north, south"),
    ],
)
def test_faulty_weights_are_refused(weights, message):
    with pytest.raises(UserError, match=message):
        resolve_attacker(weights, ToyVictim())


def test_conditions_are_controls_first_and_then_every_attacker_and_budget(tmp_path):
    path = write(
        tmp_path,
        "budgets: [0.001, 0.002]\n"
        "attackers: {multitask: {}, accent_blind: {accent: 0}}",
    )
    found = make_conditions(read_config(path), ToyVictim())
    assert [condition.name for condition in found] == [
        "clean",
        "noise_linf0.001",
        "noise_linf0.002",
        "pgd_multitask_linf0.001",
        "pgd_multitask_linf0.002",
        "pgd_accent_blind_linf0.001",
        "pgd_accent_blind_linf0.002",
    ]
    assert "accent" in found[3].weights and "accent" not in found[5].weights
    assert [Condition.from_json(c.to_json()) for c in found] == found


def test_an_attacker_with_nothing_to_attack_is_left_out(tmp_path):
    path = write(tmp_path, "attackers: {multitask: {}, accent_blind: {accent: 0}}")
    only_accents = ToyVictim({"ctc": 0.0, "att": 0.0, "accent": 1.0})
    found = make_conditions(read_config(path), only_accents)
    assert {c.attacker for c in found} == {None, "multitask"}
    with pytest.raises(UserError, match="not one of them attacks anything"):
        path = write(tmp_path, "attackers: {accent_blind: {accent: 0}}")
        make_conditions(read_config(path), only_accents)


def test_attackers_that_come_to_the_same_share_their_conditions(tmp_path):
    path = write(tmp_path, "attackers: {multitask: {}, accent_blind: {accent: 0}}")
    found = make_conditions(read_config(path), ToyVictim({"ctc": 0.3, "att": 0.7}))
    assert [(c.attacker, c.also) for c in found if c.attack == "pgd"] == [
        ("multitask", ("accent_blind",))
    ]
