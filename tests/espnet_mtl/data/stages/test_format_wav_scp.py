"""Stage 3, against soundfile and soxr used directly."""

import errno
import logging
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from espnet_mtl.bin.format_wav_scp import main
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.stages.speed_perturb import perturb_data_dir_speed
from espnet_mtl.data.tables import write_table
from espnet_mtl.errors import run_main

RATE = 8000


def run(source: Path, target: Path, rate: str = "8k", kind: str = "flac") -> None:
    main(
        [
            "--fs",
            rate,
            "--audio_format",
            kind,
            "--num_jobs",
            "2",
            str(source),
            str(target),
        ]
    )


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "dump" / "train"


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_16_bit_audio_at_the_right_rate_stays_as_it_is(data_dir, target, kind):
    run(data_dir, target, kind=kind)
    before, after = load_data_dir(data_dir), load_data_dir(target)
    for utt, path in before["wav.scp"].items():
        assert after["wav.scp"][utt] == str(target / f"data/8000/{utt}.{kind}")
        info = soundfile.info(after["wav.scp"][utt])
        assert (info.samplerate, info.channels, info.subtype) == (RATE, 1, "PCM_16")
        expected, _ = soundfile.read(path, dtype="int16")
        found, _ = soundfile.read(after["wav.scp"][utt], dtype="int16")
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("rate", [16000, 5512, 11025])
def test_another_rate_is_resampled_as_soxr_does(data_dir, target, rate):
    run(data_dir, target, str(rate))
    lengths = load_data_dir(target, ["utt2num_samples"])["utt2num_samples"]
    for utt, path in load_data_dir(data_dir)["wav.scp"].items():
        expected = soxr.resample(soundfile.read(path, dtype="float32")[0], RATE, rate)
        found, found_rate = soundfile.read(target / f"data/{rate}/{utt}.flac")
        assert found_rate == rate
        assert lengths[utt] == str(len(found))
        np.testing.assert_allclose(found, expected.clip(-1, 1), atol=0.51 / 32768)


def test_targets_of_the_users_own_come_along_and_drawn_ones_go(data_dir, target):
    target.mkdir(parents=True)
    (target / "text_target").write_text("drawn for other data\n")
    run(data_dir, target)
    assert not (target / "text_target").exists()
    own = "".join(f"{utt} go away\n" for utt in load_data_dir(data_dir)["text"])
    (data_dir / "text_target").write_text(own)
    run(data_dir, target)
    assert (target / "text_target").read_text() == own


def test_tables_come_along_and_the_source_stays(data_dir, target):
    before = {path: path.read_bytes() for path in data_dir.iterdir()}
    run(data_dir, target)
    assert {path: path.read_bytes() for path in data_dir.iterdir()} == before
    for name in ("text", "utt2spk", "spk2utt", "utt2accent"):
        assert (target / name).read_bytes() == (data_dir / name).read_bytes()
    assert (target / "feats_type").read_text() == "raw\n"
    assert (target / "audio_format").read_text() == "flac\n"


def test_other_files_than_16_bit_wav_are_read(data_dir, target, edit):
    samples = np.sin(np.arange(4000) / 5)
    soundfile.write(data_dir / "a.flac", 0.5 * samples, RATE, subtype="PCM_24")
    soundfile.write(data_dir / "b.mp3", 0.5 * samples, RATE)
    soundfile.write(data_dir / "c.wav", 1.2 * samples, RATE, subtype="FLOAT")
    for old, new in (("ann-1", "a.flac"), ("ann-2", "b.mp3"), ("bob-1", "c.wav")):
        edit(data_dir / "wav.scp", f"{old}.wav", new)
    run(data_dir, target)
    found = {
        utt: soundfile.read(path)[0]
        for utt, path in load_data_dir(target)["wav.scp"].items()
    }
    np.testing.assert_allclose(found["ann-1"], 0.5 * samples, atol=0.51 / 32768)
    assert found["ann-2"].std() == pytest.approx(0.5 * samples.std(), rel=0.1)
    np.testing.assert_allclose(
        found["bob-1"], (1.2 * samples).clip(-1, 1), atol=1.01 / 32768
    )


BAD_AUDIO = {
    "empty": (np.zeros(0), "empty"),
    "silent": (np.zeros(800), "silent, every sample is 0"),
    "nan": (np.full(800, np.nan), "sample 0 is not a number"),
    "stereo": (np.full((800, 2), 0.1), "2 channels"),
    "quiet": (np.full(800, 1e-6), "so quiet or short that nothing is left"),
    "loud": (np.full(800, 3e4), "the loudest sample is 30000"),
}


@pytest.mark.parametrize("name", BAD_AUDIO)
def test_bad_audio_is_refused_by_name(data_dir, target, name):
    samples, fault = BAD_AUDIO[name]
    path = data_dir / "bob-1.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with pytest.raises(DataDirError) as caught:
        run(data_dir, target)
    assert "1 of 4 utterances have unusable audio" in str(caught.value)
    assert f"utterance bob-1: {path}: {fault}" in str(caught.value)
    assert (target / "bad_audio").read_text().startswith("bob-1 utterance bob-1")
    assert not (target / "wav.scp").exists()


@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg"])
def test_half_a_file_is_refused(data_dir, target, edit, kind):
    path = data_dir / f"half.{kind}"
    soundfile.write(path, np.sin(np.arange(16000) / 5) / 2, RATE)
    edit(data_dir / "wav.scp", "bob-1.wav", path.name)
    run(data_dir, target)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataDirError, match=f"bob-1: {path}: cut short"):
        run(data_dir, target)


@pytest.mark.parametrize(
    "policy, expected", [("mix", [0.25, -0.125]), ("first", [0.5, -0.25])]
)
def test_channels_are_mixed_or_the_first_is_taken(data_dir, target, policy, expected):
    samples = np.tile([[0.5, 0.0], [-0.25, 0.0]], (400, 1))
    soundfile.write(data_dir / "bob-1.wav", samples, RATE)
    options = ["--fs", "8k", str(data_dir), str(target)]
    with pytest.raises(DataDirError, match="2 channels; give one.*--channels mix"):
        main(options)
    main(["--channels", policy, *options])
    found, _ = soundfile.read(target / "data/8000/bob-1.flac")
    np.testing.assert_array_equal(found, np.tile(expected, 400))
    other = {"mix": "first", "first": "mix"}[policy]
    main(["--channels", other, *options])  # another policy makes it anew
    assert soundfile.read(target / "data/8000/bob-1.flac")[0][0] != expected[0]


def test_channels_that_cancel_each_other_out_are_refused(data_dir, target):
    samples, _ = soundfile.read(data_dir / "bob-1.wav")
    both = np.stack([samples, -0.999 * samples], axis=1)
    soundfile.write(data_dir / "bob-1.wav", both, RATE)
    options = ["--fs", "8k", str(data_dir), str(target)]
    with pytest.raises(DataDirError, match="bob-1.wav: its channels cancel .* first"):
        main(["--channels", "mix", *options])
    main(["--channels", "first", *options])


def test_channels_are_mixed_before_the_speed_changes(data_dir, target, tmp_path):
    samples, _ = soundfile.read(data_dir / "bob-1.wav")
    run_both = {}
    for name in ("mono", "stereo"):
        if name == "stereo":
            both = np.stack([samples, samples], axis=1)
            soundfile.write(data_dir / "bob-1.wav", both, RATE)
        perturb_data_dir_speed(data_dir, tmp_path / name, [0.9])
        options = ["--fs", "8k", "--channels", "mix", str(tmp_path / name)]
        main([*options, str(target.parent / name)])
        made = target.parent / name / "data/8000/sp0.9-bob-1.flac"
        run_both[name] = soundfile.read(made)[0]
    np.testing.assert_array_equal(run_both["stereo"], run_both["mono"])


def test_channels_of_parts_may_be_speakers(segmented_dir, target, tmp_path):
    for name in ("1", "2"):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, (16000, 2)), RATE)
    (segmented_dir / "wav.scp").write_text(
        f"rec/1 {tmp_path}/1.wav\nrec/2 {tmp_path}/2.wav\n"
    )
    with pytest.raises(
        DataDirError,
        match="2 channels, and utterances are parts of it"
        r".*'call1-A sox call1.wav -t wav - remix 1 \|'.*--channels mix",
    ):
        run(segmented_dir, target)
    options = ["--fs", "8k", "--channels", "mix", str(segmented_dir), str(target)]
    main(options)
    assert len(load_data_dir(target)["wav.scp"]) == 4


def test_bad_audio_is_told_by_accent(data_dir, target, monkeypatch, caplog, capsys):
    monkeypatch.setattr("espnet_mtl.bin.format_wav_scp.setup_logging", lambda: None)
    for name in ("ann-1", "ann-2"):
        (data_dir / f"{name}.wav").unlink()
    options = ["--fs", "8k", "--max_bad_audio", "0.5", str(data_dir), str(target)]
    main(options)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["train", "north", "0", "2", "0%", "0.00", "-"] in rows
    assert ["train", "south", "2", "2", "100%", "0.00", "0.00"] in rows
    assert "nothing is left of the accent 'north' (2 utterances)" in caplog.text


def test_audio_too_short_to_resample_is_refused(data_dir, target):
    soundfile.write(data_dir / "bob-1.wav", np.full(1, 1e-4), 48000)
    with pytest.raises(DataDirError, match="bob-1.*nothing is left at 8000 Hz"):
        run(data_dir, target)


def test_all_bad_audio_is_found_in_one_run_and_mending_it_is_enough(
    data_dir, target, tmp_path
):
    whole = tmp_path / "whole"
    shutil.copytree(data_dir, whole)
    (data_dir / "ann-1.wav").unlink()
    (data_dir / "bob-2.wav").write_bytes(b"no audio")
    with pytest.raises(DataDirError, match="2 of 4"):
        run(data_dir, target)
    listed = (target / "bad_audio").read_text().splitlines()
    assert [line.split()[0] for line in listed] == ["ann-1", "bob-2"]
    assert "no such audio file" in listed[0]
    assert "unreadable" in listed[1]
    for name in ("ann-1.wav", "bob-2.wav"):
        shutil.copy(whole / name, data_dir / name)
    run(data_dir, target)
    assert len(load_data_dir(target)["wav.scp"]) == 4
    assert not (target / "bad_audio").exists()


def test_faulty_tables_stop_it_before_any_audio(data_dir, target, edit):
    edit(data_dir / "utt2accent", "bob-1 south\n", "")
    with pytest.raises(DataDirError, match=r"utt2accent: no line for .*\(bob-1\)"):
        run(data_dir, target)
    assert not target.exists()


def test_an_interrupted_second_run_leaves_no_tables_of_the_first(
    data_dir, target, fill_disk
):
    run(data_dir, target)
    fill_disk(after=2)
    with pytest.raises(OSError):
        run(data_dir, target, "16k")
    assert not (target / "wav.scp").exists()


def test_a_full_disk_ends_the_command_with_a_message(
    data_dir, target, fill_disk, monkeypatch, caplog
):
    argv = ["format_audio", "--fs", "8k", str(data_dir), str(target)]
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr("espnet_mtl.bin.format_wav_scp.setup_logging", lambda: None)
    fill_disk(after=3)
    with pytest.raises(SystemExit) as caught:
        run_main(main)
    assert caught.value.code == 1
    assert caught.value.__context__.errno == errno.ENOSPC
    assert "The disk is full" in caplog.text
    assert "Free some space and run the same command again" in caplog.text
    assert sorted(p.name for p in (target / "data/8000").iterdir()) == [
        "ann-1.flac",
        "ann-2.flac",
        "bob-1.flac",
    ]
    assert not (target / "wav.scp").exists()
    monkeypatch.undo()
    run(data_dir, target)
    assert len(load_data_dir(target)["wav.scp"]) == 4


@pytest.mark.parametrize("size", [240, 241])
def test_an_id_too_long_for_a_file_is_told_by_line(data_dir, target, edit, size):
    utt = "bob-" + "ü" * ((size - 4) // 2) + "x" * (size % 2)
    for name in ("wav.scp", "text", "utt2spk", "utt2accent"):
        edit(data_dir / name, "bob-1 ", f"{utt} ")
        lines = (data_dir / name).read_text().splitlines(keepends=True)
        (data_dir / name).write_text("".join(sorted(lines)))
    if size == 240:
        run(data_dir, target)
        return
    with pytest.raises(
        DataDirError, match="utt2spk:4: 'bob-.*' has 241 bytes, .* 240 at most; shorten"
    ):
        run(data_dir, target)


def test_a_directory_is_not_formatted_into_itself(data_dir):
    with pytest.raises(DataDirError, match="source and target are the same"):
        run(data_dir, data_dir)
    assert len(load_data_dir(data_dir)["wav.scp"]) == 4


def test_a_bad_rate_names_the_option(data_dir, target):
    with pytest.raises(DataDirError, match="--fs 16kHz: not a sampling rate"):
        run(data_dir, target, "16kHz")


def test_progress_is_logged(data_dir, target, monkeypatch, caplog):
    monkeypatch.setattr("espnet_mtl.bin.format_wav_scp.setup_logging", lambda: None)
    caplog.set_level(logging.INFO)
    run(data_dir, target)
    assert caplog.text.count("progress: 2/2 utterances (audio)") == 2  # of two jobs


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\u2028", "  "])
def test_words_have_plain_blanks_between_them(data_dir, target, blank):
    texts = load_data_dir(data_dir)["text"]
    write_table(data_dir / "text", dict.fromkeys(texts, f"one{blank}two"))
    run(data_dir, target)
    assert set(load_data_dir(target)["text"].values()) == {"one two"}
