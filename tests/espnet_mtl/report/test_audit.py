"""Each gate of the audit, where it passes, where it fails, and without its data."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from exp_factory import (
    BUDGETS,
    CLEAN,
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

from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.report.audit.audits import GATES, make_audits
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.results.attack import ATTACK_NAME, read_attack_run
from espnet_mtl.results.files import write_result


@pytest.fixture(scope="module")
def suites(tmp_path_factory):
    """A system with an accent branch and one without, under a suite."""
    folder = tmp_path_factory.mktemp("suites")
    return {
        "hybrid_accent": make_suite_exp(folder, "hybrid_accent", accent=True),
        "att": make_suite_exp(folder, "att", branches=("att",), wer=5.5),
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
        assert audit.counts == "12 of 12 gates passed"
        assert "can be relied on" in audit.sentence


def test_gates_have_names_and_words():
    assert len({gate.name for gate in GATES}) == len(GATES) == 12
    for gate in GATES:
        assert gate.failure.endswith(".") and gate.title


def test_an_attack_without_a_bound_has_to_succeed(suite):
    assert found("unbounded", suite) == (PASS, "100.0 % of 12, SNR 30.0 dB")

    change_rows(suite, lambda _: {"success_rate": 98.9}, "unbounded")
    assert found("unbounded", suite) == (FAIL, "98.9 % of 12, SNR 30.0 dB")


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


def lower_by(amount):
    """Let twice the steps end that much lower, of the record's number."""

    def change(record, number):
        if not record.doubled:
            return {}
        loss = record.doubled.loss_before - amount(number)
        return {"doubled": replace(record.doubled, loss=loss)}

    return change


def test_twice_the_steps_change_nothing(suite):
    verdict, figure = found("steps", suite)
    assert (verdict, figure) == (PASS, "+0.0 points, loss -0.20 %")

    change_records(suite, lower_by(lambda number: 0.6))
    assert found("steps", suite) == (FAIL, "+0.0 points, loss -1.20 %")


def first_only(change):
    """Change the first record alone."""
    return lambda record, number: {} if number else change(record, number)


def test_a_loss_that_rises_makes_up_for_none_that_falls(suite):
    change_records(suite, lower_by(lambda number: 1.2 if number % 2 else -100.0))
    assert found("steps", suite)[0] == FAIL


def test_twice_the_steps_break_one_more(suite):
    first = first_only(again(success=True, cost=0))
    change_records(suite, first)
    assert found("steps", suite) == (FAIL, "+8.3 points, loss -0.20 %")


def test_what_resists_has_to_be_repeated(suite):
    change_records(suite, first_only(lambda *_: {"doubled": None}))
    assert found("steps", suite) == (NOT_RUN, "steps not doubled for 1 that resist")
    change_records(suite, again(loss=0.0))
    assert found("steps", suite)[0] == FAIL


def test_twice_the_steps_without_a_loss(suite):
    change_records(suite, again(loss=None))
    assert found("steps", suite) == (NOT_RUN, "no loss was recorded")


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


def let_black_box(exp, cost, utterances):
    """Let the last attempt on some utterances at the smallest budget come so near."""

    def change(record, number):
        if number >= utterances:
            return {}
        last = replace(record.attempts[-1], cost=cost, success=cost == 0)
        return {"attempts": (*record.attempts[:-1], last)}

    change_records(exp, change)


def test_gradients_come_nearer_than_all_else(suite):
    assert found("white_box", suite) == (PASS, comparison(36, 0, 0, 0))
    let_black_box(suite, 5, 3)  # with gradients 6
    assert found("white_box", suite) == (PASS, comparison(36, 3, 0, 0))
    let_black_box(suite, 4, 1)
    assert found("white_box", suite) == (FAIL, comparison(36, 3, 1, 0))


def test_tolerances_of_what_comes_nearer_without_gradients(tmp_path):
    exp = make_suite_exp(tmp_path, "att", utts_per_speaker=20, audio=False)
    let_black_box(exp, 2, 4)
    assert found("white_box", exp) == (PASS, comparison(240, 4, 4, 0))
    let_black_box(exp, 2, 5)
    assert found("white_box", exp) == (FAIL, comparison(240, 5, 5, 0))
    let_black_box(exp, 6, 5)
    let_black_box(exp, 0, 1)
    assert found("white_box", exp) == (FAIL, comparison(240, 1, 1, 1))


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
    assert (verdict, figure) == (FAIL, comparison(36, 16, 16, 0))


def test_gradients_beside_noise_alone_are_not_enough(tmp_path):
    about = {"budgets": BUDGETS, "attackers": ("multitask",), "audio": False}
    exp = make_exp(tmp_path, "ctc", errors=errors_of("ctc"), **about)
    verdict, figure = found("white_box", exp)
    assert verdict == NOT_RUN
    assert figure == comparison(24, 0, 0, 0) + "; no black-box attack"


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
        ("gradients", {}, PASS, "12 of 12 finite, 0 zero,"),
        (
            "gradients",
            {"gradient_finite": False, "gradient_l1": None},
            FAIL,
            "11 of 12 finite, 0 zero",
        ),
        (
            "gradients",
            {"gradient_l1": 0.0, "gradient_zero_share": 1.0},
            FAIL,
            "12 of 12 finite, 1 zero",
        ),
        ("gradients", None, NOT_RUN, "1 of 12 not looked at"),
        ("repeats", {}, PASS, "loss differs by 0, text in 0 of 12"),
        ("repeats", {"loss_repeat_diff": 0.01}, FAIL, "loss differs by 0.01"),
        ("repeats", {"heard_repeat": False}, FAIL, "loss differs by 0, text in 1"),
        ("repeats", None, NOT_RUN, "1 of 12 not asked twice"),
    ],
)
def test_health_of_the_first_utterance(suite, gate, change, verdict, figure):
    new = health(**change) if change is not None else lambda *_: {"health": None}
    change_records(suite, first_only(new), "none")
    said, measured = found(gate, suite)
    assert said == verdict and measured.startswith(figure)


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


def test_the_accent_blind_attacker_is_not_stronger_than_the_report(suite):
    verdict, figure = found("accent_blind", suite)
    assert verdict == PASS and figure.startswith("AdvTWER 60.0 (60.0)")

    def stronger(record, number):
        blind = [one.attacker == "accent_blind" for one in record.attempts]
        pairs = zip(record.attempts, blind, strict=True)
        return {"attempts": tuple(replace(a, cost=a.cost - b) for a, b in pairs)}

    change_records(suite, first_only(stronger))
    assert found("accent_blind", suite)[0] == FAIL


def test_what_others_broke_before_is_not_left_to_the_accent_blind_one(suite):
    change_records(suite, lambda record, _: {"attempts": record.attempts[:1]})
    assert found("accent_blind", suite)[0] == PASS


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
        (("ctc", "att"), ("ctc", "att"), PASS, "decodes ctc+att, attacked ctc+att"),
        (("att",), ("ctc", "att"), PASS, "decodes att, attacked ctc+att"),
        (("att",), ("ctc",), FAIL, "decodes att, attacked ctc"),
        (("ctc", "att"), ("att",), FAIL, "decodes ctc+att, attacked att"),
    ],
)
def test_attacked_loss_and_decoder(tmp_path, decoded, attacked, verdict, figure):
    exp = make_suite_exp(
        tmp_path, "hybrid", branches=attacked, decoded=decoded, audio=False
    )
    assert found("loss", exp) == (verdict, figure)


def test_no_decoder_and_a_language_model(suite):
    def loss_with(decoder):
        run = replace(read_attack_run(audit_dir(suite)), decoder=decoder)
        write_result(audit_dir(suite) / ATTACK_NAME, run)
        return found("loss", suite)

    branches = ("ctc", "att")
    _, figure = loss_with(make_decoder(branches, lm_weight=0.3))
    assert figure.endswith("attacked ctc+att; LM 0.3 not attacked")
    _, figure = loss_with(make_decoder(branches, ngram_weight=0.2))
    assert figure.endswith("attacked ctc+att; NGRAM 0.2 not attacked")
    assert loss_with(None) == (
        NOT_RUN,
        "no attack asked the decoder, so its weights are unknown",
    )


@pytest.mark.parametrize(("wer", "verdict"), [(6.0, PASS), (6.1, FAIL)])
def test_benign_wer_of_compared_systems(suites, tmp_path, wer, verdict):
    other = make_suite_exp(tmp_path, "ctc", wer=wer, audio=False)
    figure = f"4.00 to {wer:.2f} % in 2 systems"
    assert found("benign_wer", suites["hybrid_accent"], other) == (verdict, figure)


def test_a_worse_recogniser_spoils_the_comparison_alone(suites, tmp_path):
    other = make_suite_exp(tmp_path, "ctc", wer=9.0, audio=False)
    audit = audit_of(suites["att"], other)
    assert audit.verdict == "fail"
    assert "robustness figures cannot be compared (" in audit.sentence


def test_one_system_has_nothing_to_compare_with(suites):
    audit = audit_of(suites["att"])
    assert audit.findings["benign_wer"].figure == "one system with figures"
    assert audit.verdict == "partial"
    assert audit.counts == "11 of 12 gates passed; not run: benign_wer"
    assert "can be relied on" not in audit.sentence


def first_file(exp, trial):
    wavs = read_table(audit_dir(exp) / "wav.scp")
    return next(path for key, path in wavs.items() if key.endswith(f"-{trial}"))


def test_the_files_are_those_that_were_recorded(suite):
    assert found("saved_file", suite) == (PASS, "132 files unchanged, 132 heard alike")
    path = first_file(suite, "standard_linf0.002")
    samples, rate = soundfile.read(path)
    samples[0] += 2 / 32768
    soundfile.write(path, samples, rate)
    assert found("saved_file", suite) == (FAIL, "of 132 files, 1 changed since")


def test_files_that_are_gone_say_nothing(suite):
    first = audit_dir(suite) / "wav" / "standard_linf0.002"
    shutil.rmtree(first)
    verdict, figure = found("saved_file", suite)
    assert (verdict, figure) == (NOT_RUN, "12 of 132 files are gone or not recorded")


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
    wanted = (PASS, "44 files") if norm == "l2" else (FAIL, "of 44 files, 36 over")
    assert verdict == wanted[0] and figure.startswith(wanted[1])


def test_what_stands_before_the_utterance_is_in_no_budget(suite):
    path = first_file(suite, "standard_linf0.002")
    samples, rate = soundfile.read(path)
    longer = np.concatenate([np.full(100, 0.5), samples])
    soundfile.write(path, longer, rate)
    assert found("saved_file", suite)[1] == "of 132 files, 1 changed since"
    soundfile.write(path, samples[:-1], rate)
    assert "1 over the budget" in found("saved_file", suite)[1]


def test_attack_and_decoding_hear_the_same(suite):
    def mishear(record, number):
        more = " more" if number == 1 else ""
        return {"heard": record.heard.upper() + more}  # capitals make no difference

    change_records(suite, mishear)
    assert found("saved_file", suite) == (FAIL, "of 132 files, 1 heard differently")
    change_records(suite, lambda *_: {"heard": None})
    verdict, figure = found("saved_file", suite)
    assert verdict == NOT_RUN and "36 not heard in the attack" in figure


def test_scores_of_an_earlier_attack(suite):
    change_scores(suite, made_of="another")
    verdict, figure = found("saved_file", suite)
    assert verdict == FAIL and figure.startswith("scores of an earlier attack")


def test_files_that_nobody_scored(suite):
    path = audit_dir(suite) / "wav.scp"
    path.write_text(path.read_text() + "zoe-0-clean /nowhere.wav\n")
    assert found("saved_file", suite) == (FAIL, "of 133 files, 1 not scored")


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
    lacking = {"unbounded", "steps", "white_box", "gradients", "repeats", "loss"}
    assert lacking | {"saved_file", "benign_wer"} == set(not_run)
    for name in lacking - {"white_box"} | {"saved_file"}:
        assert "attack with `conf/attack_standard.yaml`" in not_run[name]
    assert "square" in not_run["white_box"]
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
        "unbounded",
        "growth",
        "noise",
        "infeasible",
    }
    assert not audit.gates(FAIL)


def test_damaged_records_name_the_line(suite):
    path = audit_dir(suite) / "records.jsonl"
    path.write_text(path.read_text() + '{"key": \n')
    with pytest.raises(UserError, match="records.jsonl:133: damaged.*stage 15"):
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


def test_a_file_that_is_heard_differently_is_still_the_saved_file(suite):
    change_records(suite, first_only(lambda *_: {"heard": "other words"}))
    verdict, figure = found("saved_file", suite)
    assert (verdict, figure) == (FAIL, "of 132 files, 1 heard differently")
    means = means_of("saved_file", suite)
    assert "heard other words" in means and "exceeds" not in means


def test_nobody_who_ignores_the_accent_is_no_stronger_attacker(suite):
    def weigh(row):
        weights = {"ctc": 0.7, "accent": 0.3}
        return {"members": tuple(replace(m, weights=weights) for m in row.members)}

    change_rows(suite, weigh, "standard")
    assert means_of("accent_blind", suite).startswith("No attacker who ignores")
