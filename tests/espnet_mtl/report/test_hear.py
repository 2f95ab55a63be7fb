"""Recordings to hear: what their scripts hold is what was attacked."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from curve_factory import make_curve_exp
from exp_factory import CLEAN, RATE, make_exp, make_trial

from espnet_mtl.data.tables import read_table
from espnet_mtl.report import hear
from espnet_mtl.report.example import find_example, write_example
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.hear import write_hear

LEVELS = 32768


def group_of(*exps):
    [group] = make_groups(read_experiments(exps))
    return group


def read_script(path):
    text = path.read_text()
    assert text.startswith("hearUtterance(") and text.endswith(");\n")
    return json.loads(text.removeprefix("hearUtterance(").removesuffix(");\n"))


def samples_of(clip):
    found, rate = soundfile.read(io.BytesIO(base64.b64decode(clip)), dtype="int16")
    assert rate == RATE
    return found.astype(int)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exps")
    about = {"errors": lambda trial, *_: int(trial.budget < 0.005), "accent": True}
    return [make_exp(folder, name, **about) for name in ("ctc", "att")]


def test_versions_are_the_saved_files(pair, tmp_path):
    choices = write_hear(group_of(*pair), tmp_path, "bob-1")
    assert [one.utt for one in choices][0] == "bob-1" and len(choices) == 5
    sounds = read_script(tmp_path / choices[0].script)
    clean = samples_of(sounds["clips"][0])
    files = [read_table(exp / "attack_pgd" / "test" / "wav.scp") for exp in pair]
    seen = set()
    for version in sounds["versions"]:
        change = samples_of(sounds["clips"][version["audio"]])
        trial = "noise" if "noise" in version["attack"] else f"pgd_{version['attack']}"
        key = f"bob-1-{trial}_linf{version['budget']}"
        wavs = files[["ctc", "att"].index(version["system"])]
        saved, _ = soundfile.read(wavs[key], dtype="int16")
        assert not version["whole"]
        assert np.array_equal(clean + change, saved)
        seen.add((version["system"], key))
    # Two attackers and noise, at three budgets, on two systems
    assert len(seen) == len(sounds["versions"]) == 18
    # All with the same budget were changed alike, and have one copy.
    assert len(sounds["clips"]) == 1 + 3


def test_what_was_meant_and_heard(pair, tmp_path):
    [choice, *_] = write_hear(group_of(*pair), tmp_path, "ann-0")
    sounds = read_script(tmp_path / choice.script)
    assert choice.said == sounds["said"] == "a truth of five words"
    by_budget = {
        one["budget"]: one
        for one in sounds["versions"]
        if one["system"] == "ctc" and one["attack"] == "multitask"
    }
    missed, found = by_budget["0.001"], by_budget["0.008"]
    assert missed["heard"][:2] == [["x0", "other"], ["word1", "wanted"]]
    assert not missed["success"] and found["success"]
    assert found["outcome"].startswith("The attacker got every word.")
    assert "Word errors against what the attacker wanted: 1, of 10" in missed["outcome"]
    assert "Recognised accent: us (true: us)." in missed["outcome"]
    assert [mark for _, mark in found["heard"]] == ["wanted"] * 10


def test_they_fit_into_so_many_bytes(pair, tmp_path, monkeypatch):
    group = group_of(*pair)
    write_hear(group, tmp_path, "ann-0")
    size = read_script(tmp_path / "audio/hear_1.js")
    one = sum(map(len, size["clips"]))
    monkeypatch.setattr(hear, "MOST_BYTES", 2 * one)
    assert len(write_hear(group, tmp_path, "ann-0")) == 2
    assert sorted(path.name for path in (tmp_path / "audio").iterdir()) == [
        "hear_1.js",
        "hear_2.js",
    ]
    # Of a single one that is too long: the attacks, before what they are compared with
    monkeypatch.setattr(hear, "MOST_BYTES", one - 1)
    assert len(write_hear(group, tmp_path, "ann-0")) == 1
    left = read_script(tmp_path / "audio/hear_1.js")
    assert 0 < sum(map(len, left["clips"])) < one
    assert {v["attack"] for v in left["versions"]} >= {"multitask", "accent_blind"}


def test_the_smallest_budget_is_one_of_the_choices(tmp_path):
    found = {"chain": {"ann-0": [(0.001, 4), (0.0015, 0)], "bob-0": [(0.001, 3)]}}
    about = {"speakers": ("ann", "bob"), "utts_per_speaker": 1, "budgets": (0.001,)}
    exp = make_curve_exp(tmp_path, "ctc", found, audio=True, **about)
    choices = write_hear(group_of(exp), tmp_path / "out", "ann-0")
    said = []
    for choice in choices:
        versions = read_script(tmp_path / "out" / choice.script)["versions"]
        said += [one["budget"] for one in versions if ":" in one["budget"]]
    assert said == [
        "0.0015: the smallest that was found",
        "0.001: the nearest that was found",
    ]


def test_attacks_without_a_target(tmp_path):
    trials = [CLEAN, replace(make_trial("pgd", "untargeted"), words="away")]
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 0, trials=trials)
    [choice, *_] = write_hear(group_of(exp), tmp_path / "out", "")
    [version] = read_script(tmp_path / "out" / choice.script)["versions"]
    assert version["wanted"] == "anything but what was said"
    assert "Word errors against what was said: 5, of 5" in version["outcome"]
    assert {mark for _, mark in version["heard"]} == {"other"}


def test_without_a_target_it_does_not_matter_whether_it_can_be_heard(tmp_path):
    trials = [CLEAN, replace(make_trial("pgd", "untargeted"), words="away")]
    exp = make_exp(
        tmp_path, "ctc", errors=lambda *_: 0, trials=trials, infeasible=["ann-0"]
    )
    [choice, *_] = write_hear(group_of(exp), tmp_path / "out", "ann-0")
    assert choice.utt == "ann-0"
    assert read_script(tmp_path / "out" / choice.script)["versions"]


def test_what_controls_are_made_of_is_said(tmp_path):
    trials = [CLEAN, make_trial("pgd", "x"), make_trial("noise")]
    trials.append(replace(make_trial("noise"), name="shuffled", attack="shuffled"))
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 1, trials=trials)
    [choice, *_] = write_hear(group_of(exp), tmp_path / "out", "")
    versions = read_script(tmp_path / "out" / choice.script)["versions"]
    wanted = {one["attack"]: one["wanted"] for one in versions}
    assert wanted["random noise, for comparison"] == "nothing: it is random"
    shuffled = "what another recording was attacked with, for comparison"
    assert "made for another recording" in wanted[shuffled]


def test_examples_of_names_that_differ_in_signs_are_two_files(tmp_path):
    about = {"errors": lambda trial, *_: int(trial.budget < 0.005)}
    exps = [make_exp(tmp_path, name, **about) for name in ("ctc-1", "ctc_1")]
    example = find_example(group_of(*exps))
    files = [name for *_, name in write_example(example, tmp_path / "out")]
    assert len(set(files)) == len(files) == 4  # untouched, perturbation, two attacked
    assert all((tmp_path / "out" / name).is_file() for name in files)


def test_without_audio_there_is_nothing_to_hear(tmp_path):
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 1, audio=False)
    assert write_hear(group_of(exp), tmp_path / "out", "ann-0") == []
    assert not (tmp_path / "out").exists()
