"""``conf/attack_curve.yaml``: what it asks for."""

from pathlib import Path

from toy_victim import ToyVictim

from espnet_mtl.attack.plan import make_plan
from espnet_mtl.attack.runner.config_file import read_config

CONFIG = Path(__file__).parents[3] / "conf/attack_curve.yaml"


def test_every_attack_has_a_curve_of_its_own_after_all_budgets():
    config = read_config(CONFIG)
    plan = [one.trial for one in make_plan(config, ToyVictim(), {})]
    searches = [trial for trial in plan if trial.role == "curve"]
    assert [trial.attack for trial in searches] == [
        one.attack for one in config.attacks
    ]
    for trial in searches:
        before = [one.name for one in plan if one.role == "main"]
        assert len(trial.after) == len(config.budgets)
        assert set(trial.after) <= set(before)


def test_its_budgets_double_and_span_the_search():
    config = read_config(CONFIG)
    pairs = zip(config.budgets, config.budgets[1:], strict=False)
    assert {larger / smaller for smaller, larger in pairs} == {2.0}
    assert (config.budgets[0], config.budgets[-1]) == (0.00025, 0.064)
    assert (config.curve.halvings, config.curve.doublings) == (0, 0)
