"""The gate of what a larger budget gains."""

import json
import shutil

import pytest
from audited import found, how_of, means_of
from exp_factory import (
    BUDGETS,
    audit_dir,
    change_rows,
    hyp_dir_of,
    make_exp,
    make_suite_exp,
    suite_errors,
)

from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.results.trial import PLANTED, SCRATCH


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


RATES = "0.0, 66.7, 100.0 %"


def make_ascending(tmp_path, anew=lambda speaker, number: 0, **options):
    """Make a system of 12 utterances; ``anew`` gives errors left from scratch."""

    def errors(trial, speaker, number):
        if trial.attack == SCRATCH:
            return anew(speaker, number)
        return suite_errors(trial, speaker, number)

    about = {"ascending": True, "audio": False, "errors": errors, **options}
    return make_suite_exp(tmp_path, "att", **about)


def scratch(after, before=0, missed=0, of=12):
    return (
        f"; from scratch at 0.008 {after} of {of}, all at 0.001 {before}; {missed} "
        "missed by going on"
    )


def test_ascending_budgets_also_begin_anew(tmp_path):
    assert found("growth", make_ascending(tmp_path)) == (PASS, RATES + scratch(12))


@pytest.mark.parametrize(("broken", "verdict"), [(0, FAIL), (1, PASS)])
def test_what_grows_by_more_gradients_alone_does_not_count(tmp_path, broken, verdict):
    """With ascending budgets success has grown, but not from scratch."""
    exp = make_ascending(tmp_path, lambda speaker, n: int(3 * speaker + n >= broken))
    assert found("growth", exp) == (verdict, RATES + scratch(broken))
    if verdict == FAIL:
        assert "misses what is there" in means_of("growth", exp)


@pytest.mark.parametrize(("missed", "verdict"), [(1, PASS), (2, FAIL)])
def test_going_on_is_a_dead_end_where_it_misses_what_others_find(
    tmp_path, missed, verdict
):
    exp = make_ascending(tmp_path)
    let_resist(exp, missed)
    assert found("growth", exp) == (verdict, RATES + scratch(12, missed=missed))
    if verdict == FAIL:
        assert "a dead end" in means_of("growth", exp)


def let_resist(exp, count):
    """Let so many utterances resist the suite with the largest budget."""
    path = hyp_dir_of(exp) / "score_attack" / "utt_scores.jsonl"
    lines = []
    for line in map(json.loads, path.read_text().splitlines()):
        if line["trial"] == "standard_linf0.008" and count:
            line["success"], count = False, count - 1
        lines.append(json.dumps(line))
    path.write_text("\n".join(lines) + "\n")


def test_where_all_is_broken_with_the_smallest_budget_nothing_can_grow(tmp_path):
    """But what is broken there has to break with the largest, too."""

    def errors(left):
        return lambda trial, speaker, number: (
            10
            if trial.attack in ("noise", "gaussian", PLANTED)
            else int(trial.attack == SCRATCH and 3 * speaker + number < left)
        )

    for left, verdict in ((0, PASS), (1, PASS), (2, FAIL)):
        exp = make_ascending(tmp_path, errors=errors(left))
        figure = "100.0, 100.0, 100.0 %" + scratch(12 - left, before=12)
        assert found("growth", exp) == (verdict, figure)


@pytest.mark.parametrize(("more", "verdict"), [(1, NOT_RUN), (5, NOT_RUN), (6, FAIL)])
def test_where_nearly_all_resist_nothing_can_be_said(tmp_path, more, verdict):
    """A few are broken with the largest budget alone, and none from scratch."""

    def errors(trial, speaker, number):
        if trial.attack == SCRATCH or trial.budget < 0.008:
            return 1
        return int(trial.attack == "standard" and 3 * speaker + number >= more)

    exp = make_ascending(tmp_path, errors=errors)
    rates = f"0.0, 0.0, {100 * more / 12:.1f} %"
    said = ": too few to tell" if verdict == NOT_RUN else ""
    assert found("growth", exp) == (verdict, rates + scratch(0) + said)
    if verdict == NOT_RUN:
        assert "a budget that breaks more" in how_of("growth", exp)


def test_ascending_budgets_without_an_attack_from_scratch(tmp_path):
    exp = make_ascending(tmp_path)
    change_rows(exp, lambda _: {"attack": "other"}, SCRATCH)
    figure = f"{RATES}; none from scratch with the largest budget"
    assert found("growth", exp) == (NOT_RUN, figure)
    assert "`scratch: 32`" in how_of("growth", exp)
    # What falls, or never grows, fails all the same.
    change_rows(exp, lambda _: {"success_rate": 0.0}, "standard")
    assert found("growth", exp)[0] == FAIL


def test_few_utterances_from_scratch_show_nothing(tmp_path):
    exp = make_ascending(tmp_path, utts_per_speaker=1)
    figure = "0.0, 100.0, 100.0 %; 4 from scratch with the largest budget"
    assert found("growth", exp) == (NOT_RUN, figure)


def test_without_the_run_nobody_knows_whether_budgets_are_ascending(suite):
    shutil.rmtree(audit_dir(suite))
    figure = "0.0, 55.6, 100.0 %; not known whether any began anew"
    assert found("growth", suite) == (NOT_RUN, figure)


def test_budgets_that_break_nothing_are_small_where_the_attack_works(suite):
    change_rows(suite, lambda _: {"success_rate": 0.0}, "standard")
    assert "Give a larger budget" in means_of("growth", suite)
    change_rows(suite, lambda _: {"success_rate": 0.0}, "unbounded")
    assert "or the attack is broken" in means_of("growth", suite)
    change_rows(suite, lambda row: {"success_rate": 10.0}, "standard")
    assert "misses what is there" in means_of("growth", suite)
