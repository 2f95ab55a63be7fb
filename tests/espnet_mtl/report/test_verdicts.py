"""The report in sentences: a claim for each question, and none that is not measured."""

import math
import re
from dataclasses import replace
from statistics import mean

import pytest
from curve_factory import make_curve_exp, until_broken
from exp_factory import CLEAN, add_clean, change_rows, make_exp, make_trial

from espnet_mtl.report.audit.audits import GATES, Audit, AuditGroup
from espnet_mtl.report.audit.gate import FAIL, NOT_RUN, PASS, Finding
from espnet_mtl.report.cautions import missing_parts
from espnet_mtl.report.claims import PAPER, comparison_blocks
from espnet_mtl.report.document import to_markdown
from espnet_mtl.report.effort import Effort
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.report import Report
from espnet_mtl.report.result_tables import full_table
from espnet_mtl.report.robustness.curves import make_curves
from espnet_mtl.report.second_task import describe_branches
from espnet_mtl.report.verdicts.make import make_verdicts
from espnet_mtl.results.clean_scores import read_clean_scores, write_clean_scores

BUDGETS = (0.001, 0.002, 0.004, 0.008)
SPEAKERS = tuple("abcdefgh")
DOUBLE = 20 * math.log10(2)
# The place of the budget that breaks each utterance
WEAK = (0, 0, 1, 1, 0, 2, 1, 0)
HARD = (1, 2, 2, 2, 1, 3, 1, 2)
ALIKE = (0, 1, 1, 0, 0, 2, 0, 1)
MIDDLE = (1, 1, 2, 2, 1, 2, 1, 2)
HARDER, EASIER = (3, 2, 3, 3, 2, 2, 3, 3), (0, 0, 1, 1, 0, 2, 0, 0)
NEAR = (1, 2, 2, 1, 1, 2, 2, 1)


def make_group(folder, places, **options):
    exps = []
    for system, found in places.items():
        tried = {
            f"{name}-0": [
                (BUDGETS[n], 0 if n == place else 9) for n in range(place + 1)
            ]
            for name, place in zip(SPEAKERS, found, strict=True)
        }
        about = {"budgets": BUDGETS, "speakers": SPEAKERS, "utts_per_speaker": 1}
        about |= {"snr_db": lambda _, budget: -20 * math.log10(budget) - 20}
        exps.append(make_curve_exp(folder, system, {"chain": tried}, **about | options))
    [group] = make_groups(read_experiments(exps))
    return group


def audits_of(group, *changed):
    """Audits of which all gates pass but those of (system, gate, verdict)."""
    found = []
    for one in group.systems:
        findings = {gate.name: Finding(PASS, "") for gate in GATES}
        findings |= {
            gate: Finding(verdict, "")
            for system, gate, verdict in changed
            if system == one.label
        }
        found.append(Audit(one.label, one.result, findings))
    return [AuditGroup("", found)]


def verdicts_of(group, *changed, pairs=(), efforts=None, curves=None):
    curves = curves or make_curves(group)
    found = make_verdicts(
        group, curves, audits_of(group, *changed), pairs, efforts or {}
    )
    return {one.question: one for one in found}


ACCENT = "Does the accent branch help?"
LITTLE = "How little noise makes the recogniser hear what an attacker wants?"


@pytest.mark.parametrize(
    ("plain", "accent", "answer", "says"),
    [
        (WEAK, HARD, "Yes", "is harder to attack than ctc: it takes louder noise, +"),
        (HARD, WEAK, "No", "is easier to attack than ctc: less noise is enough, -"),
        (WEAK, ALIKE, "Not shown", "is not shown to be harder to attack than ctc: "),
    ],
)
def test_one_pair(tmp_path, plain, accent, answer, says):
    group = make_group(tmp_path, {"ctc": plain, "ctc_accent": accent})
    found = verdicts_of(group)[ACCENT]
    assert found.answer == answer
    assert says in found.sentence
    # Places are 6 dB apart: by so much, on average, the smallest budgets differ.
    differences = [b - a for a, b in zip(plain, accent, strict=True)]
    expected = DOUBLE * mean(differences)
    [value] = re.findall(r"([+-]?\d+\.\d) dB \[", found.sentence)
    assert float(value) == pytest.approx(expected, abs=0.051)
    assert found.sentence.endswith("] (8 recordings of 8 speakers).")


def test_several_pairs(tmp_path):
    systems = {"ctc": WEAK, "ctc_accent": HARD, "att": WEAK, "att_accent": ALIKE}
    group = make_group(tmp_path, systems)
    found = verdicts_of(group)[ACCENT]
    assert found.answer == "In part"
    assert [bar.tone for bar in found.bars] == ["harder", "open"]
    # On one axis, from left to right
    for bar in found.bars:
        assert 0 <= bar.low <= bar.middle <= bar.high <= 100
        assert bar.high + bar.right == pytest.approx(100)
    harder, open_ = found.bars
    assert open_.low < found.zero < harder.low
    partly = verdicts_of(group, ("att", "steps", FAIL))[ACCENT]
    assert partly.answer == "In part"  # that of ctc is harder, of att nothing is said
    refused = verdicts_of(group, ("ctc_accent", "steps", FAIL))[ACCENT]
    assert refused.answer == "Not shown, as far as it is judged"
    assert refused.sentence.endswith(
        " ctc_accent against ctc is not judged (gate steps of ctc_accent: FAIL)."
    )
    assert [bar.tone for bar in refused.bars] == ["none", "open"]


@pytest.mark.parametrize(
    ("first", "second", "is_judged", "answer"),
    [
        (HARDER, HARDER, True, "Yes"),
        (HARDER, HARDER, False, "In part"),
        (HARDER, EASIER, True, "In part"),
        (EASIER, NEAR, True, "No"),
        (EASIER, NEAR, False, "No, as far as it is judged"),
        (NEAR, EASIER, False, "Not shown, as far as it is judged"),
    ],
)
def test_the_answer_of_two_pairs(tmp_path, first, second, is_judged, answer):
    plain = {"ctc": MIDDLE, "att": MIDDLE}
    systems = {**plain, "ctc_accent": first, "att_accent": second}
    group = make_group(tmp_path, systems)
    failed = [] if is_judged else [("att_accent", "planted", FAIL)]
    assert verdicts_of(group, *failed)[ACCENT].answer == answer


@pytest.mark.parametrize(
    ("gate", "said", "system"),
    [
        (gate.name, said, system)
        for gate in GATES
        for said in (FAIL, NOT_RUN)
        for system in ("ctc", "ctc_accent")
        if (gate.name, said, system) != ("steps", FAIL, "ctc")  # see the next test
        and gate.name != "benign_wer"  # judged for each pair: see test_claims.py
    ],
)
def test_nothing_is_claimed_where_a_gate_does_not_pass(shared, gate, said, system):
    group, curves = shared
    found = verdicts_of(group, (system, gate, said), curves=curves)
    assert found[ACCENT].answer == "Not judged"
    assert gate in found[ACCENT].sentence
    assert not found[ACCENT].bars
    # A figure without a judgement, where nothing speaks against it
    text = found[ACCENT].text
    told = re.search(r"NOT RUN\); what was measured: \+\d+\.\d dB \[", text)
    assert bool(told) == ("dB" in text) == (said == NOT_RUN)
    little = found[LITTLE].sentence
    if said == FAIL:
        assert f"{system}: no claim (gate {gate}: FAIL)." in little
        assert f"{system} at" not in little
    else:
        assert f"Not all gates of the audit could be run: {system} ({gate})." in little


def test_what_more_gradients_break_of_the_easier_one_adds_to_the_difference(shared):
    group, curves = shared
    found = verdicts_of(group, ("ctc", "steps", FAIL), curves=curves)[ACCENT]
    assert found.answer == "Yes"
    assert "] (at least: more gradients break more of ctc) (8 " in found.sentence


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    group = make_group(folder, {"ctc": WEAK, "ctc_accent": HARD})
    return group, make_curves(group)


def test_how_little_is_enough(shared):
    group, curves = shared
    found = verdicts_of(group, curves=curves)[LITTLE]
    # Half are broken by 0.001 and by 0.004; their SNRs by the formula above.
    assert found.answer == "28 to 40 dB or more below the speech"
    # ctc is broken by the weakest budget: less may be enough.
    assert "from ctc at 40.0 dB or more [" in found.sentence
    assert "to ctc_accent at 28.0 dB [" in found.sentence
    assert "131 levels of 16-bit audio, the hardest" in found.sentence
    assert "25 times weaker than the speech" in found.sentence  # 10 ** (28 / 20)
    assert "half of the 8 recordings of 8 speakers" in found.sentence
    both = [(name, "steps", FAIL) for name in ("ctc", "ctc_accent")]
    assert verdicts_of(group, *both)[LITTLE].answer == "Not judged"


def test_a_single_system(tmp_path):
    group = make_group(tmp_path, {"mine": WEAK})
    found = verdicts_of(group, ("mine", "benign_wer", NOT_RUN))
    assert list(found) == [LITTLE]
    assert found[LITTLE].answer == "40 dB or more below the speech"
    assert "the easiest" not in found[LITTLE].sentence
    assert "mine (benign_wer)" in found[LITTLE].sentence


@pytest.mark.parametrize(
    ("loud", "answer", "noise"),
    [
        (0.0, "20 dB below the speech", "10 times weaker than the speech"),
        (20.0, "0 dB below the speech", "about as loud as the speech"),
        (26.0, "6 dB above the speech", "2 times louder than the speech"),
    ],
)
def test_noise_may_be_louder_than_the_speech(tmp_path, loud, answer, noise):
    places = {"mine": (1, 1, 1, 1, 1, 1, 1, 1)}
    group = make_group(tmp_path, places, snr_db=lambda *_: 20.0 - loud)
    found = verdicts_of(group)[LITTLE]
    assert found.answer == answer
    assert f"Noise {noise} is enough" in found.sentence


def test_one_system_below_the_speech_and_one_above(tmp_path):
    places = {"one": (1,) * 8, "two": (2,) * 8}
    group = make_group(
        tmp_path, places, snr_db=lambda _, budget: 4.0 if budget < 0.003 else -3.0
    )
    answer = verdicts_of(group)[LITTLE].answer
    assert answer == "3 dB above the speech to 4 dB below the speech"


def test_what_is_not_broken_is_said(tmp_path):
    group = make_group(tmp_path, {"mine": WEAK}, heard={f"{s}-0": 3 for s in SPEAKERS})
    found = verdicts_of(group)[LITTLE]
    assert found.answer == "More than was tried"
    assert "mine resists in more than half of the 8 recordings" in found.sentence


def test_without_curves_the_share_at_the_largest_budget_counts(tmp_path):
    about = {"errors": lambda trial, speaker, _: int(speaker == 0), "audio": False}
    exp = make_exp(tmp_path, "mine", **about)
    [group] = make_groups(read_experiments([exp]))
    found = verdicts_of(group)[LITTLE]
    assert found.answer == "0.008 for 75 % of the recordings"
    assert "12 recordings of 4 speakers: mine 75.0 % [66.0, 83.0]." in found.sentence
    assert verdicts_of(group, ("mine", "noise", FAIL))[LITTLE].answer == "Not judged"


def effort(robust, ctc_weight=1.0):
    return Effort(
        way={"pgd": "pgd, 3 steps", "": "plain"}.get(robust, robust),
        start="",
        updates=1,
        passes=1,
        whole=1,
        ctc_weight=ctc_weight,
        is_adversarial=robust == "pgd",
        seed=0,
    )


def test_trainings_that_resist(tmp_path):
    names = ("plain", "noise", "adversarial", "adversarial_accent")
    systems = dict(
        zip((f"ctc_{n}" for n in names), (WEAK, WEAK, HARD, HARD), strict=True)
    )
    systems["ctc_adversarial_shuffled"] = HARD
    group = make_group(tmp_path, systems | {"att_plain": WEAK})
    efforts = {name: effort("pgd") for name in systems if "adv" in name}
    efforts |= {"ctc_plain": effort(""), "ctc_noise": effort("noise")}
    efforts["att_plain"] = effort("", ctc_weight=0.0)
    pairs = [
        ("ctc_noise", "ctc_plain"),
        ("ctc_adversarial", "att_plain"),
        ("ctc_adversarial", "ctc_plain"),
        ("ctc_adversarial", "ctc_noise"),
        ("ctc_adversarial_accent", "ctc_adversarial"),
        ("ctc_adversarial_accent", "ctc_adversarial_shuffled"),
        ("ctc_adversarial_shuffled", "ctc_adversarial"),
    ]
    efforts = {name: [one] for name, one in efforts.items()}
    found = verdicts_of(group, pairs=pairs, efforts=efforts)
    answers = {
        question: (one.answer, [bar.label for bar in one.bars])
        for question, one in found.items()
        if question != LITTLE
    }
    assert answers == {
        "Does adversarial training help?": ("Yes", ["ctc_adversarial − ctc_plain"]),
        "Does adversarial training help more than training on noise?": (
            "Yes",
            ["ctc_adversarial − ctc_noise"],
        ),
        "Does training on noise help?": ("Not shown", ["ctc_noise − ctc_plain"]),
        "Does the accent branch add to adversarial training?": (
            "Not shown",
            ["ctc_adversarial_accent − ctc_adversarial"],
        ),
        "Does the branch need to learn real accents?": (
            "Not shown",
            ["ctc_adversarial_accent − ctc_adversarial_shuffled"],
        ),
        "Does a branch that learns nothing help?": (
            "Not shown",
            ["ctc_adversarial_shuffled − ctc_adversarial"],
        ),
        # Another kind of recogniser: not the training alone
        "Is ctc_adversarial harder to attack than att_plain?": (
            "Yes",
            ["ctc_adversarial − att_plain"],
        ),
    }


def test_what_differs_by_more_than_one_thing_answers_no_single_question(tmp_path):
    names = ("ctc_plain", "ctc_shuffled", "ctc_adversarial_accent", "ctc")
    group = make_group(tmp_path, dict.fromkeys(names, WEAK))
    efforts = {name: [effort("pgd" if "adv" in name else "")] for name in names}
    for pair, question in {
        # With a branch, and trained otherwise
        ("ctc_adversarial_accent", "ctc_plain"): "Is ctc_adversarial_accent harder to",
        # Only one of them has a branch at all
        ("ctc", "ctc_shuffled"): "Is ctc harder to attack than ctc_shuffled?",
        ("ctc_shuffled", "ctc"): "Does a branch that learns nothing help?",
    }.items():
        found = verdicts_of(group, pairs=[pair], efforts=efforts)
        assert sum(one.startswith(question) for one in found) == 1, [*found]


def test_attacks_without_a_target_have_their_own_words(tmp_path):
    trials = [
        CLEAN,
        replace(make_trial("pgd", "untargeted"), words="away"),
        replace(make_trial("pgd", "flip"), words="keep"),
    ]
    about = {"accent": True, "audio": False, "trials": trials}
    exp = make_exp(tmp_path, "mine", errors=lambda *_: 0, **about)
    [group] = make_groups(read_experiments([exp]))
    away, keep = verdicts_of(group).values()
    assert (away.answer, keep.answer) == ("In 100 % of the recordings",) * 2
    assert "make the recogniser mishear" in away.question
    assert "100.0 % of all words (4.0 % without an attack)" in away.sentence
    assert "change the recognised accent" in keep.question
    assert "50.0 % of the accents are right (87.5 % without" in keep.sentence
    refused = verdicts_of(group, ("mine", "steps", FAIL)).values()
    assert [one.answer for one in refused] == ["Not judged"] * 2
    # What a recogniser mishears anyway is no success of the attack.
    change_rows(exp, lambda _: {"null_success_rate": 48.0}, "pgd")
    [group] = make_groups(read_experiments([exp]))
    away, _ = verdicts_of(group).values()
    assert away.answer == "In 100 % of the recordings, in 48 % without an attack"
    assert "(48.0 % without an attack), that is 100.0 %" in away.sentence


def test_without_a_target_all_utterances_count(tmp_path):
    """Also those in which the target that nobody wants cannot be heard."""
    trials = [
        replace(CLEAN, words="away"),
        replace(make_trial("pgd", "untargeted"), words="away"),
    ]
    about = {"errors": lambda *_: 0, "audio": False, "trials": trials}
    out_of_reach = [
        f"{name}-{n}" for name in ("ann", "bob", "cyd", "dan") for n in (0, 1, 2)
    ]
    exp = make_exp(tmp_path, "mine", infeasible=out_of_reach, **about)
    experiments = read_experiments([exp])
    [group] = make_groups(experiments)
    [away] = verdicts_of(group).values()
    assert "of 12 recordings of 4 speakers" in away.sentence
    # Nobody wanted the target, so nothing is said against it.
    cells = [row for row in full_table(group).rows if row[1] == "untargeted"]
    assert [row[4] for row in cells] == ["-"]
    said = missing_parts(experiments, [group], [])
    assert not any("left out" in one for one in said)


def test_speakers_are_counted_where_the_recordings_are(tmp_path):
    """Beside an attack with a target that can be reached of two speakers alone."""
    trials = [
        CLEAN,
        make_trial("pgd", "me"),
        replace(make_trial("pgd", "untargeted"), words="away"),
    ]
    out_of_reach = [f"{name}-{n}" for name in ("cyd", "dan") for n in (0, 1, 2)]
    exp = make_exp(
        tmp_path,
        "mine",
        errors=lambda *_: 0,
        audio=False,
        trials=trials,
        infeasible=out_of_reach,
    )
    [group] = make_groups(read_experiments([exp]))
    found = verdicts_of(group)
    [away] = [one for name, one in found.items() if "mishear" in name]
    assert "of 12 recordings of 4 speakers" in away.sentence
    assert "6 recordings of 2 speakers" in found[LITTLE].sentence


def test_whatever_is_judged_is_audited_and_trained_alike(tmp_path):
    """Also what no baseline and no option names: twins, and the paper's pairs."""
    names = ("ctc", "ctc_accent", "att", "hybrid_accent")
    make_group(tmp_path, dict.fromkeys(names, WEAK))
    [better] = tmp_path.glob("*_hybrid_accent")
    add_clean(better, "hybrid_accent", wer=1.0)
    experiments = read_experiments(sorted(tmp_path.iterdir()))
    report = Report(experiments, baselines=("ctc",), pairs=[("att", "ctc")])
    for pair in (("att", "ctc"), ("ctc_accent", "ctc"), ("hybrid_accent", "att")):
        assert pair in report.compared
    [group] = report.audits
    judged = {audit.label: audit.findings["benign_wer"] for audit in group.audits}
    assert judged["att"].figure == "4.00 %, best of the others: hybrid_accent 1.00 %"


def accents_of(exp, **changed):
    """Change the scores of the accents in a whole set."""
    [file] = exp.glob("decode_*/test/scores.json")
    scores = read_clean_scores(file.parent)
    write_clean_scores(
        file.parent, replace(scores, accents=replace(scores.accents, **changed))
    )


def branches_of(folder, changed, names=("ctc_accent", "att_accent")):
    exps = {
        name: make_exp(folder, name, errors=lambda *_: 9, accent="_accent" in name)
        for name in ("ctc", "att", *names)
    }
    for name, changes in changed.items():
        accents_of(exps[name], **changes)
    [group] = make_groups(read_experiments(exps.values()))
    return group, describe_branches(group.systems)


LEARNT = (
    "The branch's own task is to tell 3 classes apart (northern, scottish, us; 9 "
    "speakers; "
    "guessing gets 33.3 %). It is right in: ctc_accent 85.0 % [71.0, 94.0], "
    "att_accent 85.0 % [71.0, 94.0] "
    "(balanced accuracy)."
)


def test_what_a_branch_has_learnt_stands_beside_what_it_does(tmp_path):
    group, said = branches_of(tmp_path, {})
    assert said == LEARNT
    assert describe_branches([group.find("ctc"), group.find("att")]) == ""
    places = {"ctc": WEAK, "ctc_accent": HARD}
    group = make_group(tmp_path / "curves", places)
    [exp] = (tmp_path / "curves").glob("*ctc_accent")
    add_clean(exp, "ctc_accent", accent=True)
    experiments = read_experiments((tmp_path / "curves").iterdir())
    [group] = make_groups(experiments)
    [one] = re.findall(r"ctc_accent 85.0 % \[", verdicts_of(group)[ACCENT].sentence)
    curves = [make_curves(group)]
    blocks = comparison_blocks([group], curves, audits_of(group), PAPER)
    assert one in to_markdown(blocks)
    assert one in to_markdown(Report(experiments).short_blocks())
    assert "classes apart" not in verdicts_of(group)[LITTLE].sentence


def test_a_branch_that_has_not_learnt_its_task_tests_nothing(tmp_path):
    guessing = {"balanced_ci": (30.0, 45.0)}
    changed = {"att_accent": guessing, "ctc_accent_shuffled": guessing}
    names = ("ctc_accent", "att_accent", "ctc_accent_shuffled")
    _, said = branches_of(tmp_path, changed, names)
    assert said.endswith(
        " That of att_accent is not shown to do better than guessing: a second task "
        "that is not learnt tests nothing."
    )
    group, _ = branches_of(tmp_path / "decoded", changed, names)
    systems = [replace(one, label=f"{one.label} (greedy)") for one in group.systems]
    said = describe_branches(systems)
    assert "ctc_accent_shuffled (greedy) 85.0 %" in said
    assert "That of att_accent (greedy) is not shown" in said
    _, said = branches_of(tmp_path / "unknown", {"att_accent": {"balanced_ci": None}})
    assert "att_accent 85.0 % (balanced" in said and "That of att_accent" in said


def test_branches_of_several_seeds_are_told_apart(tmp_path):
    exps = [
        make_exp(
            tmp_path / str(seed),
            "ctc_accent",
            errors=lambda *_: 9,
            accent=True,
            seed=seed,
        )
        for seed in (0, 1)
    ]
    groups = make_groups(read_experiments(exps))
    said = describe_branches(one for group in groups for one in group.systems)
    assert "ctc_accent (seed 0) 85.0 % [" in said
    assert "ctc_accent (seed 1) 85.0 % [" in said


def test_of_a_single_speaker_there_is_no_interval(tmp_path):
    """The smallest budgets are 2, 1 and 2 places apart, each of 6.02 dB."""
    for system, places in {"ctc": (0, 1, 1), "ctc_accent": (2, 2, 3)}.items():
        tried = {f"ann-{n}": until_broken(BUDGETS, p) for n, p in enumerate(places)}
        make_curve_exp(tmp_path, system, {"chain": tried}, speakers=("ann",))
    [group] = make_groups(read_experiments(sorted(tmp_path.iterdir())))
    found = verdicts_of(group)
    assert found[ACCENT].answer == "Not shown"
    assert found[ACCENT].sentence == (
        "ctc_accent is not shown to be harder to attack than ctc: +10.0 dB of one "
        "speaker, so without an interval (3 recordings of 1 speaker)."
    )
    [bar] = found[ACCENT].bars
    assert (bar.value, bar.tone) == ("+10.0 dB", "open")
    # 10 dB, with 12 % of room on either side
    assert found[ACCENT].zero == pytest.approx(100 * 0.12 / 1.24, abs=0.05)
    assert bar.middle == bar.low == bar.high == pytest.approx(90.3)
    assert bar.right == pytest.approx(9.7)
    assert "[" not in found[LITTLE].sentence


@pytest.mark.parametrize(("wer", "is_judged"), [(50.0, True), (51.0, False)])
def test_nothing_is_said_of_a_recogniser_that_has_most_words_wrong(
    tmp_path, wer, is_judged
):
    places = {"ctc": WEAK, "ctc_accent": HARD}
    found = verdicts_of(make_group(tmp_path, places, wer=wer))
    why = "no claim (it has most words wrong without any attack)"
    refused = f"ctc: {why}; ctc_accent: {why}."
    assert (found[LITTLE].answer == "Not judged") is not is_judged
    assert (found[LITTLE].sentence == refused) is not is_judged
    assert (found[ACCENT].answer == "Yes") is is_judged
