"""The check of a data directory, as stage 1 runs it."""

import logging

import pytest

from espnet_mtl.bin.validate_data_dir import main
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tools.validate import validate_data_dir


def test_a_sound_directory_is_counted(data_dir, monkeypatch, caplog):
    monkeypatch.setattr("espnet_mtl.bin.validate_data_dir.setup_logging", lambda: None)
    caplog.set_level(logging.INFO)
    main([str(data_dir)])
    assert "4 utterances of 2 speakers" in caplog.text
    assert "wav.scp, text, utt2accent agree" in caplog.text


@pytest.mark.parametrize(
    "name, old, new, fault",
    [
        ("utt2accent", "ann-2 north\n", "", r"utt2accent: no line for .* \(ann-2\)"),
        ("utt2accent", "bob-1 ", "bob-11 ", "utt2accent: no line for"),
        ("utt2spk", "ann-2", "ann-1", "utt2spk:2: 'ann-1' occurs twice"),
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


def test_text_may_be_empty_where_that_is_asked(data_dir, edit):
    edit(data_dir / "text", "ann-2 say 2 again\n", "ann-2\n")
    with pytest.raises(DataDirError, match="text:2: no value after 'ann-2'"):
        main([str(data_dir)])
    main(["--empty-text", str(data_dir)])


def test_an_order_of_speakers_that_kaldi_refuses_is_explained(data_dir, edit):
    edit(data_dir / "utt2spk", "ann-2 ann\nbob-1 bob", "ann-2 carl\nbob-1 bob")
    (data_dir / "spk2utt").unlink()
    with pytest.raises(DataDirError) as caught:
        main([str(data_dir)])
    assert str(caught.value).startswith(
        f"{data_dir / 'utt2spk'}:3: 'bob-1' of speaker 'bob' comes after 'ann-2' of "
        "'carl': sorted by speaker first"
    )
    main(["--no-spk-sort", str(data_dir)])


def test_ids_need_not_begin_with_their_speaker(data_dir, edit):
    for utt in ("ann-1", "ann-2"):
        edit(data_dir / "utt2spk", f"{utt} ann", f"{utt} aaron")
    (data_dir / "spk2utt").unlink()
    main([str(data_dir)])


@pytest.mark.parametrize(
    "name, content, fault",
    [
        ("utt2age", "carl-1 30\nbob-1 2\n", "utt2age:2: 'bob-1' is out of order"),
        ("utt2age", "bob-1 3\ncarl-1 2\n", "utt2age:2: there is no utterance 'carl-1'"),
        ("utt2lang", "ann-1 en\n", r"utt2lang: no line for 3 utterances \(ann-2, "),
        ("spk2gender", "ann f\n", r"spk2gender: no line for 1 speaker \(bob\)"),
        ("spk2gender", "ann x\nbob m\n", "spk2gender:1: 'x' after 'ann'; write 'f' or"),
        ("reco2dur", "ann-1 1.5\nrec 2\n", "reco2dur:2: there is no recording 'rec'"),
        (
            "accent2utt",
            "north ann-1\n",
            "accent2utt: differs from what utt2accent says",
        ),
        (
            "utt2dur",
            "ann-1 1.5\nann-2 0\nbob-1 1\nbob-2 1\n",
            "utt2dur:2: '0' after 'ann-2'; write seconds above 0",
        ),
        (
            "utt2num_samples",
            "ann-1 8000\nann-2 7e3\nbob-1 1\nbob-2 1\n",
            "utt2num_samples:2: '7e3' after 'ann-2'; write a number of samples",
        ),
    ],
)
def test_other_tables_are_checked_too(data_dir, name, content, fault):
    (data_dir / name).write_text(content)
    with pytest.raises(DataDirError, match=fault):
        main([str(data_dir)])


def test_a_table_of_the_users_own_may_lack_lines(data_dir, add_tables, caplog):
    add_tables(data_dir)
    validate_data_dir(data_dir)
    assert f"{data_dir / 'utt2age'}: no line for 1 utterance (ann-1)" in caplog.text


@pytest.mark.parametrize("character", ["\x07", "\x1b", "\ue000"])
def test_characters_that_cannot_be_printed_are_named(data_dir, edit, character):
    edit(data_dir / "text", "say 2 again\nbob-1", f"say{character}2\nbob-1")
    with pytest.raises(DataDirError, match="text:2: 'ann-2' has the character '"):
        main([str(data_dir)])
    main(["--non-print", str(data_dir)])


def test_invisible_joiners_of_a_script_are_text(data_dir, edit):
    edit(data_dir / "text", "ann-1 say", "ann-1 \u0646\u0645\u06cc\u200c\u062e")
    main([str(data_dir)])


def test_a_home_directory_in_wav_scp_is_refused(data_dir, edit):
    edit(data_dir / "wav.scp", f"ann-2 {data_dir}", "ann-2 ~/audio")
    with pytest.raises(DataDirError, match="wav.scp:2: '~/audio.*write the whole path"):
        main([str(data_dir)])


def test_a_speaker_is_one_word(data_dir, edit):
    edit(data_dir / "utt2spk", "ann-1 ann\n", "ann-1 ann smith\n")
    with pytest.raises(DataDirError, match="utt2spk:1: 'ann smith' after 'ann-1' is"):
        main([str(data_dir)])


def test_segments_need_their_recordings(segmented_dir, add_tables):
    add_tables(segmented_dir)
    main([str(segmented_dir)])
    (segmented_dir / "wav.scp").unlink()
    with pytest.raises(DataDirError, match="wav.scp: no such file, but there is 'segm"):
        main(["--no-wav", str(segmented_dir)])


def test_spk2utt_may_be_absent_and_options_of_kaldi_are_taken(data_dir):
    (data_dir / "spk2utt").unlink()
    main(["--no-feats", "--no_spk_sort", "--non-print", str(data_dir)])
