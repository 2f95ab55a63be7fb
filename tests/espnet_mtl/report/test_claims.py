"""The paper's claims: what they rest on, and when they are judged."""

import math
import random
from dataclasses import replace
from statistics import mean

import pytest
from curve_factory import make_curve_exp, until_broken
from exp_factory import change_rows

from espnet_mtl.errors import UserError
from espnet_mtl.report.audit.audits import GATES, Audit
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS, Finding
from espnet_mtl.report.claims import (
    CONTRADICTED,
    FEW_DIFFER,
    NO_CURVE,
    NO_INTERVAL,
    SUPPORTED,
    UNDECIDED,
    UNTRAINED,
    claims_blocks,
    claims_table,
    comparison_blocks,
    measure_claims,
    summary,
    verdict,
)
from espnet_mtl.report.comparison import Difference
from espnet_mtl.report.document import to_markdown
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.robustness.curves import make_curves

BUDGETS = (0.001, 0.002, 0.004, 0.008)
SPEAKERS = tuple("abcdefgh")
# The place of the budget that breaks each utterance
PLACES = {
    "ctc": (0, 0, 1, 1, 0, 2, 1, 0),
    "ctc_accent": (1, 2, 2, 2, 1, 3, 1, 2),  # harder by far
    "att": (1, 1, 2, 0, 2, 1, 2, 1),
    "hybrid_accent": (1, 2, 1, 0, 2, 2, 1, 1),  # on three speakers other than att
    "hybrid": (2, 3, 3, 1, 3, 3, 2, 3),  # the harder one of the twins
}


def make(folder, places, **options):
    exps = [
        make_curve_exp(
            folder,
            system,
            {
                "chain": {
                    f"{name}-0": until_broken(BUDGETS, place)
                    for name, place in zip(SPEAKERS, found, strict=True)
                }
            },
            budgets=BUDGETS,
            speakers=SPEAKERS,
            utts_per_speaker=1,
            accent=system.endswith("accent"),
            **options,
        )
        for system, found in places.items()
    ]
    return exps


@pytest.fixture(scope="module")
def exps(tmp_path_factory):
    return make(tmp_path_factory.mktemp("exps"), PLACES)


@pytest.fixture(scope="module")
def group(exps):
    [group] = make_groups(read_experiments(exps))
    return group


@pytest.fixture(scope="module")
def claims(group):
    return measure_claims(group, make_curves(group))


def claim_of(claims, name):
    [found] = [c for c in claims if f"{c.first.system} − {c.second.system}" == name]
    return found


def test_verdict_needs_the_whole_interval():
    def judge(low, high, speakers=9, differing=6):
        return verdict(Difference(1.0, low, high, 9, speakers, differing))

    assert judge(0.1, 2.0) == SUPPORTED
    assert judge(0.0, 2.0) == UNDECIDED
    assert judge(-1.0, 2.0) == UNDECIDED
    assert judge(-2.0, -0.1) == CONTRADICTED
    assert judge(-2.0, -0.1, differing=5) == FEW_DIFFER
    assert judge(0.1, 2.0, differing=5) == FEW_DIFFER
    assert judge(math.nan, math.nan, speakers=1) == NO_INTERVAL


@pytest.mark.parametrize("names", [("ctc_accent", "ctc"), ("hybrid_accent", "att")])
def test_the_area_is_recomputed(claims, names):
    """From one budget to the next is a third of the way."""
    found = claim_of(claims, " − ".join(names)).area
    changes = [
        100 * (one - other) / 3
        for one, other in zip(*(PLACES[name] for name in names), strict=True)
    ]
    assert found.value == pytest.approx(mean(changes))
    draws = random.Random(1)
    drawn = sorted(mean(draws.choices(changes, k=8)) for _ in range(20000))
    assert found.low == pytest.approx(drawn[500], abs=1.5)
    assert found.high == pytest.approx(drawn[-501], abs=1.5)
    assert (found.utterances, found.speakers) == (8, 8)
    assert found.differing == sum(change != 0 for change in changes)


def test_a_claim_rests_on_the_area_and_shows_each_budget(group, claims):
    audits = sound_audits(group)
    # No att_accent here, so no claim about it.
    rows = {row[0]: row[1:] for row in claims_table(group, claims, audits).rows}
    assert list(rows) == [
        "hybrid_accent − att",
        "hybrid_accent − ctc",
        "ctc_accent − ctc",
        "hybrid_accent − hybrid",
    ]
    # All are broken with the largest budget, and that says nothing of the area.
    better, area, paper, *budgets = rows["ctc_accent − ctc"]
    assert (better, paper) == (SUPPORTED, "harder")
    assert area.startswith("+37.50 [")
    assert len(budgets) == 4 and budgets[-1].startswith("0.00 [")
    assert rows["hybrid_accent − hybrid"][0] == CONTRADICTED
    assert rows["hybrid_accent − att"][0] == UNDECIDED
    assert rows["hybrid_accent − att"][2] == "+17.25"
    header = claims_table(group, claims, audits).header
    assert header[4:] == [f"AdvTWER here at {budget} [95 %]" for budget in BUDGETS]
    said = summary(claims, audits)
    assert said[0].startswith("hybrid_accent is not shown to be harder to attack than")
    assert said[2].startswith(
        "ctc_accent is harder to attack than ctc here (area +37.50 ["
    )
    assert said[3].startswith("hybrid_accent is easier to attack than hybrid here (")


def test_utterances_that_one_system_lacks_are_left_out(tmp_path):
    """Where they count, the area would be another one."""
    places = {"ctc": (0,) * 8, "ctc_accent": (2,) * 7 + (0,)}
    [accent] = make(tmp_path, {"ctc_accent": places["ctc_accent"]}, infeasible=("h-0",))
    exps = [*make(tmp_path, {"ctc": places["ctc"]}), accent]
    [group] = make_groups(read_experiments(exps))
    found = make_curves(group).compare(group.find("ctc_accent"), group.find("ctc"))
    assert found.utterances == 7
    assert found.value == pytest.approx(200 / 3)


def test_searches_of_other_strength_or_towards_other_targets_are_refused(tmp_path):
    pair = {name: PLACES[name] for name in ("ctc", "ctc_accent")}
    exps = make(tmp_path / "settings", pair)
    change_rows(
        exps[0], lambda r: {"settings": {"seed": 1}} if r.role == "curve" else {}
    )
    [group] = make_groups(read_experiments(exps))
    with pytest.raises(UserError, match="a weaker attack would look like robustness"):
        make_curves(group).compare(group.find("ctc_accent"), group.find("ctc"))
    exps = make(tmp_path / "targets", pair)
    [path] = exps[0].glob("*/test/score_attack/utt_scores.jsonl")
    path.write_text(path.read_text().replace("word9", "other"))
    [group] = make_groups(read_experiments(exps))
    with pytest.raises(UserError, match="text_target"):
        make_curves(group).compare(group.find("ctc_accent"), group.find("ctc"))


def test_without_curves_no_claim_is_judged(study):
    [group] = make_groups(read_experiments(study.values()))
    assert make_curves(group) is None
    claims = measure_claims(group, None)
    audits = sound_audits(group)
    assert [c.judge(audits) for c in claims] == [NO_CURVE] * 3
    assert summary(claims, audits)[-1] == (
        f"Whether ctc_accent is harder to attack than ctc is {NO_CURVE}."
    )
    # What was measured is shown all the same.
    *_, row = claims_table(group, claims, audits).rows
    assert row[1:3] == [NO_CURVE, "-"] and row[-1].startswith("+30.00 [")


def test_one_system_without_a_curve(tmp_path, exps):
    [other] = make(tmp_path, {"ctc_accent": PLACES["hybrid_accent"]})
    [records] = other.glob("*/test/records.jsonl")
    records.unlink()
    [group] = make_groups(read_experiments([other, exps[0]]))
    [claim] = measure_claims(group, make_curves(group))
    assert claim.area is None and any(claim.budgets)
    assert claim.judge(sound_audits(group)) == NO_CURVE


@pytest.mark.parametrize(
    ("wers", "said"),
    [
        ({"ctc": 8.0, "ctc_accent": 8.9, "att": 1.0}, SUPPORTED),
        (
            {"ctc": 3.0, "ctc_accent": 4.1},
            "not judged (benign WER 4.10 % of ctc_accent and 3.00 % of ctc, more than "
            "1 point apart: FAIL)",
        ),
        (
            {"ctc_accent": None},
            "not judged (benign WER of the whole set of ctc_accent: NOT RUN)",
        ),
    ],
)
def test_those_that_are_compared_hear_alike_whatever_others_hear(group, wers, said):
    def with_wer(one):
        if one.label not in wers:
            return one
        if wers[one.label] is None:
            return replace(one, whole=None)
        wrong = round(10 * wers[one.label])
        errors = replace(
            one.whole.errors["wer"],
            correct=1000 - wrong,
            substitutions=wrong,
            deletions=0,
            insertions=0,
        )
        return replace(one, whole=replace(one.whole, errors={"wer": errors}))

    changed = replace(group, systems=[*map(with_wer, group.systems)])
    comparisons = [("ctc_accent", "ctc", "")]
    [claim] = measure_claims(changed, make_curves(group), comparisons)
    audits = changed_audits(lambda name: [("benign_wer", FAIL)], changed)
    assert claim.judge(audits) == said


def sound_audits(group):
    """Audits of which all gates pass."""
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


def find(name, claims, audits, group):
    """Return the table's verdict on a claim, and what the summary says of it."""
    rows = claims_table(group, claims, audits).rows
    [found] = [row[1] for row in rows if row[0] == name]
    place = [row[0] for row in rows].index(name)
    return found, summary(claims, audits)[place]


# How well the systems hear is judged for each pair: see above.
OTHERS = [gate.name for gate in GATES if gate.name != "benign_wer"]


@pytest.mark.parametrize("gate", OTHERS)
@pytest.mark.parametrize("found", [FAIL, NOT_RUN])
@pytest.mark.parametrize("system", ["ctc_accent", "ctc"])
def test_no_claim_is_judged_while_a_gate_of_either_system_does_not_pass(
    group, claims, gate, found, system
):
    def gates(label):
        return [(gate, found)] if label == system else []

    audits = changed_audits(gates, group)
    judged, said = find("ctc_accent − ctc", claims, audits, group)
    if (gate, found, system) == ("steps", FAIL, "ctc"):
        # With more gradients, ctc would be easier still to attack.
        assert judged == SUPPORTED
        assert "; at least: more gradients break more of ctc)." in said
        return
    assert judged == "not judged (audit)"
    assert f"is not judged (gate {gate} of {system}: {found}) (area +37.50 [" in said
    # Others are not concerned.
    assert find("hybrid_accent − hybrid", claims, audits, group)[0] == CONTRADICTED


def test_all_gates_that_speak_against_a_claim_are_named(group, claims):
    def gates(label):
        found = [("loss", FAIL), ("steps", FAIL), ("noise", NOT_RUN)]
        return found[: 3 if label == "ctc_accent" else 1]

    audits = changed_audits(gates, group)
    _, said = find("ctc_accent − ctc", claims, audits, group)
    assert (
        "not judged (gates steps, loss of ctc_accent: FAIL; gate noise of ctc_accent: "
        "NOT RUN; gate loss of ctc: FAIL)"
    ) in said


def test_a_claim_without_an_audit_is_not_judged(claims):
    said = summary(claims, [])
    assert said[2].startswith(
        "Whether ctc_accent is harder to attack than ctc is not judged (no audit of "
        "ctc_accent; no audit of ctc) (area +37.50 ["
    )
    assert all(line.startswith("Whether ") for line in said)


def test_no_claim_is_judged_by_a_recogniser_that_hears_next_to_nothing(tmp_path):
    pair = {name: PLACES[name] for name in ("ctc", "ctc_accent")}
    exps = make(tmp_path, pair, wer=60.0)
    [group] = make_groups(read_experiments(exps))
    claims = measure_claims(group, make_curves(group))
    assert claims[0].area.low > 0
    assert {row[1] for row in claims_table(group, claims, []).rows} == {UNTRAINED}
    assert summary(claims, [])[0].startswith(
        "ctc_accent is not to be compared with ctc here (area"
    )


def test_the_section_has_what_it_rests_on(group):
    text = to_markdown(claims_blocks([group], [make_curves(group)], []))
    assert "| ctc_accent − ctc | not judged (audit) | +37.50 [" in text
    assert "with a budget of their own" in text


def test_other_systems_are_compared_without_the_paper(group):
    about = ([group], [make_curves(group)], [])
    text = to_markdown(comparison_blocks(*about, [("hybrid", "att", "")]))
    assert "Whether hybrid is harder to attack than att is not judged" in text
    assert "| hybrid − att | not judged (audit) | +" in text
    assert "paper" not in text
    assert comparison_blocks(*about, [("hybrid", "gone", "")]) == []
    assert comparison_blocks(*about, []) == []
