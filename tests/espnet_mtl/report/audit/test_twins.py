"""The gate of who ignores the accent branch, and of twins."""

from dataclasses import replace

import pytest
from audited import broken_again, first_few, found, how_of, means_of
from exp_factory import (
    change_records,
    change_rows,
    make_exp,
    make_suite_exp,
    suite_errors,
)
from scipy.stats import fisher_exact

from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS


def test_no_accent_branch_needs_no_accent_blind_attacker(suites):
    assert found("accent_blind", suites["att"]) == (PASS, "no accent branch")


def test_without_a_twin_an_accent_blind_attacker_is_enough(suite):
    figure = "accent-blind attacks at every budget; no twin to compare"
    assert found("accent_blind", suite) == (PASS, figure)


def without_multitask(row):
    members = [one for one in row.members if one.attacker != "multitask"]
    return {"members": tuple(members)}


@pytest.fixture
def twins(tmp_path):
    """A system and its twin, attacked alike, and another one; to be changed."""
    exps = [
        make_suite_exp(tmp_path, "hybrid_accent", accent=True, audio=False),
        make_suite_exp(tmp_path, "hybrid", audio=False),
        make_suite_exp(tmp_path, "att", branches=("att",), audio=False),
    ]
    change_rows(exps[0], without_multitask, "standard")
    change_records(
        exps[0],
        lambda record, _: {
            "attempts": tuple(a for a in record.attempts if a.attacker != "multitask")
        },
    )
    return exps


ALIKE = "same schedule as hybrid; broken 0, 8, 12 of 12, of hybrid 0, 8, 12 of 12"


def test_a_branch_of_shuffled_accents_has_the_same_twin(tmp_path):
    exps = [
        make_suite_exp(tmp_path, "mine_shuffled", accent=True, audio=False),
        make_suite_exp(tmp_path, "mine_accent", accent=True, audio=False),
        make_suite_exp(tmp_path, "mine", audio=False),
    ]
    verdict, figure = found("accent_blind", *exps)
    # Of the same attacks, a system without a branch has no variant that attacks it.
    assert verdict == FAIL and "at 0.001, mine_shuffled alone: pgd" in figure


def effort(pairs, mine, twin, more=(0, 0)):
    return (
        f"{ALIKE}; gradients on each of {pairs} that resist on both: {mine}, of hybrid "
        f"{twin}; twice as many break {more[0]} more, of hybrid {more[1]}"
    )


def test_twins_are_attacked_alike(twins):
    # Also where no accents were decoded
    change_rows(twins[0], lambda _: {"accent_acc": None})
    assert found("accent_blind", *twins) == (PASS, effort(16, 100, 100))

    def longer(row):
        first, *rest = row.members
        settings = {"steps": 200}
        return {"members": (replace(first, settings=settings), *rest)}

    change_rows(twins[1], longer, "standard")
    verdict, figure = found("accent_blind", *twins)
    assert verdict == FAIL and "hybrid alone: pgd (steps=200)" in figure
    assert "with the same effort" in means_of("accent_blind", *twins)


def test_who_attacks_once_more_is_another_attacker(tmp_path):
    """The suite keeps the worst, so that also attacking the accent can only help."""
    exps = [
        make_suite_exp(tmp_path, "hybrid_accent", accent=True, audio=False),
        make_suite_exp(tmp_path, "hybrid", audio=False),
    ]
    assert found("accent_blind", *exps) == (
        FAIL,
        "at 0.001, hybrid_accent alone: pgd (steps=100), transfer (steps=100), "
        "square (steps=100)",
    )


def spend(gradients, count=None):
    """Let the attack have spent so many gradients, on all or the first utterances."""

    def change(record, number):
        if count is not None and number >= count:
            return {}
        first, *rest = record.attempts
        return {"attempts": (replace(first, gradients=gradients), *rest)}

    return change


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("gradients", "verdict"), [(150, PASS), (151, FAIL)])
def test_more_gradients_on_what_resists_both_times(twins, which, gradients, verdict):
    """Whichever of the two they were spent on."""
    change_records(twins[which], spend(gradients))
    spent = [100, 100]
    spent[which] = gradients
    said, figure = found("accent_blind", *twins)
    assert said == verdict and figure.startswith(effort(16, *spent)[: -len(MORE)])
    if verdict == FAIL:
        assert "for want of gradients" in means_of("accent_blind", *twins)


MORE = "; twice as many break 0 more, of hybrid 0"


@pytest.mark.parametrize(("count", "verdict"), [(5, NOT_RUN), (6, FAIL)])
def test_few_that_got_more_may_be_chance(twins, count, verdict):
    """Five of five one way have a chance of 1 in 16, six of six of 1 in 32."""
    change_records(twins[0], spend(1000, count))
    said, figure = found("accent_blind", *twins)
    assert said == verdict
    assert figure.endswith("too few to compare effort") == (verdict == NOT_RUN)


def test_what_breaks_needs_no_more_gradients(twins):
    """All is broken at the largest budget: what that took is not compared."""

    def change(record, _):
        gradients = 100 if any(not one.success for one in record.attempts[:1]) else 1
        return spend(gradients)(record, 0)

    change_records(twins[0], change)
    assert found("accent_blind", *twins) == (PASS, effort(16, 100, 100))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("newly", "verdict"), [(5, PASS), (6, FAIL)])
def test_what_is_left_to_gain_is_as_much_on_both(twins, which, newly, verdict):
    """Six of 36 and none: chance alone does that in 1 of 40 cases."""
    change_records(twins[which], first_few(broken_again, newly))
    more = [0, 0]
    more[which] = newly
    assert found("accent_blind", *twins) == (verdict, effort(16, 100, 100, more))
    chance = fisher_exact([[newly, 36 - newly], [0, 36]]).pvalue
    assert (chance < 0.05) == (verdict == FAIL)
    if verdict == FAIL:
        assert "further to go" in means_of("accent_blind", *twins)


def test_outcomes_of_twins_stand_side_by_side_and_are_not_judged(tmp_path, twins):
    easy = make_suite_exp(
        tmp_path / "easy",
        "hybrid",
        audio=False,
        errors=lambda trial, *rest: (
            0 if trial.attack == "standard" else suite_errors(trial, *rest)
        ),
    )
    verdict, figure = found("accent_blind", twins[0], easy)
    assert verdict == PASS
    assert "broken 0, 8, 12 of 12, of hybrid 12, 12, 12 of 12" in figure
    assert "resist on both" not in figure


def test_twins_whose_effort_is_not_recorded(twins, study):
    change_records(twins[1], lambda *_: {"attempts": None})
    said = f"{ALIKE}; gradients spent on them not recorded"
    assert found("accent_blind", *twins) == (NOT_RUN, said)
    assert how_of("accent_blind", *twins).startswith("attack again")
    # Attacks that stand for themselves are compared without those of the accent.
    verdict, figure = found("accent_blind", study["ctc_accent"], study["ctc"])
    assert verdict == NOT_RUN and figure.startswith("same schedule as ctc; broken ")


def test_without_twice_the_gradients_nothing_is_said_of_them(twins):
    change_rows(twins[1], lambda _: {"doubled": False}, "standard")
    verdict, figure = found("accent_blind", *twins)
    assert (verdict, figure) == (PASS, effort(16, 100, 100)[: -len(MORE)])


def test_a_twin_that_was_attacked_elsewhere(tmp_path):
    about = {"accent": True, "audio": False}
    exps = [
        make_suite_exp(tmp_path, "ctc_accent", branches=("ctc",), **about),
        make_suite_exp(tmp_path, "ctc", branches=("ctc",), budgets=(0.001, 0.002)),
    ]
    change_rows(exps[0], without_multitask, "standard")
    figure = "ctc not attacked at 0.008"
    assert found("accent_blind", *exps) == (NOT_RUN, figure)


def test_an_accent_branch_that_nobody_ignored(suite):
    def weigh(row):
        weights = {"ctc": 0.7, "accent": 0.3}
        return {"members": tuple(replace(m, weights=weights) for m in row.members)}

    change_rows(suite, weigh, "standard")
    assert found("accent_blind", suite) == (FAIL, "no accent-blind attack at 0.001")


def test_a_single_step_is_no_attack_that_ignores_the_accent(suite):
    """It would stand for the many steps of an attack that goes for the accent."""

    def weigh(row):
        first, *_ = row.members
        accent = replace(first, weights={"ctc": 0.01, "accent": 0.99})
        step = replace(first, attack="fgsm", weights={"ctc": 1.0}, settings={})
        return {"members": (accent, step)}

    change_rows(suite, weigh, "standard")
    assert found("accent_blind", suite) == (FAIL, "no accent-blind attack at 0.001")


def test_accent_blind_attack_as_a_trial_of_its_own(tmp_path, study):
    assert found("accent_blind", study["ctc_accent"])[0] == PASS
    exp = make_exp(
        tmp_path,
        "ctc_accent",
        errors=lambda *_: 1,
        attackers=("multitask",),
        accent=True,
        audio=False,
    )
    assert found("accent_blind", exp) == (FAIL, "no accent-blind attack at 0.001")


def test_nobody_who_ignores_the_accent_is_no_stronger_attacker(suite):
    def weigh(row):
        weights = {"ctc": 0.7, "accent": 0.3}
        return {"members": tuple(replace(m, weights=weights) for m in row.members)}

    change_rows(suite, weigh, "standard")
    assert means_of("accent_blind", suite).startswith("No attacker who ignores")
