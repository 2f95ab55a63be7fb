"""The gate of planted examples, where it passes, fails, and is not run."""

import pytest
from exp_factory import (
    CLEAN,
    DIFFICULTIES,
    make_exp,
    make_planted,
    make_planted_trial,
    make_trial,
)

from espnet_mtl.metrics.binomial import lower_bound
from espnet_mtl.report.audit.audits import make_audits
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.results.trial import PLANTED


def finding(tmp_path, planted, deceived=()):
    """What the gate finds in 12 utterances; ``planted`` gives the searches of one."""
    numbers = iter(range(12))

    def describe(trial, score):
        if trial.attack != PLANTED:
            return {}
        return {"planted": planted(next(numbers))}

    def errors(trial, speaker, number):
        is_deceived = (speaker, number) in deceived and trial.attack == PLANTED
        return 0 if is_deceived else 9

    exp = make_exp(
        tmp_path,
        "att",
        errors=errors,
        trials=[CLEAN, make_trial("pgd", "accent_blind"), make_planted_trial()],
        audio=False,
        describe=describe,
    )
    [group] = make_audits(read_experiments([exp]))
    found = group.audits[0].findings["planted"]
    return found.verdict, found.figure


def all_found(number):
    return tuple(make_planted(name) for name in DIFFICULTIES)


def test_all_found(tmp_path):
    expected = (PASS, "easy 12/12, medium 12/12, hard 12/12")
    assert finding(tmp_path, all_found) == expected


def test_hard_ones_may_be_missed(tmp_path):
    def planted(number):
        hard = make_planted("hard", found=number > 2, opened=0.5)
        return (*all_found(number)[:2], hard)

    figure = "easy 12/12, medium 12/12, hard 9/12 (50 % of the way where missed)"
    assert finding(tmp_path, planted) == (PASS, figure)


@pytest.mark.parametrize("difficulty", ["easy", "medium"])
def test_one_that_is_missed_fails(tmp_path, difficulty):
    def planted(number):
        is_missed = number == 7
        return tuple(
            make_planted(
                name, found=not (is_missed and name == difficulty), opened=0.25
            )
            for name in DIFFICULTIES
        )

    verdict, figure = finding(tmp_path, planted)
    assert verdict == FAIL
    assert f"{difficulty} 11/12 (25 % of the way where missed)" in figure


def test_what_deceives_the_victim_itself_does_not_count(tmp_path):
    def planted(number):
        return tuple(make_planted(name, found=number != 1) for name in DIFFICULTIES)

    assert finding(tmp_path / "counts", planted)[0] == FAIL
    figure = "easy 11/11, medium 11/11, hard 11/11"
    assert finding(tmp_path / "not", planted, {(0, 1)}) == (PASS, figure)


def test_nothing_planted(tmp_path):
    assert finding(tmp_path, lambda _: None) == (NOT_RUN, "nothing planted")


def test_nothing_could_be_planted(tmp_path):
    def planted(number):
        return tuple(
            make_planted(name, exists=False, found=False) for name in DIFFICULTIES
        )

    expected = "no example could be planted in 12 utterances"
    assert finding(tmp_path, planted) == (NOT_RUN, expected)


@pytest.mark.parametrize("n, verdict", [(4, NOT_RUN), (5, PASS)])
def test_few_planted_examples_show_little(tmp_path, n, verdict):
    said = finding(tmp_path, lambda number: all_found(number) if number < n else None)
    assert said[0] == verdict
    assert (lower_bound(n, n) > 0.5) == (verdict == PASS)


def test_one_of_few_that_is_missed_fails(tmp_path):
    def planted(number):
        return (make_planted("easy", found=False),) if number == 0 else None

    assert finding(tmp_path, planted)[0] == FAIL


def test_a_difficulty_that_is_lacking(tmp_path):
    verdict, figure = finding(tmp_path, lambda _: (make_planted("easy"),))
    assert (verdict, figure) == (NOT_RUN, "easy 12/12; fewer than 5 that are medium")
