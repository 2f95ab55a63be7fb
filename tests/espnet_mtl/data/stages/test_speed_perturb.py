"""Stage 2: speed perturbation."""

from pathlib import Path

import numpy as np
import pytest

from espnet_mtl.data.audio import read_audio, write_audio
from espnet_mtl.data.datadir import load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.stages.speed_perturb import change_speed, main, read_factors
from espnet_mtl.data.tables import read_table
from espnet_mtl.data.tools.combine import combine_data_dirs
from espnet_mtl.data.tools.copy_dir import copy_data_dir

RATE = 8000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "train"
    folder.mkdir()
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    write_audio(folder / "a.wav", tone, RATE)
    tables = {
        "wav.scp": {"ann-1": str(folder / "a.wav")},
        "text": {"ann-1": "good day"},
        "utt2spk": {"ann-1": "ann"},
        "utt2accent": {"ann-1": "north"},
    }
    write_data_dir(folder, tables)
    return folder


def test_copies_keep_text_and_accent_and_get_speakers_of_their_own(source, tmp_path):
    target = tmp_path / "train_sp"
    main(["--factors", "0.9 1.0 1.1", "--num_jobs", "2", str(source), str(target)])
    tables = load_data_dir(target)
    assert list(tables["text"]) == ["ann-1", "sp0.9-ann-1", "sp1.1-ann-1"]
    assert set(tables["text"].values()) == {"good day"}
    assert set(tables["utt2accent"].values()) == {"north"}
    assert tables["utt2spk"]["sp0.9-ann-1"] == "sp0.9-ann"
    slow = read_audio(tables["wav.scp"]["sp0.9-ann-1"], RATE)
    assert abs(len(slow) - RATE / 0.9) <= 1
    assert tables["wav.scp"]["ann-1"] == str(source / "a.wav")


def test_tables_of_the_users_own_survive_but_not_what_is_of_the_old_audio(
    data_dir, add_tables, tmp_path
):
    add_tables(data_dir)
    (data_dir / "utt2dur").write_text(
        "".join(f"{utt} 0.5\n" for utt in load_data_dir(data_dir)["text"])
    )
    target = tmp_path / "train_sp"
    main(["--factors", "0.9 1.0", str(data_dir), str(target)])
    text = load_data_dir(target, ["text", "text.de", "text_target"])
    assert text["text"]["sp0.9-bob-2"] == text["text"]["bob-2"] == "say 2 again"
    assert text["text.de"]["sp0.9-bob-2"] == "sag es noch einmal"
    assert (target / "utt2age").read_text().split() == [
        *("ann-2", "30", "bob-1", "30", "bob-2", "30"),
        *("sp0.9-ann-2", "30", "sp0.9-bob-1", "30", "sp0.9-bob-2", "30"),
    ]
    assert (target / "spk2gender").read_text().splitlines() == [
        "ann f",
        "bob m",
        "sp0.9-ann f",
        "sp0.9-bob m",
    ]
    assert (
        (target / "accent2utt")
        .read_text()
        .startswith("north ann-1 ann-2 sp0.9-ann-1 sp0.9-ann-2\n")
    )
    for name in ("utt2dur", "utt2num_samples", "reco2dur", "segments"):
        assert not (target / name).exists()


def test_audio_at_its_own_speed_stays_where_it_is_commands_too(source, tmp_path, edit):
    command = f"cat {source}/a.wav |"
    edit(source / "wav.scp", f"{source}/a.wav", command)
    target = tmp_path / "train_sp"
    main(["--factors", "1.1 1", str(source), str(target)])
    values = load_data_dir(target)["wav.scp"]
    assert values == {
        "ann-1": command,
        "sp1.1-ann-1": str(target / "data" / "sp1.1-ann-1.wav"),
    }


def test_finished_it_does_nothing_another_speed_is_added(source, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        "espnet_mtl.data.stages.speed_perturb.change_speed",
        lambda samples, rate, factor: made.append(factor) or samples,
    )
    options = [str(source), str(tmp_path / "train_sp")]
    main(["--factors", "0.9 1.0", *options])
    main(["--factors", "0.9 1.0", *options])
    assert made == [0.9]
    main(["--factors", "0.9 1.0 1.1", *options])
    assert made == [0.9, 1.1]


def test_bad_audio_leaves_at_every_speed(data_dir, tmp_path):
    (data_dir / "ann-2.wav").write_bytes(b"no audio")
    target = tmp_path / "train_sp"
    options = ["--factors", "0.9 1.0", str(data_dir), str(target)]
    with pytest.raises(DataDirError, match="1 of 4 utterances have unusable audio"):
        main(options)
    main(["--max_bad_audio", "0.25", *options])
    for table in load_data_dir(target).values():
        assert len(table) == 6
        assert not {"ann-2", "sp0.9-ann-2"} & set(table)
    assert (target / "bad_audio").read_text().startswith("sp0.9-ann-2 utterance ann-2")


def test_pitch_moves_with_speed():
    tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE).astype(np.float32)
    fast = change_speed(tone, RATE, 1.25)
    spectrum = np.abs(np.fft.rfft(fast))
    peak = np.argmax(spectrum) * RATE / len(fast)
    assert abs(peak - 250) < 2
    assert np.abs(fast).max() <= 1.0


@pytest.mark.parametrize("segmented", [False, True])
def test_a_name_that_is_taken_is_told(data_dir, tmp_path, segmented):
    taken = tmp_path / "taken"
    copy_data_dir(data_dir, taken, ("sp0.9-", ""), ("sp0.9-", ""))
    both = tmp_path / "both"
    combine_data_dirs(both, [data_dir, taken])
    if segmented:
        lines = [f"{utt} {utt} 0 -1\n" for utt in read_table(both / "utt2spk")]
        (both / "segments").write_text("".join(lines))
    target = tmp_path / "target"
    with pytest.raises(
        DataDirError,
        match=r"utt2spk:5: 'sp0.9-ann-1' and 'ann-1' would both give 'sp0.9-ann-1' at "
        "the speeds 0.9, 1; give one another name",
    ):
        main(["--factors", "0.9 1.0", str(both), str(target)])
    assert not target.exists()
    main(["--factors", "1.0 1.1", str(both), str(target)])
    assert len(load_data_dir(target)["wav.scp"]) == 16


def test_a_copy_whose_name_is_too_long_is_told_by_line(source, tmp_path, edit):
    utt = "a" * 236
    for name in ("wav.scp", "text", "utt2spk", "utt2accent"):
        edit(source / name, "ann-1", utt)
    options = [str(source), str(tmp_path / "target")]
    with pytest.raises(DataDirError, match="utt2spk:1: 'aaa.*' has 236 bytes.* 234 at"):
        main(["--factors", "0.9 1.0", *options])


def test_a_check_finds_faults_of_tables_and_writes_nothing(source, tmp_path):
    options = ["--factors", "0.9 1.0", "--check", str(source), str(tmp_path / "target")]
    main(options)
    (source / "utt2accent").unlink()
    with pytest.raises(DataDirError, match="utt2accent: no such file"):
        main(options)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    "text", ["", "fast", "0.9 0.9", "0.9 0.90000001", "0", "-1", "nan", "99"]
)
def test_what_is_no_speed_is_refused(text):
    with pytest.raises(DataDirError, match="speed_perturb_factors"):
        read_factors(text)
