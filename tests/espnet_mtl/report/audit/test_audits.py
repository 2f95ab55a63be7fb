"""Whole audits, and what their gates say of each other's reasons."""

import shutil

import pytest
from audited import audit_of, copy_of, found, how_of, let_black_box, means_of
from exp_factory import audit_dir, change_rows, make_suite_exp

from espnet_mtl.errors import UserError
from espnet_mtl.report.audit.audits import GATES, make_audits
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS
from espnet_mtl.report.experiment import read_experiments


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
        "noise",
        "infeasible",
    }
    assert not audit.gates(FAIL)


def test_damaged_records_name_the_line(suite):
    path = audit_dir(suite) / "records.jsonl"
    path.write_text(path.read_text() + '{"key": \n')
    with pytest.raises(UserError, match="records.jsonl:469: damaged.*stage 15"):
        audit_of(suite)


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
