"""What the model cannot write is said before anything is attacked."""

import json
import logging
from dataclasses import replace

import pytest
import toy_attack
from toy_victim import ToyVictim

from espnet_mtl.attack.attackers import AttackerConfig
from espnet_mtl.attack.runner.feasibility import (
    explain_infeasible,
    warn_of_sources,
)
from espnet_mtl.data.tables import read_table, write_table
from espnet_mtl.errors import UserError

TOO_LONG = " ".join(9 * "abcdefgh")


def set_targets(data_dir, *targets):
    """Give the utterances these targets, the last one to all that are left."""
    utts = list(read_table(data_dir / "text"))
    padded = [*targets, *targets[-1:] * (len(utts) - len(targets))]
    write_table(data_dir / "text_target", dict(zip(utts, padded, strict=True)))


def make_job(data_dir, tmp_path, config=toy_attack.CONFIG):
    victim = ToyVictim()
    test_set = toy_attack.read(data_dir, config)
    return victim, toy_attack.make_job(victim, config, test_set, tmp_path / "out")


def test_nothing_left_to_count_is_refused_before_any_gradient(data_dir, tmp_path):
    set_targets(data_dir, "x", TOO_LONG, "dog")
    with pytest.raises(UserError) as error:
        make_job(data_dir, tmp_path)
    said = str(error.value)
    assert "nothing would be left to count" in said and "any of the 7 targets" in said
    assert "1 too long for the audio" in said and "give shorter targets" in said
    assert "spk0-2: 'a b c" in said and "72 frames needed, 12 there" in said
    assert len(said) < 1000  # long sentences are cut
    assert "6 with words or characters that the model does not know" in said
    assert "spk0-0: 'x', it comes back as '<unk>'" in said
    assert not (tmp_path / "out").exists()


def test_the_command_refuses_it_too(data_dir, tmp_path):
    set_targets(data_dir, "x")
    with pytest.raises(UserError, match="nothing would be left to count"):
        toy_attack.run(data_dir, tmp_path / "out")


def test_one_feasible_target_is_enough(data_dir, tmp_path):
    set_targets(data_dir, "h a", "x")
    toy_attack.run_and_merge(data_dir, tmp_path / "out")
    lines = map(json.loads, (tmp_path / "out" / "records.jsonl").open())
    reasons = {
        line["utt"]: line["infeasible"] and line["infeasible"]["reason"]
        for line in lines
    }
    assert reasons.pop("spk0-0") is None
    assert set(reasons.values()) == {"unknown"}


def test_an_attack_without_a_target_needs_none_that_can_be_reached(data_dir, tmp_path):
    set_targets(data_dir, "x")
    away = {"a": AttackerConfig(words="away")}
    make_job(data_dir, tmp_path, replace(toy_attack.CONFIG, attackers=away))


def test_truths_and_targets_that_cannot_be_written_are_named(
    data_dir, tmp_path, caplog
):
    texts = read_table(data_dir / "text")
    write_table(data_dir / "text", {**texts, "spk0-2": "c☃", "spk1-3": "de"})
    set_targets(data_dir, "h a", "ah", "x", "h a")
    _, job = make_job(data_dir, tmp_path)
    with caplog.at_level(logging.WARNING):
        job.warn()
    truths, targets = (record.getMessage() for record in caplog.records)
    assert truths.startswith("2 of 7 transcripts cannot be written by this model")
    assert "spk0-2: 'c☃' comes back as 'c <unk>'" in truths
    assert "spk1-3: 'de' comes back as 'd e'" in truths
    assert "tokens and a cleaner that keep them" in truths
    assert targets.startswith("2 of 7 targets cannot be reached by any attack")
    assert "1 with words or characters that the model does not know" in targets
    assert "1 that the model's own cleaner or tokenizer changes" in targets
    assert "spk0-2: 'ah', it comes back as 'a h'" in targets


def test_sources_that_cannot_say_a_target_are_named(data_dir, tmp_path, caplog):
    """What an attack on them leaves says nothing of the victim."""
    set_targets(data_dir, "h a", "x", "h a")
    test_set = toy_attack.read(data_dir, toy_attack.CONFIG)
    warn_of_sources({"other.zip": ToyVictim()}, test_set)
    [record] = caplog.records
    assert record.getMessage().startswith("other.zip: 1 of 7 targets cannot be reached")
    set_targets(data_dir, "h a")
    warn_of_sources({"z": ToyVictim()}, toy_attack.read(data_dir, toy_attack.CONFIG))
    assert len(caplog.records) == 1


def test_what_can_be_written_gives_no_warning(data_dir, tmp_path, caplog):
    _, job = make_job(data_dir, tmp_path)
    job.warn()
    assert caplog.records == []


def test_without_ctc_no_target_is_too_long():
    victim = ToyVictim({"att": 1.0})
    assert explain_infeasible(victim, 80, "a b c d") is None
    assert explain_infeasible(victim, 80, "abcd").reason == "rewritten"


def test_the_merge_counts_utterances_and_says_why(data_dir, tmp_path, caplog):
    set_targets(data_dir, "h a", "x", "ah", "h a")
    with caplog.at_level(logging.INFO):
        toy_attack.run_and_merge(data_dir, tmp_path / "out")
    said = [record.getMessage() for record in caplog.records]
    assert any(
        line.endswith("7 utterances attacked in 7 trials: 49 files") for line in said
    )
    assert any(
        line.startswith("2 of the 7 utterances have a target that no attack can reach")
        and "does not know" in line
        for line in said
    )
    assert any(
        "49/49 files (attack; 7 utterances in 7 trials)" in line for line in said
    )
