"""Stage 4: what is too long or too short is left out, of every table."""

import logging

import pytest

from espnet_mtl.bin.remove_long_short import main
from espnet_mtl.data.datadir import REQUIRED_FILES, load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError

SECONDS = {"ann-1": 0.1, "ann-2": 0.2, "bob-1": 1.0, "bob-2": 2.0}


@pytest.fixture
def formatted(data_dir):
    lengths = {utt: str(round(8000 * s)) for utt, s in SECONDS.items()}
    write_data_dir(data_dir, {"utt2num_samples": lengths})
    return data_dir


def run(source, target, shortest=0.1, longest=2.0):
    limits = ["--min_wav_duration", str(shortest), "--max_wav_duration", str(longest)]
    main(["--fs", "8k", *limits, str(source), str(target)])


@pytest.mark.parametrize(
    "shortest, longest, kept",
    [
        (0.1, 2.0, ["ann-2", "bob-1"]),  # The limits themselves are out, as in ESPnet.
        (0.09, 2.1, ["ann-1", "ann-2", "bob-1", "bob-2"]),
        (0.5, 20.0, ["bob-1", "bob-2"]),
    ],
)
def test_the_rest_is_a_sound_directory(formatted, tmp_path, shortest, longest, kept):
    run(formatted, tmp_path / "some", shortest, longest)
    tables = load_data_dir(tmp_path / "some", (*REQUIRED_FILES, "utt2num_samples"))
    before = load_data_dir(formatted)
    assert list(tables["text"]) == kept
    assert tables["utt2accent"] == {utt: before["utt2accent"][utt] for utt in kept}
    assert len(load_data_dir(formatted)["text"]) == 4


def test_what_is_left_out_is_counted(formatted, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("espnet_mtl.bin.remove_long_short.setup_logging", lambda: None)
    caplog.set_level(logging.INFO)
    run(formatted, tmp_path / "some")
    assert (
        "kept 2 of 4: left out 1 of at most 0.1 s, 1 of at least 2.0 s, 0 with empty "
        "text" in caplog.text
    )


def test_nothing_left_is_an_error(formatted, tmp_path):
    with pytest.raises(DataDirError, match="no utterance is left .*--min_wav_duration"):
        run(formatted, tmp_path / "some", shortest=5.0, longest=9.0)
    assert not (tmp_path / "some").exists()


@pytest.mark.parametrize("name", ["utt2num_samples", "text", "utt2accent"])
def test_a_lost_line_is_an_error_and_not_a_lost_utterance(formatted, tmp_path, name):
    lines = (formatted / name).read_text().splitlines(keepends=True)
    (formatted / name).write_text("".join(lines[:2] + lines[3:]))
    with pytest.raises(DataDirError, match=rf"{name}: no line for .*\(bob-1\)"):
        run(formatted, tmp_path / "some")


def test_empty_text_is_left_out_of_every_table(formatted, tmp_path, edit):
    edit(formatted / "text", "bob-1 say 1 again", "bob-1")
    (formatted / "utt2mood").write_text("".join(f"{u} glad\n" for u in SECONDS))
    run(formatted, tmp_path / "some", longest=2.1)
    tables = load_data_dir(tmp_path / "some", (*REQUIRED_FILES, "utt2mood"))
    assert list(tables["text"]) == ["ann-2", "bob-2"]
    assert list(tables["utt2mood"]) == ["ann-2", "bob-2"]


def test_only_empty_text_is_an_error(formatted, tmp_path):
    (formatted / "text").write_text("".join(f"{utt}\n" for utt in SECONDS))
    with pytest.raises(DataDirError, match="4 with empty text.*fill in 'text'"):
        run(formatted, tmp_path / "some", shortest=0.0, longest=9.0)


def test_what_is_left_of_each_accent_is_told_and_what_is_not_is_listed(
    formatted, tmp_path, monkeypatch, caplog, capsys
):
    monkeypatch.setattr("espnet_mtl.bin.remove_long_short.setup_logging", lambda: None)
    run(formatted, tmp_path / "some", shortest=0.5, longest=2.5)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["some", "north", "0", "2", "0%", "0.00", "0.00"] in rows
    assert ["some", "south", "2", "2", "100%", "0.00", "0.00"] in rows
    assert ["some", "all", "2", "4", "50%", "0.00", "0.00"] in rows
    listed = (tmp_path / "some" / "left_out.tsv").read_text().splitlines()
    assert listed == [
        "utterance\treason\tseconds\taccent",
        "ann-1\tshort\t0.10\tnorth",
        "ann-2\tshort\t0.20\tnorth",
    ]
    [warning] = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert "some: 2 of 4 utterances are left" in warning
    assert "nothing is left of the accent 'north' (2 utterances)" in warning
    run(formatted, tmp_path / "some", shortest=0.05, longest=2.5)
    assert not (tmp_path / "some" / "left_out.tsv").exists()
    assert capsys.readouterr().out == ""


def test_the_longest_is_told(formatted, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("espnet_mtl.bin.remove_long_short.setup_logging", lambda: None)
    run(formatted, tmp_path / "some", longest=1.0)
    assert "(the longest utterance has 2.0 s)" in caplog.text
