"""Comparisons over several seeds: recomputed, and when they are judged."""

import math
from dataclasses import replace
from statistics import mean

import numpy as np
import pytest
from curve_factory import make_curve_exp, until_broken
from exp_factory import make_exp

from espnet_mtl.bin import asr_mtl_report
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.seeds import interval_over_seeds
from espnet_mtl.report.audit.audits import GATES, Audit, AuditGroup
from espnet_mtl.report.audit.gate import FAIL, PASS, Finding
from espnet_mtl.report.document import to_markdown
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.over_seeds import make_families, seed_blocks
from espnet_mtl.report.robustness.curves import make_curves
from espnet_mtl.report.table import Table
from espnet_mtl.report.verdicts.make import make_seed_verdicts

BUDGETS = (0.001, 0.002, 0.004, 0.008)
SPEAKERS = tuple("abcdefgh")
# Seed, system: the place of the budget that breaks each utterance
PLACES = {
    (0, "plain"): (0, 0, 1, 1, 0, 2, 1, 0),
    (0, "adversarial"): (2, 3, 3, 2, 3, 3, 2, 3),
    (1, "plain"): (1, 0, 1, 0, 0, 1, 1, 0),
    (1, "adversarial"): (2, 2, 3, 2, 3, 3, 2, 2),
    (2, "plain"): (0, 1, 1, 1, 0, 1, 1, 1),
    (2, "adversarial"): (3, 3, 3, 3, 2, 3, 2, 3),
    (0, "noise"): (0, 0, 1, 1, 0, 1, 1, 0),
    (1, "noise"): (1, 0, 1, 0, 0, 1, 0, 0),
}
PAIR = ("adversarial", "plain", "")


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    exps = [
        make_curve_exp(
            folder / f"seed{seed}",
            system,
            {
                "chain": {
                    f"{name}-0": until_broken(BUDGETS, place)
                    for name, place in zip(SPEAKERS, places, strict=True)
                }
            },
            budgets=BUDGETS,
            speakers=SPEAKERS,
            utts_per_speaker=1,
            seed=seed,
        )
        for (seed, system), places in PLACES.items()
    ]
    found = make_groups(read_experiments(exps))
    assert [group.seed for group in found] == [0, 1, 2]
    return found


def audits_of(groups, failing=()):
    """Audits of which all gates pass, but one of the systems and seeds named."""
    passed = {gate.name: Finding(PASS, "") for gate in GATES}
    audits = [
        AuditGroup(
            group.title,
            [
                Audit(
                    one.label,
                    one.result,
                    passed | {"steps": Finding(FAIL, "")}
                    if (group.seed, one.label) in failing
                    else passed,
                )
                for one in group.systems
            ],
        )
        for group in groups
    ]
    return audits


def text_of(groups, audits, comparisons=(PAIR,)):
    families = families_of(groups)
    return to_markdown(seed_blocks(families, audits, comparisons)).strip()


def families_of(groups):
    return make_families(groups, [make_curves(group) for group in groups])


def test_the_area_is_that_of_all_seeds(groups):
    """From one budget to the next is a third of the way."""
    changes = np.array(
        [
            np.subtract(PLACES[seed, "adversarial"], PLACES[seed, "plain"]) / 3
            for seed in range(3)
        ]
    )
    expected = interval_over_seeds(changes, np.ones(8), np.array(SPEAKERS))
    assert expected.estimate == pytest.approx(100 * mean(changes.mean(axis=1)))
    shown = "+{:.2f} [+{:.2f}, +{:.2f}]".format(*expected)
    text = text_of(groups, audits_of(groups))
    assert f"adversarial is harder to attack than plain here (area {shown} points)" in (
        text
    )
    for seed, row in enumerate(changes):
        assert f"| seed {seed} |" in text
        assert f"+{100 * row.mean():.2f} [" in text


def test_word_errors_are_those_of_what_counts_in_all_seeds(tmp_path):
    """By hand: in one seed, the target of c cannot be reached on one system."""
    wrong = {
        (0, "adversarial"): {"a": 5, "b": 7, "c": 10},
        (0, "plain"): {"a": 2, "b": 2, "c": 0},
        (1, "adversarial"): {"a": 6, "b": 8, "c": 10},
        (1, "plain"): {"a": 1, "b": 3, "c": 0},
    }
    exps = [
        make_exp(
            tmp_path / f"seed{seed}",
            system,
            errors=lambda trial, speaker, _, by=by: (
                by["abc"[speaker]] if trial.budget == BUDGETS[-1] else 10
            ),
            budgets=BUDGETS,
            attackers=("accent_blind",),
            infeasible=("c-0",) if (seed, system) == (1, "plain") else (),
            seed=seed,
            speakers=("a", "b", "c"),
            utts_per_speaker=1,
            audio=False,
        )
        for (seed, system), by in wrong.items()
    ]
    groups = make_groups(read_experiments(exps))
    blocks = seed_blocks(make_families(groups, []), audits_of(groups), (PAIR,))
    table = next(block for block in blocks if isinstance(block, Table))
    [cells] = table.rows
    shown = dict(zip(table.header, cells, strict=True))
    # Of 20 words each, 40 % in one seed and 50 % in the other. Of the speakers' parts,
    # 20 and 25, the variance is 12.5, twice that for both; that of the seeds is 50 / 2.
    # With 2 degrees of freedom, the interval is 4.30265 times the root of 50 wide.
    assert shown["AdvTWER here at 0.008 [95 %]"] == "+45.00 [+14.58, +75.42]"


def test_the_areas_of_all_seeds_are_over_one_span(groups):
    """A point is a hundredth of the span: those of two spans cannot be put together."""
    curves = [make_curves(group) for group in groups]
    low, high = curves[0].span
    curves[1] = replace(curves[1], span=((low + high) / 2, high))
    narrow = [replace(one, span=curves[1].span) for one in curves]
    text, other = (
        to_markdown(seed_blocks(make_families(groups, those), audits, (PAIR,)))
        for audits in [audits_of(groups)]
        for those in (curves, narrow)
    )
    assert text == other
    assert text.strip() != text_of(groups, audits_of(groups))


def hears_nothing(result):
    row = result.scores.clean
    rows = [replace(one, benign_wer=90.0) for one in result.scores.rows if one != row]
    clean = replace(row, benign_wer=90.0)
    return {"scores": replace(result.scores, rows=(clean, *rows))}


def test_a_training_that_failed_in_one_seed_is_not_judged(groups):
    changed = [groups[0], with_results(groups[1], hears_nothing), groups[2]]
    text = text_of(changed, audits_of(changed))
    assert "adversarial is not to be compared with plain here" in text


def test_one_seed_with_a_failing_gate_is_enough_for_no_claim(groups):
    text = text_of(groups, audits_of(groups, {(1, "adversarial")}))
    assert "gate steps of adversarial: FAIL" in text
    assert text.startswith(
        "- Whether adversarial is harder to attack than plain is not"
    )
    assert "gate" not in text_of(groups, audits_of(groups, {(1, "other")}))


def test_each_comparison_rests_on_the_audits_of_its_own_seeds(groups):
    audits = audits_of(groups, {(2, "adversarial")})
    pairs = [("adversarial", "noise", ""), PAIR]
    for order in (pairs, pairs[::-1]):
        text = text_of(groups, audits, order)
        assert "adversarial is harder to attack than noise here" in text
        assert "Whether adversarial is harder to attack than plain is not" in text


def with_results(group, change):
    systems = [
        replace(one, result=replace(one.result, **change(one.result)))
        for one in group.systems
    ]
    return replace(group, systems=systems)


def other_targets(result):
    utterances = {
        trial: {utt: replace(one, target="other") for utt, one in scores.items()}
        for trial, scores in result.utterances.items()
    }
    return {"utterances": utterances}


def other_settings(result):
    rows = [
        row if row.is_untouched else replace(row, settings={**row.settings, "steps": 1})
        for row in result.rows
    ]
    return {"scores": replace(result.scores, rows=tuple(rows))}


def older_version(result):
    version = result.scores.attack_version - 1
    return {"scores": replace(result.scores, attack_version=version)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_targets, "text_target"),
        (other_settings, "a weaker attack would look like robustness"),
        (older_version, "an older version of espnet_mtl's attacks"),
    ],
)
def test_seeds_that_were_attacked_otherwise_are_not_put_together(groups, change, said):
    mixed = [groups[0], with_results(groups[1], change), groups[2]]
    with pytest.raises(UserError, match=said):
        text_of(mixed, audits_of(mixed))


def test_a_seed_without_an_audit_is_one_too(groups):
    audits = audits_of(groups)
    lacking = [*audits[:2], replace(audits[2], audits=[])]
    assert "no audit of adversarial" in text_of(groups, lacking)


def test_one_seed_says_nothing_over_seeds(groups):
    assert text_of(groups[:1], audits_of(groups[:1])) == ""
    assert text_of(groups, audits_of(groups), [("other", "plain", "")]) == ""


@pytest.mark.usefixtures("without_plots")
def test_the_report_has_it(groups, tmp_path):
    folders = [one.result.folder.parent for group in groups for one in group.systems]
    exps = {
        next(p for p in f.parents if p.name.startswith("asr_mtl_")) for f in folders
    }
    words = ["--exp", *map(str, sorted(exps)), "--output", str(tmp_path)]
    asr_mtl_report.main([*words, "--compare", "adversarial:plain"])
    said = (tmp_path / "RESULTS.md").read_text()
    assert "## Over seeds" in said and "| seed 2 |" in said.split("## Over seeds")[1]
    # The answer is that of all seeds, and no single one has another.
    assert said.count("Is adversarial harder to attack than plain?") == 1
    assert said.index("## All seeds: set test") < said.index("seed 0\n")
    assert "This is seed 1 alone" in said and "trained with one seed" not in said


def test_questions_are_answered_over_all_seeds(groups):
    [family] = families_of(groups)
    pairs = [("adversarial", "plain"), ("noise", "plain"), ("adversarial", "other")]
    question = "Are the others harder to attack than what they are compared with?"
    [one] = make_seed_verdicts(family, audits_of(groups), pairs, {})
    assert (one.question, one.answer) == (question, "In part")
    assert "(8 recordings of 8 speakers in each of 2 seeds or" in one.sentence
    assert one.sentence.endswith("8 speakers in each of 3 seeds).")
    changes = [
        np.subtract(PLACES[seed, "adversarial"], PLACES[seed, "plain"])
        for seed in range(3)
    ]
    assert f"louder noise, +{20 * math.log10(2) * np.mean(changes):.1f} dB" in (
        one.sentence
    )
    failing = audits_of(groups, {(2, "adversarial")})
    [one] = make_seed_verdicts(family, failing, pairs[:1], {})
    assert one.answer == "Not judged"


def test_seeds_are_put_together_by_one_decoder(groups):
    """Else a difference of decoders would be one of systems."""

    def decoded(group, decoder):
        rows = {
            one.label: [replace(r, decoder=decoder) for r in one.result.rows]
            for one in group.systems
        }
        return [
            replace(
                one,
                label=f"{one.label} ({decoder})",
                result=replace(
                    one.result,
                    scores=replace(one.result.scores, rows=tuple(rows[one.label])),
                ),
            )
            for one in group.systems
        ]

    both = replace(
        groups[0], systems=[*decoded(groups[0], "a"), *decoded(groups[0], "b")]
    )
    others = [replace(one, systems=decoded(one, "b")) for one in groups[1:]]
    assert text_of([both, *others], []) == ""  # the first seed's first one is "a"
    alike = [both, *(replace(one, systems=decoded(one, "a")) for one in groups[1:])]
    assert "adversarial (a) is harder" in text_of(alike, audits_of(alike))
