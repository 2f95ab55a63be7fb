"""Stage 2 writes tables alone; stage 3 changes the speed."""

import io
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from espnet_mtl.bin import format_wav_scp
from espnet_mtl.bin.perturb_data_dir_speed import main
from espnet_mtl.bin.validate_data_dir import main as validate
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.sources import read_source, source_version
from espnet_mtl.data.speed import ChangedSpeed, change_speed
from espnet_mtl.data.stages import utterances
from espnet_mtl.data.stages.speed_perturb import read_factors
from espnet_mtl.data.tables import read_table, write_table
from espnet_mtl.data.tools.combine import combine_data_dirs
from espnet_mtl.data.tools.copy_dir import copy_data_dir
from espnet_mtl.data.tools.fix import fix_data_dir

RATE = 8000


def perturb(source: Path, factors: str = "0.9 1.0 1.1") -> Path:
    target = source.parent / "train_sp"
    main([factors, str(source), str(target)])
    return target


def format_to(target: Path, source: Path, *options: str) -> dict[str, str]:
    format_wav_scp.main(["--fs", "16k", *options, str(source), str(target)])
    return load_data_dir(target)["wav.scp"]


def round_to_16_bit(samples: np.ndarray, rate: int) -> np.ndarray:
    """What a 16-bit file gives back."""
    levels = np.rint(samples * 32768.0).clip(-32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, levels, rate, subtype="PCM_16", format="WAV")
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def test_a_data_directory_is_not_written_over_the_one_it_is_made_of(data_dir):
    with pytest.raises(DataDirError, match="source and target are the same"):
        main(["0.9 1.0", str(data_dir), str(data_dir)])


def test_copies_keep_text_and_accent_and_get_speakers_of_their_own(data_dir):
    target = perturb(data_dir)
    tables = load_data_dir(target)
    assert list(tables["text"])[2:6] == ["bob-1", "bob-2", "sp0.9-ann-1", "sp0.9-ann-2"]
    assert len(tables["text"]) == 12
    assert tables["text"]["sp1.1-bob-2"] == "say 2 again"
    assert tables["utt2accent"]["sp0.9-bob-1"] == "south"
    assert tables["utt2spk"]["sp0.9-ann-1"] == "sp0.9-ann"
    assert tables["wav.scp"]["ann-1"] == f"{data_dir}/ann-1.wav"
    assert not list(target.rglob("*.wav"))
    validate([str(target)])


def test_tables_of_the_users_own_survive_but_not_what_is_of_the_old_audio(
    data_dir, add_tables
):
    add_tables(data_dir)
    (data_dir / "utt2dur").write_text(
        "".join(f"{utt} 0.5\n" for utt in load_data_dir(data_dir)["text"])
    )
    target = perturb(data_dir, "0.9 1.0")
    text = load_data_dir(target, ["text", "text.de", "text_target"])
    assert text["text"]["sp0.9-bob-2"] == text["text"]["bob-2"] == "say 2 again"
    assert text["text.de"]["sp0.9-bob-2"] == "sag es noch einmal"
    assert (target / "utt2age").read_text().split() == [
        *("ann-2", "30", "bob-1", "30", "bob-2", "30"),
        *("sp0.9-ann-2", "30", "sp0.9-bob-1", "30", "sp0.9-bob-2", "30"),
    ]
    assert read_table(target / "spk2gender") == {
        **{"ann": "f", "bob": "m"},
        **{"sp0.9-ann": "f", "sp0.9-bob": "m"},
    }
    assert (
        (target / "accent2utt")
        .read_text()
        .startswith("north ann-1 ann-2 sp0.9-ann-1 sp0.9-ann-2\n")
    )
    for name in ("utt2dur", "utt2num_samples", "reco2dur", "segments"):
        assert not (target / name).exists()


def test_stage_3_rounds_to_16_bits_before_and_after_it_resamples(data_dir, tmp_path):
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1.2, 1.2, 5000)  # clipped, and finer than 16 bits
    soundfile.write(data_dir / "ann-1.wav", samples, RATE, subtype="FLOAT")
    found = format_to(tmp_path / "dump", perturb(data_dir, "0.9 1.1"))
    source = soundfile.read(data_dir / "ann-1.wav", dtype="float32")[0].clip(-1, 1)
    for factor in (0.9, 1.1):
        changed = soxr.resample(source, RATE * factor, RATE).clip(-1, 1)
        changed = round_to_16_bit(changed, RATE)
        expected = round_to_16_bit(soxr.resample(changed, RATE, 16000), 16000)
        written = soundfile.read(found[f"sp{factor}-ann-1"], dtype="float32")[0]
        np.testing.assert_array_equal(written, expected)


NAMES = ["file", "file with 'odd' name", "command", "archive"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("segmented", [False, True])
def test_the_command_prints_what_stage_3_makes(data_dir, tmp_path, name, segmented):
    path = data_dir / "bob-2.wav"
    content = path.read_bytes()
    (data_dir / "a 'b' c.wav").write_bytes(content)
    (data_dir / "x.ark").write_bytes(b"key " + content)
    values = {
        "file": str(path),
        "file with 'odd' name": str(data_dir / "a 'b' c.wav"),
        "command": f"cat '{path}' | cat |",
        "archive": f"{data_dir}/x.ark:4",
    }
    table = {utt: values[name] for utt in load_data_dir(data_dir)["wav.scp"]}
    write_table(data_dir / "wav.scp", table)
    if segmented:
        ends = {"ann-1": -1, "ann-2": 0.5, "bob-1": 0.6, "bob-2": 1.1}
        parts = {utt: f"{utt} 0.1234 {end}" for utt, end in ends.items()}
        write_table(data_dir / "segments", parts)
    target = perturb(data_dir, "0.9 1.0")
    found = format_to(tmp_path / "dump", target, "--fs", "8k")
    for utt, value in load_data_dir(target)["wav.scp"].items():
        if utt == "ann-1" and not segmented:
            assert value == values[name]
            continue
        if utt not in ("sp0.9-ann-1", "ann-1", "sp0.9-bob-2"):
            continue  # each is a process
        printed = subprocess.run(
            value.removesuffix("|"),
            shell=True,
            check=True,
            stdout=subprocess.PIPE,
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "PYTHONPATH": ":".join(sys.path),
            },
        ).stdout
        samples, rate = soundfile.read(io.BytesIO(printed), dtype="int16")
        written, _ = soundfile.read(found[utt], dtype="int16")
        assert rate == RATE
        np.testing.assert_array_equal(samples, written)


def test_each_recording_is_read_once_for_all_speeds(data_dir, tmp_path, monkeypatch):
    read = []
    real = utterances.read_source

    def watch(value, place):
        read.append(Path(value).stem)
        return real(value, place)

    monkeypatch.setattr(utterances, "read_source", watch)
    format_to(tmp_path / "dump", perturb(data_dir))
    assert read == ["ann-1", "ann-2", "bob-1", "bob-2"]
    lines = [f"{utt} bob-2 0.{n} -1\n" for n, utt in enumerate(read)]
    (data_dir / "segments").write_text("".join(lines))
    read.clear()
    format_to(tmp_path / "dump", perturb(data_dir))
    assert read == ["bob-2"]


def test_bad_audio_leaves_at_every_speed(data_dir, tmp_path):
    (data_dir / "ann-2.wav").write_bytes(b"no audio")
    target, dump = perturb(data_dir, "0.9 1.0"), tmp_path / "dump"
    with pytest.raises(DataDirError, match="2 of 8 utterances have unusable audio"):
        format_to(dump, target)
    format_to(dump, target, "--max_bad_audio", "0.25")
    for table in load_data_dir(dump).values():
        assert len(table) == 6
        assert not {"ann-2", "sp0.9-ann-2"} & set(table)
    lines = (dump / "bad_audio").read_text().splitlines()
    place = f"utterance sp0.9-ann-2: {data_dir}/ann-2.wav"
    assert lines[1].startswith(f"sp0.9-ann-2 {place}: unreadable")


def test_another_source_or_speed_is_formatted_anew(data_dir, tmp_path, monkeypatch):
    dump = tmp_path / "dump"
    format_to(dump, perturb(data_dir, "0.9 1.0"))
    before = {path: path.stat().st_mtime_ns for path in dump.rglob("*.flac")}
    made = []
    real = ChangedSpeed.apply

    def watch(self, *arguments):
        made.append((Path(self.source).stem, self.factor))
        return real(self, *arguments)

    monkeypatch.setattr(ChangedSpeed, "apply", watch)
    format_to(dump, perturb(data_dir, "0.9 1.0"))
    assert made == []
    assert {path: path.stat().st_mtime_ns for path in before} == before
    format_to(dump, perturb(data_dir, "0.9 1.0 1.1"))
    assert {factor for _, factor in made} == {1.1} and len(made) == 4
    made.clear()
    soundfile.write(data_dir / "bob-1.wav", np.full(4321, 0.1), RATE)
    format_to(dump, perturb(data_dir, "0.9 1.0 1.1"))
    assert made == [("bob-1", 0.9), ("bob-1", 1.1)]


@pytest.mark.parametrize("kind", ["flac", "flac.ark"])
def test_stopped_it_continues_and_ends_the_same(
    data_dir, tmp_path, monkeypatch, files_of, kind
):
    lines = [f"{utt} bob-2 0.{n} -1\n" for n, utt in enumerate("ann-1 ann-2".split())]
    (data_dir / "segments").write_text("".join(lines) + "bob-1 ann-1 0 -1\n")
    fix_data_dir(data_dir)
    target, options = perturb(data_dir), ["--audio_format", kind, "--num_jobs", "2"]
    format_to(tmp_path / "whole", target, *options)
    real = ChangedSpeed.apply
    left = 5

    def stop(self, *arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ChangedSpeed, "apply", stop)
        with pytest.raises(KeyboardInterrupt):
            format_to(tmp_path / "dump", target, *options)
    assert not (tmp_path / "dump" / "wav.scp").exists()
    left = 4  # of 9
    with monkeypatch.context() as patch:
        patch.setattr(ChangedSpeed, "apply", stop)
        format_to(tmp_path / "dump", target, *options)
    assert files_of(tmp_path / "dump") == files_of(tmp_path / "whole")


def test_what_is_perturbed_can_be_perturbed_again(data_dir, tmp_path):
    main(["0.5", str(data_dir), str(tmp_path / "slow")])
    main(["2.0", str(tmp_path / "slow"), str(tmp_path / "back")])
    [value] = list(load_data_dir(tmp_path / "back")["wav.scp"].values())[:1]
    assert ChangedSpeed.from_value(ChangedSpeed.from_value(value).source).factor == 0.5
    samples, rate = read_source(value, "here")
    assert (len(samples), rate) == (4000, RATE)
    state = (data_dir / "ann-1.wav").stat()
    assert source_version(value) == [value, state.st_size, state.st_mtime_ns]


@pytest.mark.parametrize(
    "value",
    [
        "python3 -m espnet_mtl.bin.change_speed 0.9 $HOME/a.wav |",
        "python3 -m espnet_mtl.bin.change_speed 0.9 a.wav | cat |",
        "python3 -m espnet_mtl.bin.change_speed 0.9  a.wav |",
        "python3 -m espnet_mtl.bin.change_speed 0.9 a.wav 1.0 |",
        "python3 -m espnet_mtl.bin.change_speed 0.9 'a.wav |",
        "python3 -m espnet_mtl.bin.change_speed fast a.wav |",
        "python3 -m espnet_mtl.bin.change_speed |",
        "sox a.wav -t wav - speed 0.9 |",
    ],
)
def test_commands_that_a_shell_may_read_otherwise_are_left_to_it(value):
    assert ChangedSpeed.from_value(value) is None
    own = ChangedSpeed(value, 1.1).value
    assert shlex.split(own)[4] == value
    assert ChangedSpeed.from_value(own) == ChangedSpeed(value, 1.1)


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
    with pytest.raises(
        DataDirError,
        match=r"utt2spk:5: 'sp0.9-ann-1' and 'ann-1' would both give 'sp0.9-ann-1' at "
        "the speeds 0.9, 1; give one another name",
    ):
        perturb(both, "0.9 1.0")
    assert not (tmp_path / "train_sp").exists()
    assert len(load_data_dir(perturb(both, "1.0 1.1"))["wav.scp"]) == 16


def test_a_copy_whose_name_is_too_long_is_told_by_line(data_dir, edit):
    utt = "a" * 236
    for name in ("wav.scp", "text", "utt2spk", "utt2accent"):
        edit(data_dir / name, "ann-1 ", f"{utt} ")
    with pytest.raises(DataDirError, match="utt2spk:1: 'aaa.*' has 236 bytes.* 234 at"):
        perturb(data_dir, "0.9 1.0")


@pytest.mark.parametrize(
    "text", ["", "fast", "0.9 0.9", "0.9 0.90000001", "0", "-1", "nan", "99"]
)
def test_what_is_no_speed_is_refused(text):
    with pytest.raises(DataDirError, match="speed_perturb_factors"):
        read_factors(text)
