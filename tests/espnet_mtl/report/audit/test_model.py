"""Gates of whether the model can be attacked, and compared."""

from dataclasses import replace

import pytest
from audited import audit_of, first_few, found, how_of
from exp_factory import change_records, change_rows, make_suite_exp

from espnet_mtl.report.audit.audits import make_audits
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.report.experiment import find_clean, read_experiments
from espnet_mtl.results.clean_scores import CLEAN_SCORES_NAME


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
            "loss differs by 0, text in 0 of 36; one level apart, loss by 0 off",
        ),
        (
            "repeats",
            {"loss_level_diff": 0.02, "loss_level_slope": 0.009},
            FAIL,
            "loss differs by 0, text in 0 of 36; one level apart, loss by 0.002 off",
        ),
        (
            "repeats",
            {"loss_level_diff": 0.01, "loss_level_slope": 0.02},
            PASS,
            "loss differs by 0, text in 0 of 36; one level apart, loss by 0 off",
        ),
        (
            "repeats",
            {"loss_level_diff": 0.01, "loss_level_slope": 0.022},
            FAIL,
            "loss differs by 0, text in 0 of 36; one level apart, loss by 0.002 off",
        ),
        (
            "repeats",
            {"loss_level_diff": None},
            FAIL,
            "loss differs by 0, text in 0 of 36; one level apart, loss by inf off",
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


def test_the_worse_recogniser_alone_fails(suites, tmp_path):
    """The whole set counts, and not the attacked utterances."""
    for wer, verdict in ((5.0, PASS), (5.1, FAIL)):
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
        make_suite_exp(tmp_path, "hybrid", wer=5.5, **about),
        make_suite_exp(tmp_path, "ctc_accent", wer=4.0, accent=True, **about),
        suites["att"],  # 4.5
    ]
    assert found("benign_wer", *exps) == (
        PASS,
        "5.50 %, best of the others: att 4.50 %",
    )
    twin = make_suite_exp(tmp_path, "hybrid_accent", wer=4.0, accent=True, **about)
    figure = "5.50 %, best of the others: hybrid_accent 4.00 %"
    assert found("benign_wer", *exps, twin) == (FAIL, figure)
    # A branch and its shuffled control, whether the system without one is there or not
    branches = [
        make_suite_exp(tmp_path, f"hybrid_{name}", wer=wer, accent=True, **about)
        for name, wer in (("shuffled", 7.5), ("accent", 4.0))
    ]
    other = make_suite_exp(tmp_path, "hybrid", wer=6.5, **about)
    assert found("benign_wer", *branches) == (
        FAIL,
        "7.50 %, best of the others: hybrid_accent 4.00 %",
    )
    assert found("benign_wer", *branches, other)[0] == FAIL
    # Names that say nothing: all stand side by side.
    mine = [
        make_suite_exp(tmp_path, name, wer=wer, **about)
        for name, wer in (("mine", 6.5), ("yours", 4.0))
    ]
    assert found("benign_wer", *mine) == (
        FAIL,
        "6.50 %, best of the others: yours 4.00 %",
    )


def test_recognisers_are_compared_with_those_that_they_are_paired_with(tmp_path):
    exps = [
        make_suite_exp(tmp_path, name, wer=wer, audio=False)
        for name, wer in (("plain", 4.0), ("mine", 6.5), ("other", 4.5))
    ]
    pairs = [("mine", "other")]
    [group] = make_audits(read_experiments(exps), pairs=pairs)
    figures = [audit.findings["benign_wer"].figure for audit in group.audits]
    assert figures[1] == "6.50 %, best of the others: other 4.50 %"
    assert figures[2] == "4.50 %, best of the others: mine 6.50 %"


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
