"""The gate of what a larger budget gains."""

import pytest
from audited import found, means_of
from exp_factory import BUDGETS, change_rows, make_exp, make_suite_exp

from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS


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


def test_budgets_that_break_nothing_are_small_where_the_attack_works(suite):
    change_rows(suite, lambda _: {"success_rate": 0.0}, "standard")
    assert "Give a larger budget" in means_of("growth", suite)
    change_rows(suite, lambda _: {"success_rate": 0.0}, "unbounded")
    assert "or the attack is broken" in means_of("growth", suite)
    change_rows(suite, lambda row: {"success_rate": 10.0}, "standard")
    assert "misses what is there" in means_of("growth", suite)
