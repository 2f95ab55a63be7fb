"""Gates of files and counts: where they pass, fail, and are not run."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from audited import found, means_of
from curve_factory import make_curve_exp
from exp_factory import (
    SPEAKERS,
    TOO_LONG,
    audit_dir,
    change_records,
    change_rows,
    change_scores,
    hyp_dir_of,
    make_suite_exp,
)

from espnet_mtl.data.tables import read_table
from espnet_mtl.report.audit import files
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS


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


def test_of_very_many_files_those_of_some_utterances_are_read(suite, monkeypatch):
    monkeypatch.setattr(files, "MOST_FILES", 200)
    verdict, figure = found("saved_file", suite)
    assert verdict == PASS
    # 15 of 36 utterances, in 13 trials each
    assert figure == "195 files (drawn of 468) unchanged, 432 of 432 heard alike"
    shutil.rmtree(audit_dir(suite) / "wav" / "standard_linf0.002")
    verdict, figure = found("saved_file", suite)
    assert verdict == NOT_RUN
    assert figure == "15 of 195 files (drawn of 468) are gone or not recorded"


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


@pytest.mark.parametrize(
    ("change", "rounded", "is_within"),
    [
        (32.768, 0.0, True),  # what an attack in floats may do
        (33, 0.0, False),  # rounded to the nearest level, out of the ball
        (33, 0.5, True),  # around audio that lies half a level beside its file
        (33.3, 0.5, False),
    ],
)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_budget_is_kept_to_the_level(change, rounded, is_within, norm):
    clean = np.zeros(100) + 0.25
    budget, scale = 0.001, 1 / 32768
    if norm == "l2":
        budget, rounded = 10 * budget, 10 * rounded
    attacked = clean + change * scale
    found = files._within(norm, budget, clean, attacked, rounded * scale)
    assert found == is_within


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


@pytest.mark.parametrize(("peak", "is_over"), [(0.0015, False), (0.5, True)])
def test_what_stands_before_the_utterance_has_its_budget(suite, peak, is_over):
    path = first_file(suite, "standard_linf0.002")
    samples, rate = soundfile.read(path)
    longer = np.concatenate([np.full(100, peak), samples])
    soundfile.write(path, longer, rate)
    said = "of 468 files, 1 changed since" + ", 1 over the budget" * is_over
    assert found("saved_file", suite)[1] == said
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
