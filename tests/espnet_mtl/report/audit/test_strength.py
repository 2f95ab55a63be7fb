"""Gates of how strong the attack is: where they pass, fail, and are not run."""

import shutil
from dataclasses import replace

import pytest
from audited import again, broken_again, first_few, found, how_of, let_black_box
from exp_factory import (
    BUDGETS,
    CLEAN,
    audit_dir,
    change_records,
    change_rows,
    errors_of,
    make_exp,
    make_suite_exp,
    make_trial,
    suite_errors,
)
from scipy.stats import binomtest

from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.report.audit.strength import judge_doubling


def test_an_attack_without_a_bound_has_to_succeed(suite):
    assert found("unbounded", suite) == (PASS, "100.0 % of 36, SNR 30.0 dB")

    change_rows(suite, lambda _: {"success_rate": 98.9}, "unbounded")
    assert found("unbounded", suite) == (FAIL, "98.9 % of 36, SNR 30.0 dB")


def test_twice_the_gradients_change_nothing(suite):
    figure = "0 of 108, at most 2.7 points (95 %); 52 still resist, "
    said = f"{figure}5.08 words away, then 5.08"
    assert found("steps", suite) == (PASS, said)
    # What has no hope of being broken may come nearer: that is told, and not judged.
    change_records(suite, again(cost=1))
    assert found("steps", suite) == (PASS, f"{figure}5.08 words away, then 1.00")


def test_what_was_not_doubled_is_not_judged(suite):
    change_records(suite, first_few(again(more_gradients=99)))
    assert found("steps", suite) == (NOT_RUN, "steps not doubled for 1 that resist")
    # What a smaller budget has broken was not attacked.
    change_records(suite, first_few(lambda *_: {"attempts": (), "doubled": None}))
    assert found("steps", suite)[0] == PASS


@pytest.mark.parametrize("newly, verdict", [(1, PASS), (2, FAIL), (5, FAIL)])
def test_twice_the_gradients_break_more(suite, newly, verdict):
    change_records(suite, first_few(broken_again, newly))
    bound = binomtest(newly, 108, alternative="less").proportion_ci(0.95).high
    said, figure = found("steps", suite)
    assert said == verdict
    assert figure.startswith(f"{newly} of 108, at most {100 * bound:.1f} points (95 %)")
    assert (f", {newly} of 36 at 0.001" in figure) == (verdict == FAIL)


def test_budgets_at_which_nothing_can_be_gained_hide_no_gain(tmp_path):
    """Two of 100 at one budget are two points there, though not of all pairs."""
    exp = make_suite_exp(tmp_path, "att", utts_per_speaker=25, audio=False)
    change_records(exp, first_few(broken_again, 2))
    verdict, figure = found("steps", exp)
    assert judge_doubling(2, 300) == PASS
    assert verdict == FAIL and ", 2 of 100 at 0.001;" in figure


def test_few_utterances_cannot_show_that_steps_are_enough(tmp_path):
    exp = make_suite_exp(tmp_path, "att", utts_per_speaker=8, audio=False)
    verdict, figure = found("steps", exp)
    assert verdict == NOT_RUN and figure.endswith("too few to tell")
    assert "num_attack_utts" in how_of("steps", exp)
    change_records(exp, first_few(broken_again, 2))
    assert found("steps", exp)[0] == FAIL


@pytest.mark.parametrize(
    "newly, n, verdict",
    [
        (0, 99, NOT_RUN),  # one more pair would be a point
        (0, 100, PASS),
        (1, 100, NOT_RUN),  # a point, by chance
        (2, 100, FAIL),
        (1, 192, PASS),
        (2, 192, NOT_RUN),
        (3, 192, FAIL),
        (9, 1000, PASS),
        (10, 1000, FAIL),
        (1, 2, FAIL),
        (1, 30, NOT_RUN),
    ],
)
def test_rule_of_the_doubling(newly, n, verdict):
    assert judge_doubling(newly, n) == verdict


def test_what_resists_has_to_be_repeated(suite):
    change_records(suite, first_few(lambda *_: {"doubled": None}))
    assert found("steps", suite) == (NOT_RUN, "steps not doubled for 1 that resist")
    change_records(suite, first_few(broken_again, 5))
    assert found("steps", suite)[0] == FAIL


def test_all_broken_needs_no_more_steps(tmp_path):
    exp = make_suite_exp(
        tmp_path,
        "att",
        errors=lambda trial, *_: 10 if trial.attack == "noise" else 0,
        audio=False,
    )
    assert found("steps", exp)[0] == PASS


def comparison(utterances, nearer, clearly, broken):
    return (
        f"of {utterances}, without gradients {nearer} nearer, {clearly} by more than "
        f"1 word, {broken} broken"
    )


def louder(utterances, gradients=None, black_boxes=0):
    """What is said of the trial at a larger budget."""
    gradients = utterances if gradients is None else gradients
    return (
        f"; of {utterances} at 0.03, gradients broke {gradients}, and black boxes "
        f"{black_boxes} of the rest"
    )


def test_gradients_come_nearer_than_all_else(suite):
    loud = louder(36)
    assert found("white_box", suite) == (PASS, comparison(108, 0, 0, 0) + loud)
    let_black_box(suite, 5, 3)  # with gradients 6
    assert found("white_box", suite) == (PASS, comparison(108, 3, 0, 0) + loud)
    let_black_box(suite, 4, 3)
    assert found("white_box", suite) == (FAIL, comparison(108, 3, 3, 0) + loud)


def test_tolerances_of_what_comes_nearer_without_gradients(tmp_path):
    exp = make_suite_exp(tmp_path, "att", utts_per_speaker=20, audio=False)
    loud = louder(80)
    let_black_box(exp, 2, 4)
    assert found("white_box", exp) == (PASS, comparison(240, 4, 4, 0) + loud)
    let_black_box(exp, 2, 5)
    assert found("white_box", exp) == (FAIL, comparison(240, 5, 5, 0) + loud)
    let_black_box(exp, 6, 5)
    let_black_box(exp, 0, 1)
    assert found("white_box", exp) == (FAIL, comparison(240, 1, 1, 1) + loud)


@pytest.mark.parametrize("black_box, verdict", [(0, FAIL), (1, PASS)])
def test_black_boxes_at_a_larger_budget(suite, black_box, verdict):
    """Gradients leave one utterance, and a black box comes to so many words."""

    def resist(record, number):
        white, other = record.attempts[0], record.attempts[-1]
        return {
            "attempts": (
                replace(white, kind="white_box", cost=2, success=False),
                replace(other, kind="black_box", cost=black_box, success=not black_box),
            )
        }

    change_records(suite, first_few(resist), "black_box")
    loud = louder(36, 35, int(not black_box))
    assert found("white_box", suite) == (verdict, comparison(108, 0, 0, 0) + loud)


def few_queries(row):
    few = {"settings": {"queries": 100}}
    return {"members": tuple(replace(one, **few) for one in row.members)}


@pytest.mark.parametrize(
    "change",
    [lambda _: {"attack": "other"}, lambda _: {"budget": 0.008}, few_queries],
    ids=["none", "no larger budget", "few queries"],
)
def test_black_boxes_without_a_chance_show_nothing(suite, change):
    change_rows(suite, change, "black_box")
    verdict, figure = found("white_box", suite)
    assert verdict == NOT_RUN and figure.endswith("no black box at a larger budget")
    assert "`black_box: " in how_of("white_box", suite)


def test_noise_that_is_better_than_the_attack(tmp_path):
    exp = make_suite_exp(
        tmp_path,
        "att",
        errors=lambda trial, *rest: (
            1 if trial.attack == "gaussian" else suite_errors(trial, *rest)
        ),
        audio=False,
    )
    verdict, figure = found("white_box", exp)
    # All at the smallest budget, and at the middle one those that resist
    assert (verdict, figure) == (FAIL, comparison(36, 16, 16, 0) + louder(12))


def test_gradients_beside_noise_alone_are_not_enough(tmp_path):
    about = {"budgets": BUDGETS, "attackers": ("multitask",), "audio": False}
    exp = make_exp(tmp_path, "ctc", errors=errors_of("ctc"), **about)
    verdict, figure = found("white_box", exp)
    assert verdict == NOT_RUN
    assert figure == comparison(24, 0, 0, 0) + "; no black box at a larger budget"


def test_separate_attacks_are_compared_per_utterance(tmp_path):
    trials = [CLEAN, make_trial("noise")]
    trials += [make_trial(attack, "a") for attack in ("pgd", "square")]

    def errors(trial, speaker, number):
        # Square is the better on one utterance of twelve, PGD in the mean.
        nearer = trial.attack == "square" and speaker + number == 0
        return 1 if nearer else {"noise": 10, "pgd": 3, "square": 6}[trial.attack]

    exp = make_exp(tmp_path, "ctc", errors=errors, trials=trials, audio=False)
    verdict, figure = found("white_box", exp)
    assert (verdict, figure) == (FAIL, comparison(12, 1, 1, 0))


@pytest.mark.parametrize(("twer", "verdict"), [(95.1, PASS), (94.9, FAIL)])
def test_noise_stays_near_the_null_value(suite, twer, verdict):
    change_rows(
        suite,
        lambda row: {"adv_twer": twer} if row.budget == 0.002 else {},
        "noise",
    )
    figure = f"{100 - twer:.1f} points from null at 0.002"
    assert found("noise", suite) == (verdict, figure)


@pytest.mark.parametrize(
    ("utts_per_speaker", "verdict"), [(1, NOT_RUN), (2, NOT_RUN), (3, FAIL)]
)
def test_noise_on_few_words_is_not_judged(tmp_path, utts_per_speaker, verdict):
    """One word of four is 25 points: far from null, and far from evidence."""

    def errors(trial, speaker, number):
        return 4 if trial.attack == "noise" else suite_errors(trial, speaker, number)

    exp = make_suite_exp(
        tmp_path, "att", errors=errors, utts_per_speaker=utts_per_speaker
    )
    words = 40 * utts_per_speaker  # of four speakers, ten an utterance
    figure = {
        NOT_RUN: f"{words} target words: too few to tell 5 points (≥ 100)",
        FAIL: "60.0 points from null at 0.001",
    }[verdict]
    assert found("noise", exp) == (verdict, figure)


def test_every_budget_needs_its_noise(suite):
    for attack in ("noise", "gaussian"):
        change_rows(
            suite,
            lambda row: {"attack": "shuffled"} if row.budget == 0.002 else {},
            attack,
        )
    assert found("noise", suite) == (NOT_RUN, "no noise at 0.002")
    # A failure is one, whatever else was not looked at.
    change_rows(suite, lambda _: {"adv_twer": 80.0}, "noise")
    assert found("noise", suite) == (FAIL, "20.0 points from null at 0.001")


def test_noise_that_is_missing_is_named(suite):
    for attack in ("noise", "gaussian"):
        change_rows(suite, lambda _: {"attack": "shuffled"}, attack)
    assert how_of("noise", suite) == "give the attack `controls: [clean, noise]`"


def test_steps_whose_records_are_gone_were_doubled(suite):
    shutil.rmtree(audit_dir(suite))
    assert found("steps", suite) == (NOT_RUN, "records of the attack not there")
