from pathlib import Path

import pytest
from toy_victim import ToyVictim

from espnet_mtl.attack.attackers import AttackerConfig, resolve_attacker
from espnet_mtl.attack.config import parse_config
from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.errors import UserError

STANDARD = Path(__file__).parents[3] / "conf" / "attack_standard.yaml"


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


def test_one_value_goes_to_every_stage(tmp_path):
    chain = "{attack: chain, steps: [150, 75, 9], step_sizes: [0.1, 0.03, 0.01]}"
    others = "{attack: chain}, {attack: pgd}"
    path = write(tmp_path, f"name: x\nattacks: [{chain}, {others}]")
    config = read_config(path, "steps=7")
    assert [one.method.steps for one in config.attacks] == [(7, 7, 7), (7, 7), 7]
    assert config.attacks[0].method.step_sizes == (0.1, 0.03, 0.01)
    path = write(tmp_path, f"name: x\nattacks: [{chain}]")
    both = read_config(path, "steps=[7] step_sizes=[0.2]").attacks[0].method
    assert (both.steps, both.step_sizes) == ((7,), (0.2,))
    with pytest.raises(UserError, match="give one of each for every stage"):
        read_config(path, "steps=[7]")
    standard = read_config(STANDARD, "steps=7")
    assert [one.method.steps for one in standard.attacks[:2]] == [(7,), (7, 7)]
    sources = write(tmp_path, "attack: transfer\nsources: [a.zip, b.zip]\n")
    assert read_config(sources, "sources=[c.zip]").attacks[0].method.sources == (
        "c.zip",
    )
    lone = read_config(None, "attack=chain steps=[5,6] step_sizes=0.1")
    assert lone.attacks[0].method.step_sizes == (0.1, 0.1)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "stepps: 5",
            "stepps: no such setting; pgd has steps, .* all attacks have name",
        ),
        ("steps: many", "steps: 'many': give an integer"),
        ("steps: true", "steps: True: give an integer"),
        ("budgets: [0.001, 33]", "budgets: 33.0: a budget is a part of full scale"),
        ("budgets: []", "budgets: give at least one"),
        ("budgets: [a]", "budgets: \\[.a.\\]: give a list of numbers"),
        ("momentum: 1", "momentum: 1.0: give a number from 0 to below 1"),
        ("norm: l7", "norm: 'l7': choose from linf"),
        ("controls: [music]", "controls: 'music': choose from clean, noise"),
        ("attackers: [me]", "attackers: .* give weights by branch"),
        ("attackers: {a/b: {}}", "'a/b': a name becomes part of file names"),
        ("sample_format: mp3", "sample_format: 'mp3': choose from pcm16, float32"),
        ("attackers: {}", "attackers: give at least one"),
        ("controls: [noise]", "controls: add 'clean'"),
        ("name: planted", "name: 'planted': means a kind of trial"),
        ("name: none", "name: 'none': means a kind of trial"),
        ("budgets: [0.001, 0.00003]", "budgets: 3e-05: less than a level of 16-bit"),
        ("planted: -1", "planted: -1: give 0 or more"),
        ("black_box: {times: 0}", "black_box: times: 0.0: give a number of 1 or more"),
        (
            "{ascending: true, curve: {}, attackers: {me: {words: away}}}",
            "curve: me: a curve is of attacks that want a target",
        ),
        (
            "{ascending: true, curve: {}, attack: kenansville}",
            "curve: kenansville: a curve is of attacks that want a target",
        ),
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
    with pytest.raises(UserError, match="--attack_args 'steps=.1': No closing quot"):
        read_config(None, "steps='1")
    with pytest.raises(UserError, match="'steps=.1': not a value in YAML"):
        read_config(None, "steps=[1")
    with pytest.raises(UserError, match="--attack_args 'stepps=1'.*no such setting"):
        read_config(write(tmp_path, ""), "stepps=1")
    with pytest.raises(UserError, match="no such attack configuration"):
        read_config(tmp_path / "none.yaml")


def test_the_named_attackers_get_the_weights_of_training_or_their_own():
    victim = ToyVictim({"ctc": 0.2, "att": 0.3, "accent": 0.5})

    def weights(**wanted):
        return resolve_attacker(AttackerConfig(**wanted), victim).weights

    assert weights() == {"ctc": 0.2, "att": 0.3, "accent": 0.5}
    assert weights(accent=0) == {"ctc": 0.4, "att": 0.6}
    assert weights(att=2, ctc=0) == {"att": 0.8, "accent": 0.2}
    assert weights(words="away", accent=-0.5) == pytest.approx(
        {"ctc": -0.2, "att": -0.3, "accent": -0.5}
    )
    assert weights(to_accent="away", ctc=0, att=0) == {"accent": -1.0}


@pytest.mark.parametrize(
    "weights, message",
    [
        ({"rnnt": 1}, "me: rnnt: no such setting; choose from ctc, att, accent, words"),
        ({"ctc": "lots"}, "me: ctc: 'lots': give a number, or 'model'"),
        ({"ctc": True}, "me: ctc: True: give a number"),
        ({"ctc": -1}, "me: ctc: -1.0: a weight cannot be negative"),
        ({"words": "up"}, "me: words: 'up': give one of target, away, keep"),
    ],
)
def test_a_faulty_attacker_is_named(weights, message):
    with pytest.raises(UserError, match=message):
        parse_config({"attackers": {"me": weights}})


def test_an_accent_that_the_victim_does_not_know_is_refused():
    with pytest.raises(UserError, match="'west': choose from .* model: north, south"):
        resolve_attacker(AttackerConfig(to_accent="west"), ToyVictim())


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, "planted: needs 'unbounded'.*write unbounded: 75"),
        ({"unbounded": 5, "eot": {"draws": 2}}, "planted: not with 'eot'"),
        ({"unbounded": 5, "name": ""}, "only a suite with a 'name'"),
    ],
)
def test_planted_examples_need_their_audio(settings, message):
    with pytest.raises(UserError, match=message):
        parse_config({"name": "x", "planted": 8, **settings})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"version": 3}, "version"),
        ({"attacks": [{"attack": "pgd", "everyone": True}]}, "everyone"),
    ],
)
def test_what_only_suites_have_is_refused_elsewhere(settings, named):
    with pytest.raises(UserError, match=f"{named}: only .* suite with a 'name'"):
        parse_config(settings)
    parse_config({"name": "x", **settings})


@pytest.mark.parametrize("settings", [{"name": "x"}, {"ascending": True}])
def test_only_ascending_budgets_of_a_suite_are_tried_from_scratch(settings):
    with pytest.raises(UserError, match="scratch: only for a suite with a 'name' and"):
        parse_config({"scratch": 8, **settings})


def test_what_floats_hold_may_be_smaller_than_a_level():
    config = parse_config({"budgets": [3e-5], "sample_format": "float32"})
    assert config.budgets == (3e-5,)
    assert parse_config({"budgets": [1 / 32768]}).budgets == (1 / 32768,)


def test_the_validation_set_is_that_of_whoever_attacks(tmp_path):
    config = parse_config({"attack": "universal", "fit_data": "valid"})
    with pytest.raises(UserError, match="which validation set. Give --valid_dir"):
        config.with_validation_set(None)
    assert config.with_validation_set(tmp_path).fit_data == [str(tmp_path)]
    other = parse_config({"attack": "universal", "fit_data": "data/other"})
    assert other.with_validation_set(tmp_path) is other
