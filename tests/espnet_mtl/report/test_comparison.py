import json
import random
import re
from dataclasses import replace
from statistics import mean

import pytest
from exp_factory import BUDGETS, CLEAN, STRENGTHS, add_clean, make_exp, make_trial

from espnet_mtl.errors import UserError
from espnet_mtl.report.comparison import compare
from espnet_mtl.report.experiment import (
    name_experiments,
    named_confusions,
    read_experiments,
)
from espnet_mtl.report.groups import make_groups
from espnet_mtl.results.trial import Member


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
    assert found.differing == sum(abs(one) > 1e-9 for one in means)


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
    assert name_experiments(read_experiments(exps)) == ["ctc, seed 0", "ctc, seed 1"]
    assert name_experiments(read_experiments(exps[1:])) == ["ctc"]


def test_attacks_of_one_name_are_told_apart_by_their_settings(tmp_path):
    trials = [
        CLEAN,
        *(
            replace(
                trial, name=f"pgd{steps}", members=(replace(member, settings=settings),)
            )
            for trial in [make_trial("pgd", "blind")]
            for [member] in [trial.members]
            for steps in (10, 100)
            for settings in [{"steps": steps, "momentum": 0.75}]
        ),
    ]
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 1, audio=False, trials=trials)
    [group] = make_groups(read_experiments([exp]))
    [system] = group.systems
    assert system.attackers == ["blind (steps 10)", "blind (steps 100)"]
    assert system.has_choice


def test_systems_that_other_attacks_were_tried_on_are_not_compared(tmp_path):
    """An attack that only one of them has withstood may be the weaker one."""
    strong, weak = (
        [CLEAN, *(make_trial(name) for name in names)]
        for names in (("pgd", "square"), ("square",))
    )
    about = {"errors": lambda *_: 5, "audio": False}
    exps = [
        make_exp(tmp_path, "one", trials=strong, **about),
        make_exp(tmp_path, "two", trials=weak, **about),
        make_exp(tmp_path, "three", trials=strong, **about),
    ]
    [group] = make_groups(read_experiments(exps))
    one, two, three = group.systems
    [budget] = group.budgets
    assert compare(one, three, budget).value == 0
    for first, second in ((one, two), (two, one)):
        with pytest.raises(UserError, match="a weaker attack would look like robust"):
            compare(first, second, budget)


def test_whoever_a_transfer_attack_asks_is_not_a_setting(tmp_path):
    """Who attacks the models that it starts from depends on their branches."""
    systems = [
        make_exp(
            tmp_path,
            name,
            errors=lambda *_: 1,
            audio=False,
            trials=[
                CLEAN,
                replace(
                    make_trial("transfer", "blind"),
                    members=(
                        Member(
                            attacker="",
                            attack="pgd",
                            kind="white_box",
                            settings={"attacker": asked, "steps": 5},
                        ),
                    ),
                ),
            ],
        )
        for name, asked in (("ctc", "multitask"), ("ctc_accent", "accent_blind"))
    ]
    [group] = make_groups(read_experiments(systems))
    first, second = group.systems
    assert compare(first, second, group.budgets[0]).value == 0


def test_several_decodings_of_one_system_are_told_apart(tmp_path):
    wrong = {"greedy": 3, "beam": 7}
    exps = []
    for system, more in (("ctc", 0), ("ctc_accent", 1)):
        for decoding, errors in wrong.items():
            about = {"decoding": decoding, "audio": False, "wer": float(errors)}
            about |= {"accent": bool(more), "tag": f"attack_{decoding}"}
            exp = make_exp(
                tmp_path, system, errors=lambda *_, n=errors + more: n, **about
            )
        exps.append(exp)
    # One attack, decoded twice
    for folder in tmp_path.glob("*/*_attack_*/test/score_attack"):
        path = folder / "attack_scores.json"
        text = path.read_text()
        path.write_text(re.sub('"attack_tag": "[^"]*"', '"attack_tag": "one"', text))
    experiments = read_experiments(exps)
    [group] = make_groups(experiments)
    labels = ["ctc (beam)", "ctc (greedy)", "ctc_accent (beam)", "ctc_accent (greedy)"]
    assert sorted(one.label for one in group.systems) == labels
    for one in group.systems:
        assert one.whole.errors["wer"].rate == wrong[one.clean.decoder]
        # What is subtracted was decoded alike.
        other = group.find("ctc", like=one)
        assert other.clean.decoder == one.clean.decoder
        difference = compare(one, other, BUDGETS[-1])
        assert difference.value == pytest.approx(10 * one.system.endswith("accent"))


def test_recognised_accents_are_named_by_decoding_and_set(tmp_path):
    exp = make_exp(tmp_path, "mtl", errors=lambda *_: 9, accent=True, audio=False)
    assert [name for name, _ in named_confusions(read_experiments([exp]))] == ["mtl"]
    add_clean(exp, "mtl", accent=True, decoding="greedy", set_name="other")
    names = [name for name, _ in named_confusions(read_experiments([exp]))]
    assert sorted(names) == ["mtl, other", "mtl, test"]
    add_clean(exp, "mtl", accent=True, decoding="greedy")
    names = [name for name, _ in named_confusions(read_experiments([exp]))]
    assert sorted(names) == [
        "mtl, decode_mtl, test",
        "mtl, greedy, other",
        "mtl, greedy, test",
    ]
