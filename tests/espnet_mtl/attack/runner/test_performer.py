"""A victim that is random in any way is asked several times."""

import shutil

import toy_attack
from toy_problem import ToyListener
from toy_victim import ToyVictim

from espnet_mtl.attack.config import parse_config
from espnet_mtl.attack.judge import DRAWS
from espnet_mtl.metrics.wish import Heard
from tests.espnet_mtl.attack.conftest import NUM_UTTS

NOISE = {
    "name": "suite",
    "attackers": {"me": {}},
    "attacks": [{"attack": "noise", "draws": 1}],
    "controls": ["clean"],
    "budgets": [0.01],
}


class Counting(ToyListener):
    """Counts how often it is asked, and may answer otherwise each time."""

    def __init__(self, is_random):
        super().__init__(ToyVictim())
        self.is_random, self.asked = is_random, 0

    def __call__(self, speech):
        self.asked += 1
        heard = super().__call__(speech)
        return Heard(f"{heard.text} {self.asked}") if self.is_random else heard


def count(data_dir, output_dir, is_random, **settings):
    listener = Counting(is_random)
    victim, config = listener.victim, parse_config({**NOISE, **settings})
    toy_attack.attack(victim, config, data_dir, output_dir, lambda: listener)
    return listener.asked


def test_a_random_victim_is_asked_several_times(tmp_path, data_dir):
    # Untouched audio twice, and a level apart; then the one attack
    for is_random, times in ((False, 1), (True, DRAWS)):
        out = tmp_path / str(is_random)
        assert count(data_dir, out, is_random) == (3 + times) * NUM_UTTS
        # What an earlier run has learned still holds.
        shutil.rmtree(out / "wav" / "suite_linf0.01")
        assert count(data_dir, out, is_random) == times * NUM_UTTS


def test_so_is_one_whose_smallest_budgets_are_looked_for(tmp_path, data_dir):
    alone = {"name": "", "ascending": True}
    for is_random, times in ((False, 1), (True, DRAWS)):
        out = tmp_path / str(is_random)
        assert count(data_dir, out, is_random, **alone) == (3 + times) * NUM_UTTS
