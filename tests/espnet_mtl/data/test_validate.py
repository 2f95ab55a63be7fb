"""The check of a data directory, as stage 1 runs it."""

import logging

import pytest

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.validate import main


def test_a_sound_directory_is_counted(data_dir, monkeypatch, caplog):
    monkeypatch.setattr("espnet_mtl.data.validate.setup_logging", lambda: None)
    caplog.set_level(logging.INFO)
    main([str(data_dir)])
    assert "4 utterances of 2 speakers" in caplog.text
    assert "wav.scp, text, utt2accent agree" in caplog.text


@pytest.mark.parametrize(
    "name, old, new, fault",
    [
        ("utt2accent", "ann-2 north\n", "", r"utt2accent: no line for .* \(ann-2\)"),
        ("utt2accent", "bob-1 ", "bob-11 ", "utt2accent: no line for"),
        (
            "text",
            "say 1 again\nann-2",
            "\nann-2",
            "text:1: nothing stands after 'ann-1'",
        ),
        ("utt2spk", "ann-2", "ann-1", "utt2spk:2: 'ann-1' is there twice"),
        ("utt2spk", "ann-1", "cat-1", "utt2spk:2: 'ann-2' is out of order"),
        ("spk2utt", "ann ann-1 ann-2\n", "", "spk2utt: differs from what utt2spk says"),
    ],
)
def test_faults_are_named(data_dir, edit, name, old, new, fault):
    edit(data_dir / name, old, new)
    with pytest.raises(DataDirError, match=fault):
        main([str(data_dir)])


@pytest.mark.parametrize(
    "name, option",
    [("text", "--no-text"), ("wav.scp", "--no-wav"), ("utt2accent", "--no-accent")],
)
def test_a_table_can_be_left_out(data_dir, name, option):
    (data_dir / name).unlink()
    main([option, str(data_dir)])
    with pytest.raises(DataDirError, match=f"{name}: no such file"):
        main([str(data_dir)])
