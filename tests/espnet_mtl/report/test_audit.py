"""Each gate of the audit, where it passes, where it fails, and without its data."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from curve_factory import make_curve_exp
from exp_factory import (
    BUDGETS,
    CLEAN,
    SPEAKERS,
    TOO_LONG,
    audit_dir,
    change_records,
    change_rows,
    change_scores,
    errors_of,
    hyp_dir_of,
    make_decoder,
    make_exp,
    make_suite_exp,
    make_trial,
    suite_errors,
)
from scipy.stats import binomtest

from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.report.audit.audits import GATES, make_audits
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.report.audit.strength import judge_doubling
from espnet_mtl.report.experiment import find_clean, read_experiments
from espnet_mtl.results.attack import ATTACK_NAME, read_attack_run
from espnet_mtl.results.clean_scores import CLEAN_SCORES_NAME
from espnet_mtl.results.files import write_result


@pytest.fixture(scope="module")
def suites(tmp_path_factory):
    """A system with an accent branch and one without, under a suite."""
    folder = tmp_path_factory.mktemp("suites")
    return {
        "hybrid_accent": make_suite_exp(
            folder, "hybrid_accent", accent=True, utts_per_speaker=9
        ),
        "att": make_suite_exp(
            folder, "att", branches=("att",), wer=5.5, utts_per_speaker=9
        ),
    }


@pytest.fixture
def suite(suites, tmp_path):
    """One of them, to be changed; the attack's paths still name the original."""
    return copy_of(suites["hybrid_accent"], tmp_path)


def copy_of(exp, folder):
    copy = folder / exp.name
    shutil.copytree(exp, copy)
    path = audit_dir(copy) / "wav.scp"
    path.write_text(path.read_text().replace(str(exp), str(copy)))
    return copy


def audit_of(*exps):
    """Audit systems together; return that of the first."""
    [group] = make_audits(read_experiments(exps))
    return group.audits[0]


def found(gate, *exps):
    finding = audit_of(*exps).findings[gate]
    return finding.verdict, finding.figure


def test_sound_systems_pass_every_gate(suites):
    [group] = make_audits(read_experiments(suites.values()))
    for audit in group.audits:
        verdicts = {name: str(finding) for name, finding in audit.findings.items()}
        assert not [text for text in verdicts.values() if not text.startswith(PASS)]
        assert audit.verdict == "pass"
        assert audit.counts == "13 of 13 gates passed"
        assert "can be relied on" in audit.sentence


def test_gates_have_names_and_words():
    assert len({gate.name for gate in GATES}) == len(GATES) == 13
    for gate in GATES:
        assert gate.failure.endswith(".") and gate.title


def test_an_attack_without_a_bound_has_to_succeed(suite):
    assert found("unbounded", suite) == (PASS, "100.0 % of 36, SNR 30.0 dB")

    change_rows(suite, lambda _: {"success_rate": 98.9}, "unbounded")
    assert found("unbounded", suite) == (FAIL, "98.9 % of 36, SNR 30.0 dB")


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        ((0, 30, 80), PASS),
        ((100, 100, 100), PASS),
        ((0, 0, 10), PASS),
        ((0, 60, 59.9), PASS),  # less than a single utterance
        ((0, 60, 30), FAIL),  # falls
        ((0, 0, 0), FAIL),  # nothing is shown
        ((40, 40, 40), FAIL),
    ],
)
@pytest.mark.parametrize(
    ("norm", "budgets"), [("linf", (0.001, 0.002, 0.008)), ("snr", (30, 20, 10))]
)
def test_success_grows_with_the_budget(tmp_path, rates, verdict, norm, budgets):
    exp = make_suite_exp(tmp_path, "att", norm=norm, budgets=budgets, audio=False)

    by_budget = dict(zip(budgets, rates, strict=True))
    change_rows(exp, lambda row: {"success_rate": by_budget[row.budget]}, "standard")
    figure = ", ".join(f"{rate:.1f}" for rate in rates) + " %"
    assert found("growth", exp) == (verdict, figure)


def test_growth_is_that_of_every_attacker_with_gradients(tmp_path):
    exp = make_exp(
        tmp_path,
        "ctc_accent",
        errors=lambda trial, *_: int(trial.budget < 0.008),
        budgets=BUDGETS,
        audio=False,
    )
    verdict, figure = found("growth", exp)
    assert verdict == PASS
    assert figure == "pgd_multitask 0.0, 100.0; pgd_accent_blind 0.0, 100.0 %"

    def falls(row):
        if row.attacker != "multitask":
            return {}
        return {"success_rate": 60.0 if row.budget == 0.001 else 50.0}

    change_rows(exp, falls, "pgd")
    assert found("growth", exp)[0] == FAIL


def test_one_budget_shows_no_growth(tmp_path):
    exp = make_suite_exp(tmp_path, "att", budgets=(0.001,), audio=False)
    assert found("growth", exp) == (NOT_RUN, "one budget alone")


def again(**changes):
    """Change what came of twice the steps, where they were made."""
    return lambda record, number: {
        "doubled": record.doubled and replace(record.doubled, **changes)
    }


def first_few(change, count=1):
    """Change the first records alone."""
    return lambda record, number: change(record, number) if number < count else {}


broken_again = again(success=True, cost=0)


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


def let_black_box(exp, cost, utterances):
    """Let the last attempt on some utterances at the smallest budget come so near."""

    def change(record, number):
        if number >= utterances:
            return {}
        last = replace(record.attempts[-1], cost=cost, success=cost == 0)
        return {"attempts": (*record.attempts[:-1], last)}

    change_records(exp, change)


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


def health(**changes):
    """Change how the victim behaved at the untouched audio."""
    return lambda record, number: {"health": replace(record.health, **changes)}


@pytest.mark.parametrize(
    ("gate", "change", "verdict", "figure"),
    [
        ("gradients", {}, PASS, "36 of 36 finite, 0 zero,"),
        (
            "gradients",
            {"gradient_finite": False, "gradient_l1": None},
            FAIL,
            "35 of 36 finite, 0 zero",
        ),
        (
            "gradients",
            {"gradient_l1": 0.0, "gradient_zero_share": 1.0},
            FAIL,
            "36 of 36 finite, 1 zero",
        ),
        ("gradients", None, NOT_RUN, "1 of 36 not looked at"),
        (
            "gradients",
            {"gradient_zero_share": 0.1},
            PASS,
            "36 of 36 finite, 0 zero, at most 10.0 % of the samples without",
        ),
        (
            "gradients",
            {"gradient_zero_share": 0.11},
            FAIL,
            "36 of 36 finite, 0 zero, at most 11.0 % of the samples without",
        ),
        (
            "gradients",
            {"branch_zero_shares": {"ctc": 0.0, "att": 1.0}},
            FAIL,
            "36 of 36 finite, 0 zero, at most 100.0 % of the samples without in att",
        ),
        (
            "gradients",
            {"branch_zero_shares": {"ctc": 0.0}},
            NOT_RUN,
            "gradients of att not looked at",
        ),
        ("repeats", {}, PASS, "loss differs by 0, text in 0 of 36; one level apart, "),
        (
            "repeats",
            {"loss_level_diff": 0.02, "loss_level_slope": 0.01},
            PASS,
            "loss differs by 0, text in 0 of 36; one level apart, loss by 0 more",
        ),
        (
            "repeats",
            {"loss_level_diff": 0.02, "loss_level_slope": 0.009},
            FAIL,
            "loss differs by 0, text in 0 of 36; one level apart, loss by 0.002 more",
        ),
        (
            "repeats",
            {"loss_level_diff": None},
            FAIL,
            "loss differs by 0, text in 0 of 36; one level apart, loss by inf more",
        ),
        ("repeats", {"loss_repeat_diff": 0.01}, FAIL, "loss differs by 0.01"),
        ("repeats", {"heard_repeat": False}, FAIL, "loss differs by 0, text in 1"),
        ("repeats", None, NOT_RUN, "1 of 36 not asked twice"),
    ],
)
def test_health_of_the_first_utterance(suite, gate, change, verdict, figure):
    new = health(**change) if change is not None else lambda *_: {"health": None}
    change_records(suite, first_few(new), "none")
    said, measured = found(gate, suite)
    assert said == verdict and measured.startswith(figure)


def test_a_text_may_change_one_level_apart_in_one_utterance(suite):
    for count, verdict in ((1, PASS), (2, FAIL)):
        change_records(suite, first_few(health(heard_level=False), count), "none")
        said, figure = found("repeats", suite)
        assert said == verdict and figure.endswith(f"says, text in {count}")


def test_health_is_that_of_what_can_be_reached(tmp_path):
    exp = make_suite_exp(tmp_path, "att", infeasible=("ann-0",), audio=False)

    infinite = health(gradient_finite=False, loss_repeat_diff=None)
    change_records(
        exp, lambda record, n: {} if record.feasible else infinite(record, n), "none"
    )
    assert found("gradients", exp)[0] == found("repeats", exp)[0] == PASS


def test_health_without_a_target_is_that_of_all(tmp_path):
    exp = make_suite_exp(tmp_path, "att", infeasible=("ann-0",), audio=False)
    assert found("gradients", exp)[1].startswith("11 of 11 finite")
    change_rows(exp, lambda _: {"words": "away", "n": 12, "infeasible": {}}, "standard")
    assert found("gradients", exp)[1].startswith("12 of 12 finite")


def test_no_accent_branch_needs_no_accent_blind_attacker(suites):
    assert found("accent_blind", suites["att"]) == (PASS, "no accent branch")


def test_without_a_twin_an_accent_blind_attacker_is_enough(suite):
    figure = "accent-blind attacks at every budget; no twin to compare"
    assert found("accent_blind", suite) == (PASS, figure)


def without_multitask(row):
    members = [one for one in row.members if one.attacker != "multitask"]
    return {"members": tuple(members)}


def test_twins_are_attacked_alike(tmp_path):
    exps = [
        make_suite_exp(tmp_path, "hybrid_accent", accent=True, audio=False),
        make_suite_exp(tmp_path, "hybrid", audio=False),
        make_suite_exp(tmp_path, "att", branches=("att",), audio=False),
    ]
    # Who also attacks the accent attacks once more, and the suite keeps the worst.
    verdict, figure = found("accent_blind", *exps)
    assert verdict == FAIL
    assert figure == (
        "at 0.001, hybrid_accent alone: pgd (steps=100), transfer (steps=100), "
        "square (steps=100)"
    )
    change_rows(exps[0], without_multitask, "standard")
    # Also where no accents were decoded
    change_rows(exps[0], lambda _: {"accent_acc": None})
    figure = (
        "same schedule as hybrid; gradients spent on an utterance: 600, of hybrid 300"
    )
    assert found("accent_blind", *exps) == (PASS, figure)

    def longer(row):
        first, *rest = row.members
        settings = {"steps": 200}
        return {"members": (replace(first, settings=settings), *rest)}

    change_rows(exps[1], longer, "standard")
    verdict, figure = found("accent_blind", *exps)
    assert verdict == FAIL and "hybrid alone: pgd (steps=200)" in figure
    assert "with the same effort" in means_of("accent_blind", *exps)


def test_separate_attacks_on_twins_are_compared_without_the_accent(study):
    assert found("accent_blind", study["ctc_accent"], study["ctc"]) == (
        PASS,
        "same schedule as ctc",
    )


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


@pytest.mark.parametrize(
    ("decoded", "attacked", "verdict", "figure"),
    [
        (0.3, {"ctc": 0.3, "att": 0.7}, PASS, "0.7 att+0.3 ctc, 0.7 att+0.3 ctc"),
        (0.3, {"ctc": 0.5, "att": 0.5}, PASS, "0.7 att+0.3 ctc, 0.5 att+0.5 ctc"),
        (0.9, {"ctc": 0.3, "att": 0.7}, FAIL, "0.1 att+0.9 ctc, 0.7 att+0.3 ctc"),
        (0.0, {"ctc": 0.3, "att": 0.7}, FAIL, "att, 0.7 att+0.3 ctc"),
        (1.0, {"ctc": 0.3, "att": 0.7}, FAIL, "ctc, 0.7 att+0.3 ctc"),
        (0.0, {"ctc": 0.1, "att": 0.9}, PASS, "att, 0.9 att+0.1 ctc"),
        (0.0, {"ctc": 0.1, "att": 0.8, "accent": 0.1}, FAIL, "att, 0.89 att+0.11 ctc"),
        (0.0, {"ctc": 1.0}, FAIL, "att, ctc"),
        (0.3, {"att": 1.0}, FAIL, "0.7 att+0.3 ctc, att"),
        (0.3, {"ctc": 0.3, "accent": 0.3}, FAIL, "0.7 att+0.3 ctc, ctc"),
        (1.0, {"ctc": 0.7, "accent": 0.3}, PASS, "ctc, ctc"),
    ],
)
def test_attacked_loss_and_decoder(suite, decoded, attacked, verdict, figure):
    heard = {"ctc": decoded, "att": 1 - decoded}
    decoder = make_decoder([name for name, weight in heard.items() if weight])
    run = read_attack_run(audit_dir(suite))
    run = replace(run, decoder=replace(decoder, ctc_weight=decoded))
    write_result(audit_dir(suite) / ATTACK_NAME, run)

    def weigh(row):
        return {"members": tuple(replace(m, weights=attacked) for m in row.members)}

    change_rows(suite, weigh, "standard")
    first, second = figure.split(", ")
    assert found("loss", suite) == (verdict, f"decodes {first}, attacked {second}")


def test_the_best_attacker_matches_the_decoder(suite):
    """Who follows another loss does no harm beside the one who follows this one."""

    def weigh(row):
        first, *rest = row.members
        return {"members": (replace(first, weights={"ctc": 1.0}), *rest)}

    change_rows(suite, weigh, "standard")
    assert found("loss", suite)[0] == PASS


def test_no_decoder_and_a_language_model(suite):
    def loss_with(decoder):
        run = replace(read_attack_run(audit_dir(suite)), decoder=decoder)
        write_result(audit_dir(suite) / ATTACK_NAME, run)
        return found("loss", suite)

    branches = ("ctc", "att")
    verdict, figure = loss_with(make_decoder(branches, lm_weight=0.3))
    assert verdict == FAIL and figure.endswith("+0.5 ctc; LM 0.3 not attacked")
    assert "--lm_weight 0" in means_of("loss", suite)
    verdict, figure = loss_with(make_decoder(branches, ngram_weight=0.2))
    assert verdict == FAIL and figure.endswith("; n-gram 0.2 not attacked")
    assert loss_with(None) == (
        NOT_RUN,
        "no attack asked the decoder, so its weights are unknown",
    )
    # Then nobody knows which branches have to have gradients either.
    verdict, figure = found("gradients", suite)
    assert verdict == NOT_RUN and "which branches the decoder listens to" in figure


def test_the_worse_recogniser_alone_fails(suites, tmp_path):
    """The whole set counts, and not the attacked utterances."""
    for wer, verdict in ((6.0, PASS), (6.1, FAIL)):
        other = make_suite_exp(tmp_path, "ctc", wer=wer, audio=False)
        change_rows(other, lambda _: {"benign_wer": 99.0})
        good = suites["hybrid_accent"]
        assert found("benign_wer", good, other) == (
            PASS,
            f"4.00 %, best of the others: ctc {wer:.2f} %",
        )
        figure = f"{wer:.2f} %, best of the others: hybrid_accent 4.00 %"
        assert found("benign_wer", other, good) == (verdict, figure)


def test_recognisers_are_compared_with_baselines_and_twins(suites, tmp_path):
    about = {"audio": False}
    exps = [
        make_suite_exp(tmp_path, "hybrid", wer=6.5, **about),
        make_suite_exp(tmp_path, "ctc_accent", wer=4.0, accent=True, **about),
        suites["att"],  # 5.5
    ]
    assert found("benign_wer", *exps) == (
        PASS,
        "6.50 %, best of the others: att 5.50 %",
    )
    twin = make_suite_exp(tmp_path, "hybrid_accent", wer=4.0, accent=True, **about)
    figure = "6.50 %, best of the others: hybrid_accent 4.00 %"
    assert found("benign_wer", *exps, twin) == (FAIL, figure)
    # Names that say nothing: all stand side by side.
    mine = [
        make_suite_exp(tmp_path, name, wer=wer, **about)
        for name, wer in (("mine", 6.5), ("yours", 4.0))
    ]
    assert found("benign_wer", *mine) == (
        FAIL,
        "6.50 %, best of the others: yours 4.00 %",
    )


def test_whole_sets_that_are_not_scored(suites, tmp_path):
    other = make_suite_exp(tmp_path, "ctc", audio=False)
    for path in find_clean(other):
        (path / CLEAN_SCORES_NAME).unlink()
    for exps in ((other, suites["att"]), (suites["att"], other)):
        figure = "no scores of the whole set: ctc"
        assert found("benign_wer", *exps) == (NOT_RUN, figure)
        assert "stages 12 and 13" in how_of("benign_wer", *exps)
    third = make_suite_exp(tmp_path, "hybrid_accent", audio=False)
    verdict, figure = found("benign_wer", suites["att"], other, third)
    assert verdict == NOT_RUN and figure.endswith("; not scored: ctc")


def test_a_worse_recogniser_spoils_the_comparison_alone(suites, tmp_path):
    other = make_suite_exp(tmp_path, "ctc", wer=9.0, utts_per_speaker=9)
    audit = audit_of(other, suites["att"])
    assert audit.verdict == "fail"
    assert "robustness figures cannot be compared (" in audit.sentence
    assert audit_of(suites["att"], other).verdict == "pass"


def test_one_system_has_nothing_to_compare_with(suites):
    audit = audit_of(suites["att"])
    assert audit.findings["benign_wer"].figure == "one system with figures"
    assert audit.verdict == "partial"
    assert audit.counts == "12 of 13 gates passed; not run: benign_wer"
    assert "can be relied on" not in audit.sentence


def first_file(exp, trial):
    wavs = read_table(audit_dir(exp) / "wav.scp")
    return next(path for key, path in wavs.items() if key.endswith(f"-{trial}"))


def test_the_files_are_those_that_were_recorded(suite):
    assert found("saved_file", suite) == (
        PASS,
        "468 files unchanged, 432 of 432 heard alike",
    )
    path = first_file(suite, "standard_linf0.002")
    samples, rate = soundfile.read(path)
    samples[0] += 2 / 32768
    soundfile.write(path, samples, rate)
    assert found("saved_file", suite) == (FAIL, "of 468 files, 1 changed since")


def test_files_that_are_gone_say_nothing(suite):
    first = audit_dir(suite) / "wav" / "standard_linf0.002"
    shutil.rmtree(first)
    verdict, figure = found("saved_file", suite)
    assert (verdict, figure) == (NOT_RUN, "36 of 468 files are gone or not recorded")


@pytest.mark.parametrize(
    ("norm", "budgets"),
    [("linf", (0.001, 0.002, 0.008)), ("l2", (0.1, 0.2, 0.8)), ("snr", (30, 20, 10))],
)
def test_the_budget_is_measured_on_the_file(tmp_path, norm, budgets):
    exp = make_suite_exp(
        tmp_path, "att", norm=norm, budgets=budgets, utts_per_speaker=1
    )
    if norm == "l2":  # the factory's noise is that of linf
        assert found("saved_file", exp)[0] == FAIL
        loud = [b * math.sqrt(0.8 * 16000) for b in budgets]
    else:
        assert found("saved_file", exp)[0] == PASS
        loud = [0.9 * b if norm == "linf" else b + 3 for b in budgets]

    louder = dict(zip(budgets, loud, strict=True))
    change_rows(
        exp,
        lambda row: (
            {"budget": louder.get(row.budget, row.budget)} if row.norm == norm else {}
        ),
    )
    verdict, figure = found("saved_file", exp)
    wanted = (PASS, "52 files") if norm == "l2" else (FAIL, "of 52 files, 40 over")
    assert verdict == wanted[0] and figure.startswith(wanted[1])


def test_the_file_of_a_curve_has_to_keep_to_the_budget_that_it_stands_for(tmp_path):
    """Not only to the largest that was tried."""
    tried = {f"{name}-0": [(0.001, 3), (0.008, 0)] for name in SPEAKERS}
    for name, budget in (("right", 0.008), ("wrong", 0.001)):
        exp = make_curve_exp(
            tmp_path / name,
            "ctc",
            {"chain": tried},
            budgets=(0.001, 0.008),
            utts_per_speaker=1,
            audio=True,
            tag="attack_standard",
        )
        change_records(
            exp,
            lambda record, _, budget=budget: {
                "smallest": record.smallest and replace(record.smallest, budget=budget)
            },
            "chain",
        )
        _, figure = found("saved_file", exp)
        assert ("4 over the budget" in figure) == (name == "wrong"), figure


def test_what_stands_before_the_utterance_is_in_no_budget(suite):
    path = first_file(suite, "standard_linf0.002")
    samples, rate = soundfile.read(path)
    longer = np.concatenate([np.full(100, 0.5), samples])
    soundfile.write(path, longer, rate)
    assert found("saved_file", suite)[1] == "of 468 files, 1 changed since"
    soundfile.write(path, samples[:-1], rate)
    assert "1 over the budget" in found("saved_file", suite)[1]


def mishear(count):
    """Let the attack have heard more in the first files; capitals are no difference."""

    def change(record, number):
        more = " more" if number < count else ""
        return {"heard": record.heard.upper() + more}

    return change


def test_attack_and_decoding_hear_the_same(suite):
    for count, verdict in ((1, PASS), (4, PASS), (5, FAIL)):
        change_records(suite, mishear(count))
        figure = {
            PASS: f"468 files unchanged, {432 - count} of 432 heard alike",
            FAIL: f"of 468 files, {count} heard differently",
        }[verdict]
        assert found("saved_file", suite) == (verdict, figure)
    means = means_of("saved_file", suite)
    assert "heard other words" in means and "exceeds" not in means
    change_records(suite, lambda *_: {"heard": None})
    verdict, figure = found("saved_file", suite)
    assert verdict == NOT_RUN and "108 not heard in the attack" in figure


def test_one_of_few_files_may_be_heard_differently(tmp_path):
    exp = make_suite_exp(tmp_path, "att", utts_per_speaker=1)
    for count, verdict in ((1, PASS), (2, FAIL)):
        change_records(exp, mishear(count))
        assert found("saved_file", exp)[0] == verdict


def test_scores_of_an_earlier_attack(suite):
    change_scores(suite, made_of="another")
    verdict, figure = found("saved_file", suite)
    assert verdict == FAIL and figure.startswith("scores of an earlier attack")


def test_files_that_nobody_scored(suite):
    path = audit_dir(suite) / "wav.scp"
    path.write_text(path.read_text() + "zoe-0-clean /nowhere.wav\n")
    assert found("saved_file", suite) == (FAIL, "of 469 files, 1 not scored")


def test_infeasible_targets_are_counted(tmp_path):
    exp = make_suite_exp(tmp_path, "att", infeasible=("ann-0", "bob-1"), audio=False)
    assert found("infeasible", exp) == (
        PASS,
        "2 of 12 infeasible (2 too long), in all trials counted",
    )

    change_rows(
        exp,
        lambda row: {"infeasible": {"too_long": 1}} if row.budget == 0.008 else {},
        "standard",
    )
    assert found("infeasible", exp) == (
        FAIL,
        "counts do not add up in standard_linf0.008",
    )


def test_without_a_target_all_utterances_count(tmp_path):
    exp = make_suite_exp(tmp_path, "att", infeasible=("ann-0",), audio=False)
    change_rows(exp, lambda _: {"words": "away", "n": 12, "infeasible": {}}, "standard")
    assert found("infeasible", exp)[0] == PASS


def test_utterances_that_a_trial_dropped(suite):
    path = hyp_dir_of(suite) / "score_attack" / "utt_scores.jsonl"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if '"ann-0-standard_linf0.002"' not in line]
    path.write_text("\n".join(kept) + "\n")
    change_rows(
        suite,
        lambda row: {"n": row.n - 1} if row.trial == "standard_linf0.002" else {},
    )
    assert found("infeasible", suite)[0] == FAIL


def test_the_attack_and_the_scores_agree_on_what_is_infeasible(suite):
    change_records(
        suite, lambda _, number: {"infeasible": None if number else TOO_LONG}
    )
    assert found("infeasible", suite)[0] == FAIL


def test_an_attack_that_is_no_suite_says_what_lacks(study):
    audit = audit_of(study["ctc_accent"])
    gates = audit.gates(NOT_RUN)
    not_run = {gate.name: audit.findings[gate.name].how for gate in gates}
    lacking = {"unbounded", "steps", "planted", "white_box", "gradients", "repeats"}
    lacking |= {"loss"}
    assert lacking | {"saved_file", "benign_wer"} == set(not_run)
    for name in lacking | {"saved_file"}:
        assert "attack with `conf/attack_standard.yaml`" in not_run[name]
    assert audit.verdict != "pass"


def test_untargeted_attacks_have_no_target_to_reach(suite):
    change_rows(suite, lambda _: {"words": "away"})
    audit = audit_of(suite)
    names = {gate.name for gate in audit.gates(NOT_RUN)}
    assert names >= {"growth", "steps", "white_box", "noise", "accent_blind", "loss"}


def test_attacked_audio_that_is_gone(suite):
    shutil.rmtree(audit_dir(suite))
    audit = audit_of(suite)
    # What the scores alone show is still shown.
    assert {gate.name for gate in audit.gates(PASS)} == {
        "accent_blind",
        "unbounded",
        "growth",
        "noise",
        "infeasible",
    }
    assert not audit.gates(FAIL)


def test_damaged_records_name_the_line(suite):
    path = audit_dir(suite) / "records.jsonl"
    path.write_text(path.read_text() + '{"key": \n')
    with pytest.raises(UserError, match="records.jsonl:469: damaged.*stage 15"):
        audit_of(suite)


# Reasons and advice: each only where it applies


def means_of(gate, *exps):
    audit = audit_of(*exps)
    finding = audit.findings[gate]
    return next(one for one in GATES if one.name == gate).means(finding)


def how_of(gate, *exps):
    return audit_of(*exps).findings[gate].how


@pytest.mark.parametrize(
    ("wer", "reason"),
    [(200.0, "itself has a WER of 200 %"), (20.0, "attack is broken")],
)
def test_a_recogniser_that_hears_nothing_is_no_broken_attack(suite, wer, reason):
    change_rows(suite, lambda _: {"success_rate": 0.0})
    change_rows(suite, lambda _: {"benign_wer": wer}, "none")
    for gate in ("unbounded", "growth"):
        assert found(gate, suite)[0] == FAIL
    assert reason in means_of("unbounded", suite)
    assert ("itself" in means_of("growth", suite)) == (wer > 100)
    let_black_box(suite, 0, 12)
    assert found("white_box", suite)[0] == FAIL
    assert ("gradients are masked" in means_of("white_box", suite)) == (wer < 100)


def test_budgets_that_break_nothing_are_small_where_the_attack_works(suite):
    change_rows(suite, lambda _: {"success_rate": 0.0}, "standard")
    assert "Give a larger budget" in means_of("growth", suite)
    change_rows(suite, lambda _: {"success_rate": 0.0}, "unbounded")
    assert "or the attack is broken" in means_of("growth", suite)
    change_rows(suite, lambda row: {"success_rate": 10.0}, "standard")
    assert "misses what is there" in means_of("growth", suite)


def test_who_ran_the_standard_attack_is_not_told_to_run_it(tmp_path, suites):
    exp = make_suite_exp(tmp_path, "att", utts_per_speaker=1, audio=False)
    assert how_of("noise", exp) == (
        "attack more utterances (`--num_attack_utts`), or a larger set"
    )
    assert how_of("saved_file", exp).startswith("attack again")  # the audio is gone
    shutil.rmtree(audit_dir(exp))
    for gate in audit_of(exp).gates(NOT_RUN):
        assert "attack_standard" not in how_of(gate.name, exp)
    lean = copy_of(suites["att"], tmp_path / "lean")
    change_rows(lean, lambda _: {"doubled": False}, "standard")
    assert how_of("steps", lean) == "give the suite `doubled: true`"
    change_rows(lean, lambda _: {"attack": "other"}, "unbounded")
    assert "`unbounded: 75`" in how_of("unbounded", lean)


def test_noise_that_is_missing_is_named(suite):
    for attack in ("noise", "gaussian"):
        change_rows(suite, lambda _: {"attack": "shuffled"}, attack)
    assert how_of("noise", suite) == "give the attack `controls: [clean, noise]`"


def test_steps_whose_records_are_gone_were_doubled(suite):
    shutil.rmtree(audit_dir(suite))
    assert found("steps", suite) == (NOT_RUN, "records of the attack not there")


def test_nobody_who_ignores_the_accent_is_no_stronger_attacker(suite):
    def weigh(row):
        weights = {"ctc": 0.7, "accent": 0.3}
        return {"members": tuple(replace(m, weights=weights) for m in row.members)}

    change_rows(suite, weigh, "standard")
    assert means_of("accent_blind", suite).startswith("No attacker who ignores")
