"""Rows and lines of a scored attack, against numbers counted by hand."""

import hashlib
import json

import pytest
import scoring_dirs as dirs

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.attack_scores import score_attack


@pytest.fixture
def attack_dir(tmp_path):
    return dirs.make_attack_dir(tmp_path / "attack")


@pytest.fixture
def hyp_dir(tmp_path):
    return dirs.make_attack_decoding(tmp_path / "hyp")


def score(attack_dir, hyp_dir):
    rows = score_attack(attack_dir, hyp_dir, "mtl", 3, "decode_ctc")
    assert json.loads((hyp_dir / "score_attack" / "results.json").read_text()) == rows
    return {row["condition"]: row for row in rows}


def test_row_of_an_attack(attack_dir, hyp_dir):
    row = score(attack_dir, hyp_dir)["pgd_multitask_linf0.01"]
    content = (attack_dir / "records.jsonl").read_bytes()
    assert row.pop("records_sha256") == hashlib.sha256(content).hexdigest()
    low, high = row.pop("adv_twer_ci")
    assert 0 <= low <= row["adv_twer"] <= high
    low, high = row.pop("adv_wer_ci")
    assert 0 <= low <= row["adv_wer"] <= high
    # Three feasible utterances of 3, 2 and 4 words, as have their targets; two reached
    keys = sorted(
        f"{u}-{name}" for u in dirs.UTTERANCES for name, *_ in dirs.CONDITIONS
    )
    places = [
        keys.index(f"{utt}-pgd_multitask_linf0.01")
        for utt in dirs.UTTERANCES
        if utt != dirs.INFEASIBLE
    ]
    assert row == {
        "system": "mtl",
        "seed": 3,
        "decoder": "decode_ctc",
        "condition": "pgd_multitask_linf0.01",
        "attack": "pgd",
        "attacker": "multitask",
        "norm": "linf",
        "budget": 0.01,
        "words": "target",
        "settings": {},
        "n": 3,
        "infeasible": 1,
        "benign_wer": 0.0,
        "null_twer": 100.0,
        "adv_twer": pytest.approx(400 / 9),
        "adv_wer": pytest.approx(500 / 9),
        "success_rate": pytest.approx(200 / 3),
        "snr_db": pytest.approx(30 + sum(places) / 3),
        "segsnr_db": 20.0,
        "accent_acc": pytest.approx(200 / 3),
        "adv_accent_acc": pytest.approx(100 / 3),
        "seconds": 3.25,
    }


def test_rows_of_clean_and_noisy_audio(attack_dir, hyp_dir):
    rows = score(attack_dir, hyp_dir)
    assert list(rows) == [name for name, *_ in dirs.CONDITIONS]
    clean, noise = rows["clean"], rows["noise_linf0.01"]
    assert clean["adv_twer"] == clean["null_twer"] == noise["adv_twer"] == 100
    assert clean["adv_wer"] == noise["adv_wer"] == 0
    assert clean["snr_db"] is None
    assert (clean["seconds"], noise["seconds"]) == (0.0, 0.5)


def test_line_of_an_utterance(attack_dir, hyp_dir):
    score(attack_dir, hyp_dir)
    path = hyp_dir / "score_attack" / "utt_scores.jsonl"
    lines = {line["key"]: line for line in map(json.loads, path.open())}
    assert len(lines) == 12
    assert lines["ann-2-pgd_multitask_linf0.01"] == {
        "key": "ann-2-pgd_multitask_linf0.01",
        "utt": "ann-2",
        "spk": "ann",
        "condition": "pgd_multitask_linf0.01",
        "feasible": True,
        "ref": "four five",
        "target": "stop here",
        "hyp": "STOP HERE",
        "edits_ref": 2,
        "words_ref": 2,
        "edits_target": 0,
        "words_target": 2,
        "success": True,
        "accent": "us",
        "hyp_accent": "us",
    }
    assert lines["bob-2-clean"]["feasible"] is False


def test_table_tells_the_direction(attack_dir, hyp_dir):
    score(attack_dir, hyp_dir)
    table = (hyp_dir / "score_attack" / "result.txt").read_text()
    assert "AdvTWER ↑" in table and "higher means that the attack failed" in table
    assert "|pgd_multitask_linf0.01|3|1|0.00|100.00|44.44|55.56|66.67|" in table


def test_system_without_accent_head(attack_dir, hyp_dir):
    (hyp_dir / "accent").unlink()
    row = score(attack_dir, hyp_dir)["clean"]
    assert row["accent_acc"] is None and row["adv_accent_acc"] is None


def test_no_feasible_target(attack_dir, hyp_dir):
    path = attack_dir / "records.jsonl"
    path.write_text(path.read_text().replace("true", "false"))
    row = score(attack_dir, hyp_dir)["pgd_multitask_linf0.01"]
    assert (row["n"], row["infeasible"]) == (0, 4)
    assert row["adv_twer"] is None and row["success_rate"] is None


def test_missing_hypothesis_is_named(attack_dir, hyp_dir):
    lines = (hyp_dir / "text").read_text().splitlines(keepends=True)
    (hyp_dir / "text").write_text("".join(lines[1:]))
    with pytest.raises(UserError, match="'ann-1-clean'"):
        score(attack_dir, hyp_dir)


def test_extra_hypothesis_is_named(attack_dir, hyp_dir):
    with (hyp_dir / "text").open("a") as file:
        file.write("eve-1-clean hello\n")
    with pytest.raises(UserError, match="text:13: 'eve-1-clean'"):
        score(attack_dir, hyp_dir)


@pytest.mark.parametrize(
    "file, old, new, says",
    [
        ("conditions.json", '"none"', '"noise"', "no condition with attack 'none'"),
        ("conditions.json", "noise_linf0.01", "other", "'noise_linf0.01', which"),
        ("conditions.json", "[", "", "damaged"),
        ("records.jsonl", "bob-1-clean", "bob-9-clean", "no record of 'bob-1-clean'"),
        ("records.jsonl", '{"key"', "key", "records.jsonl:1: damaged"),
        ("text_target", "ann-1-clean go", "ann-1-clean come", "another target"),
        ("utt2orig", "ann-1-clean ann-1", "ann-1-clean ann-2", "'ann-1' not in"),
    ],
)
def test_files_that_do_not_fit(attack_dir, hyp_dir, file, old, new, says):
    path = attack_dir / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=says):
        score(attack_dir, hyp_dir)
