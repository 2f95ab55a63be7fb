"""Stage 1 says what stages 3 and 4 will do, of all sets at once."""

import shutil

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin import survey_audio
from espnet_mtl.data import headers
from espnet_mtl.data.errors import DataDirError

RATE = 8000


@pytest.fixture
def sets(data_dir, monkeypatch):
    """Three sets with audio of their own: train, valid, test."""
    monkeypatch.setattr(survey_audio, "setup_logging", lambda: None)
    folders = [data_dir]
    for name in ("valid", "test"):
        folder = data_dir.parent / name
        shutil.copytree(data_dir, folder)
        table = (folder / "wav.scp").read_text().replace("/train/", f"/{name}/")
        (folder / "wav.scp").write_text(table)
        folders.append(folder)
    return folders


def run(sets, *options):
    trained, tested = map(str, sets[:2]), map(str, sets[2:])
    survey_audio.main([*options, "--trained", *trained, "--tested", *tested])


def remarks(sets):
    path = sets[0].parent / "audio_remarks.tsv"
    if not path.exists():
        return []
    return [line.split("\t") for line in path.read_text().splitlines()[1:]]


def write(path, seconds, channels=1):
    shape = (round(RATE * seconds), channels)
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, shape), RATE)


def test_nothing_is_said_where_nothing_is_wrong(sets, capsys, caplog):
    run(sets)
    assert capsys.readouterr().out == ""
    assert not [r for r in caplog.records if r.levelname == "WARNING"]
    assert remarks(sets) == []


def test_what_stage_4_will_leave_out_is_told(sets, capsys, caplog):
    write(sets[0] / "ann-1.wav", 21)
    write(sets[1] / "bob-1.wav", 25)
    write(sets[1] / "bob-2.wav", 30)
    write(sets[2] / "bob-2.wav", 30)  # nothing is taken out of a test set
    run(sets)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["train", "north", "1", "2", "50%", "0.00", "0.01"] in rows
    assert ["valid", "south", "0", "2", "0%", "0.00", "0.02"] in rows
    assert not [row for row in rows if row[0] == "test"]
    [warning] = [r.message for r in caplog.records if "Stage 4" in r.message]
    assert "--max_wav_duration" in warning
    assert "(the longest utterance has 30.0 s)" in warning
    assert "nothing is left of the accent 'south' (2 utterances)" in warning
    assert [row[:2] for row in remarks(sets)] == [
        ["train", "ann-1"],
        ["valid", "bob-1"],
        ["valid", "bob-2"],
        ["test", "bob-2"],  # too slow for its text
    ]
    assert remarks(sets)[0][2:4] == ["north", "21.00"]
    assert "left out by stage 4: long (21.0 s)" in remarks(sets)[0][4]
    run(sets, "--max_wav_duration", "40")
    assert capsys.readouterr().out == ""


def test_channels_of_all_sets_are_told_at_once(sets, caplog):
    write(sets[0] / "ann-1.wav", 1, channels=2)
    write(sets[0] / "ann-2.wav", 1, channels=2)
    write(sets[2] / "bob-1.wav", 1, channels=3)
    with pytest.raises(DataDirError) as caught:
        run(sets)
    message = str(caught.value)
    assert f"2 of 4 utterances of {sets[0]} have 2 channels" in message
    assert f"1 of 4 utterances of {sets[2]} have 3 channels" in message
    assert "--channels mix takes their mean, --channels first" in message
    assert "sox" not in message
    assert ["test", "bob-1", "south", "1.00", "3 channels"] in remarks(sets)
    caplog.set_level("INFO")
    run(sets, "--channels", "mix")
    assert "have 3 channels; --channels mix makes one of them" in caplog.text


def test_parts_of_stereo_recordings_may_be_speakers_on_the_telephone(sets, caplog):
    for name in ("1", "2"):
        write(sets[0] / f"{name}.wav", 2, channels=2)
    (sets[0] / "wav.scp").write_text(f"rec1 {sets[0]}/1.wav\nrec2 {sets[0]}/2.wav\n")
    (sets[0] / "segments").write_text(
        "ann-1 rec1 0 0.7\nann-2 rec1 0.7 -1\nbob-1 rec2 0 1\nbob-2 rec2 1 1.5\n"
    )
    with pytest.raises(DataDirError, match=r"'call1-A sox call1.wav -t wav - remix 1 "):
        run(sets)
    run(sets, "--channels", "mix")
    assert "if each channel has a speaker of its own" in caplog.text
    caplog.clear()
    run(sets, "--channels", "first")
    assert "if each channel has a speaker" not in caplog.text


def test_audio_that_is_cut_short_is_told_of_all_sets(sets, caplog):
    for path in (sets[0] / "ann-1.wav", sets[2] / "bob-2.wav"):
        path.write_bytes(path.read_bytes()[:3000])
    (sets[1] / "ann-2.wav").unlink()
    with pytest.raises(DataDirError) as caught:
        run(sets, "--max_bad_audio", "0.1")
    for path in sets:
        said = f"{path}: 1 of 4 utterances have unusable audio; repair them, or"
        assert said in str(caught.value)
    assert "ann-1: cut short: 0.50 s by its header, but 0.18 s" in str(caught.value)
    assert "ann-2: no such file" in str(caught.value)
    run(sets, "--max_bad_audio", "0.25")
    assert "1 of 4 utterances have unusable audio; stage 3 will leave" in caplog.text


def test_texts_that_hardly_belong_to_their_audio_are_listed(sets, edit, caplog):
    edit(sets[0] / "text", "say 1 again\nbob-2", f"{'say it ' * 20}\nbob-2")
    run(sets)
    assert "train: 1 of 4 utterances have more than 30 letters a second" in caplog.text
    [row] = remarks(sets)
    assert row[1] == "bob-1"
    assert row[4] == "too fast: 143 letters a second"


def test_commands_are_not_run_and_counted(sets, edit, tmp_path, caplog):
    caplog.set_level("INFO")
    edit(sets[0] / "wav.scp", f"{sets[0]}/bob-1.wav", f"touch {tmp_path}/harm |")
    run(sets)
    assert "train/wav.scp: 1 recordings are commands" in caplog.text
    assert not (tmp_path / "harm").exists()


def test_what_stage_1_has_opened_is_not_opened_again(sets, monkeypatch):
    run(sets)
    opened = []
    monkeypatch.setattr(headers, "look_at", opened.append)
    run(sets)
    assert opened == []
    (sets[0].parent / "corpus").mkdir()
    (sets[0].parent / "headers.jsonl").rename(sets[0].parent / "corpus/headers.jsonl")
    run(sets)
    assert opened == []
