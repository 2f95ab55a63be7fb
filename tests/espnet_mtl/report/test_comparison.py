import json
import random
from dataclasses import replace
from statistics import mean

import pytest
from exp_factory import BUDGETS, STRENGTHS, make_exp

from espnet_mtl.errors import UserError
from espnet_mtl.report.audit.audits import GATES, Audit
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS, Finding
from espnet_mtl.report.claims import (
    CONTRADICTED,
    FEW_DIFFER,
    NO_INTERVAL,
    SUPPORTED,
    UNDECIDED,
    UNTRAINED,
    claims_table,
    measure_claims,
    summary,
    verdict,
)
from espnet_mtl.report.comparison import Difference, compare, make_groups
from espnet_mtl.report.experiment import read_experiments


@pytest.fixture(scope="module")
def group(study):
    [group] = make_groups(read_experiments(study.values()))
    return group


def lines_from_disk(exp, trial):
    """Read the scores without the report's code: utterance -> line."""
    [path] = exp.glob("*/test/score_attack/utt_scores.jsonl")
    lines = map(json.loads, path.read_text().splitlines())
    return {line["utt"]: line for line in lines if line["trial"] == trial}


def test_strongest_attacker_is_the_lowest_pooled_advtwer(group, study):
    for system, attackers in STRENGTHS.items():
        for budget in BUDGETS:
            pooled = {}
            for attacker in attackers:
                lines = lines_from_disk(study[system], f"pgd_{attacker}_linf{budget:g}")
                errors = sum(line["edits_target"] for line in lines.values())
                words = sum(line["words_target"] for line in lines.values())
                pooled[attacker] = 100 * errors / words
            row = group.find(system).strongest(budget)
            assert row.attacker == min(pooled, key=pooled.get)
            assert row.adv_twer == pytest.approx(min(pooled.values()))


def test_another_attacker_may_be_the_strongest_at_another_budget(group):
    system = group.find("ctc_accent")
    assert [system.strongest(b).attacker for b in BUDGETS] == [
        "multitask",
        "accent_blind",
    ]


def test_difference_and_interval_recomputed(group, study):
    found = compare(group.find("hybrid_accent"), group.find("att"), 0.008)
    first = lines_from_disk(study["hybrid_accent"], "pgd_accent_blind_linf0.008")
    second = lines_from_disk(study["att"], "pgd_multitask_linf0.008")
    by_speaker = {}
    for utt, line in first.items():
        change = line["edits_target"] - second[utt]["edits_target"]
        by_speaker.setdefault(line["spk"], []).append(10 * change)
    # All speakers have as many words, so a draw's difference is the mean of theirs.
    means = [mean(changes) for changes in by_speaker.values()]
    assert found.value == pytest.approx(mean(means))
    draws = random.Random(1)
    drawn = sorted(mean(draws.choices(means, k=len(means))) for _ in range(20000))
    assert found.low == pytest.approx(drawn[500], abs=1.5)
    assert found.high == pytest.approx(drawn[-501], abs=1.5)
    assert (found.utterances, found.speakers) == (len(first), 4)
    assert found.attackers == ("accent_blind", "multitask (= accent_blind)")


def test_infeasible_and_unpaired_utterances_are_left_out(tmp_path):
    for name, left_out, wrong in (("ctc", "ann-0", 2), ("ctc_accent", "bob-1", 5)):
        make_exp(
            tmp_path,
            name,
            # What is left out would change the difference.
            errors=lambda trial, speaker, number, wrong=wrong: (
                10 * wrong if speaker + number == 0 else wrong
            ),
            infeasible=(left_out,),
            audio=False,
        )
    [group] = make_groups(read_experiments(sorted(tmp_path.iterdir())))
    found = compare(group.find("ctc_accent"), group.find("ctc"), 0.008)
    assert found.utterances == 10
    assert found.value == pytest.approx(30.0)


def test_other_targets_are_refused(study, tmp_path):
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 1, budgets=BUDGETS, audio=False)
    [path] = exp.glob("*/test/score_attack/utt_scores.jsonl")
    path.write_text(path.read_text().replace("word9", "other"))
    [group] = make_groups(read_experiments([exp, study["att"]]))
    with pytest.raises(UserError, match="text_target"):
        compare(group.find("ctc"), group.find("att"), 0.008)


def test_snr_budgets_go_from_weak_to_strong(tmp_path):
    exp = make_exp(
        tmp_path,
        "ctc",
        errors=lambda *_: 1,
        budgets=(10, 30, 20),
        norm="snr",
        audio=False,
    )
    [group] = make_groups(read_experiments([exp]))
    assert group.budgets == [30, 20, 10]
    assert group.budget_name(10) == "10 dB"


def test_seeds_are_not_mixed(tmp_path):
    exps = [
        make_exp(
            tmp_path / str(seed), "ctc", errors=lambda *_: 1, seed=seed, audio=False
        )
        for seed in (0, 1)
    ]
    groups = make_groups(read_experiments(exps))
    assert [group.seed for group in groups] == [0, 1]
    assert [len(group.systems) for group in groups] == [1, 1]


def test_verdict_needs_the_whole_interval():
    def judge(low, high, speakers=9, differing=6):
        return verdict(Difference(1.0, low, high, ("a", "b"), 9, speakers, differing))

    assert judge(0.1, 2.0) == SUPPORTED
    assert judge(0.0, 2.0) == UNDECIDED
    assert judge(-1.0, 2.0) == UNDECIDED
    assert judge(-2.0, -0.1) == CONTRADICTED
    assert judge(-2.0, -0.1, differing=5) == FEW_DIFFER
    assert judge(0.1, 2.0, differing=5) == FEW_DIFFER
    assert judge(float("nan"), float("nan"), speakers=1) == NO_INTERVAL


def test_claims_follow_from_the_numbers(group):
    measured = {
        (system, baseline, budget): difference
        for system, baseline, _, budget, difference in measure_claims(group)
    }
    # No hybrid and no att_accent here, so no claims about them.
    assert {key[:2] for key in measured} == {
        ("hybrid_accent", "att"),
        ("hybrid_accent", "ctc"),
        ("ctc_accent", "ctc"),
    }
    # Two to four words more, but for the words that cannot be fewer than none.
    better = measured["ctc_accent", "ctc", 0.008]
    assert better.low > 0
    assert (better.speakers, better.differing) == (4, 4)
    assert verdict(better) == FEW_DIFFER
    assert verdict(replace(better, differing=6)) == SUPPORTED
    assert verdict(measured["hybrid_accent", "att", 0.008]) == UNDECIDED
    said = summary(group, sound_audits(group))
    assert said[0].startswith("hybrid_accent is not shown to be harder")
    assert said[-1].startswith("ctc_accent is not shown to be harder")


def sound_audits(group):
    """Audits of which all gates pass, and those of some systems do not."""
    passed = {gate.name: Finding(PASS, "") for gate in GATES}
    return [Audit(one.label, one.result, passed) for one in group.systems]


def changed_audits(gates, group):
    """Let gates say something else of some systems."""
    return [
        replace(
            audit,
            findings={
                **audit.findings,
                **{name: Finding(said, "") for name, said in gates(audit.label)},
            },
        )
        for audit in sound_audits(group)
    ]


def find(rows, audits, group):
    """Return the table's verdicts on a claim, and what the summary says of it."""
    verdicts = [row[-1] for row in claims_table(group, audits).rows if row[0] == rows]
    first, second = rows.split(" − ")
    [said] = [
        line
        for line in summary(group, audits)
        if f"{first} is " in line and f"than {second} " in line
    ]
    return set(verdicts), said


@pytest.mark.parametrize("gate", [gate.name for gate in GATES])
@pytest.mark.parametrize("found", [FAIL, NOT_RUN])
@pytest.mark.parametrize("system", ["ctc_accent", "ctc"])
def test_no_claim_is_judged_while_a_gate_of_either_system_does_not_pass(
    group, gate, found, system
):
    def gates(label):
        return [(gate, found)] if label == system else []

    audits = changed_audits(gates, group)
    verdicts, said = find("ctc_accent − ctc", audits, group)
    assert verdicts == {"not judged (audit)"}
    assert f"is not judged (gate {gate} of {system}: {found}) (" in said
    # Others are not concerned.
    assert UNDECIDED in find("hybrid_accent − att", audits, group)[0]


def test_all_gates_that_speak_against_a_claim_are_named(group):
    def gates(label):
        found = [("steps", FAIL), ("loss", FAIL), ("noise", NOT_RUN)]
        return found[: 3 if label == "ctc_accent" else 1]

    _, said = find("ctc_accent − ctc", changed_audits(gates, group), group)
    assert (
        "not judged (gates steps, loss of ctc_accent: FAIL; gate noise of ctc_accent: "
        "NOT RUN; gate steps of ctc: FAIL)"
    ) in said


def test_a_claim_without_an_audit_is_not_judged(group):
    said = summary(group, [])
    assert said[-1].startswith(
        "Whether ctc_accent is harder to attack than ctc is not judged (no audit of "
        "ctc_accent; no audit of ctc) (+30."
    )
    assert all(line.startswith("Whether ") for line in said)


def test_no_claim_is_judged_by_a_recogniser_that_hears_next_to_nothing(tmp_path):
    exps = [
        make_exp(tmp_path, "ctc", errors=lambda *_: 1, wer=5.0),
        make_exp(
            tmp_path,
            "ctc_accent",
            errors=lambda _, speaker, __: 4 + speaker,
            wer=60.0,
            accent=True,
        ),
    ]
    [group] = make_groups(read_experiments(exps))
    assert measure_claims(group)[0][-1].low > 0
    assert {row[-1] for row in claims_table(group, []).rows} == {UNTRAINED}
    assert summary(group, [])[0].startswith("ctc_accent is not to be compared with ctc")
