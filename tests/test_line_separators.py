"""Lines end with "\\n" alone: no other separator that a text may hold ends one."""

import subprocess
import sys
from pathlib import Path

import pytest
import scoring_dirs as dirs

from espnet_mtl.bin.asr_mtl_score import main as score
from espnet_mtl.bin.lm_text import main as lm_text
from espnet_mtl.data.tables import read_lines, read_table, write_table
from espnet_mtl.results.attack_scores import read_utt_scores

ROOT = Path(__file__).parents[1]
SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
ids = [f"U+{ord(separator):04X}" for separator in SEPARATORS]
each_separator = pytest.mark.parametrize("separator", SEPARATORS, ids=ids)


def test_only_a_newline_ends_a_line_in_our_code():
    """``str.splitlines`` ends lines at all of them; tests alone may use it."""
    folders = ("espnet_mtl", "local", "egs2")
    files = [file for name in folders for file in (ROOT / name).rglob("*.py")]
    found = [str(file) for file in files if ".splitlines(" in file.read_text("utf-8")]
    assert len(files) > 100 and not found


@each_separator
def test_tables_keep_it(tmp_path, separator):
    table = {"a": f"one{separator}two", "b": "three"}
    write_table(tmp_path / "text", table)
    assert read_table(tmp_path / "text") == table
    assert len(read_lines(tmp_path / "text")) == 2


@each_separator
def test_jobs_get_whole_lines(tmp_path, separator):
    table = {f"u{n}": f"a{separator}b.wav" for n in range(4)}
    write_table(tmp_path / "wav.scp", table)
    parts = [tmp_path / "part.1", tmp_path / "part.2"]
    split_scp = ROOT / "egs2/TEMPLATE/asr_mtl1/utils/split_scp.py"
    subprocess.run(
        [sys.executable, split_scp, tmp_path / "wav.scp", *parts], check=True
    )
    assert {k: v for part in parts for k, v in read_table(part).items()} == table


@each_separator
def test_a_decoding_finds_its_utterances(tmp_path, separator):
    from espnet_mtl.inference.decode import Utterances

    table = {f"u{n}": f"a{separator}b.wav" for n in range(3)}
    write_table(tmp_path / "keys", table)
    utterances = Utterances(
        tables=[],
        key_file=str(tmp_path / "keys"),
        dtype="float32",
        num_workers=0,
        allow_variable_data_keys=False,
    )
    assert utterances.keys() == list(table)


@each_separator
def test_the_scores_of_an_attack_are_read_as_they_were_written(tmp_path, separator):
    attack = dirs.make_attack_dir(tmp_path / "attack")
    hyp = dirs.make_attack_decoding(tmp_path / "decoding")
    said = read_table(attack / "text")
    write_table(
        attack / "text", {key: f"{text}{separator}now" for key, text in said.items()}
    )
    score(["stamp", "--attack_dir", str(attack), "--hyp_dir", str(hyp)])
    score(["attack", "--attack_dir", str(attack), "--hyp_dir", str(hyp)])
    refs = {one.key: one.ref for one in read_utt_scores(hyp)}
    assert refs == read_table(attack / "text")


@each_separator
def test_it_is_a_blank_to_the_tokens(tmp_path, separator):
    write_table(tmp_path / "text", {"a": f"one{separator}two", "b": "three"})
    lm_text(["--output", str(tmp_path / "lm"), str(tmp_path / "text")])
    assert read_table(tmp_path / "lm")["a"] == "one two"
