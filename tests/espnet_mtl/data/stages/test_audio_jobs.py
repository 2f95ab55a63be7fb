"""Jobs that make audio: stopped anywhere they continue, and end the same."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin import format_wav_scp
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.sources import read_source
from espnet_mtl.data.stages import audio_stores, utterances
from espnet_mtl.data.tools.copy_dir import copy_data_dir
from espnet_mtl.data.tools.subset import subset_data_dir
from espnet_mtl.errors import UserError
from espnet_mtl.journal import Journal

FORMATS = ["flac", "flac.ark"]


def run(source: Path, target: Path, *options: str) -> None:
    format_wav_scp.main(["--fs", "8k", *options, str(source), str(target)])


@pytest.fixture
def target(tmp_path):
    return tmp_path / "dump" / "train"


@pytest.fixture
def whole(data_dir, tmp_path, files_of):
    """What a run without interruption leaves, by format."""
    found = {}
    for kind in FORMATS:
        run(data_dir, tmp_path / kind, "--audio_format", kind, "--num_jobs", "2")
        found[kind] = files_of(tmp_path / kind)
    return found


@pytest.fixture
def read(monkeypatch):
    """The values of wav.scp that are read."""
    values = []
    read_source = utterances.read_source

    def watch(value, place):
        values.append(Path(value).stem)
        return read_source(value, place)

    monkeypatch.setattr(utterances, "read_source", watch)
    return values


def stop_in_write(monkeypatch, after):
    """A write gets half of its bytes out, then the process is killed."""
    pwrite, left = os.pwrite, after

    def write(file, content, offset):
        nonlocal left
        left -= 1
        if left < 0:
            pwrite(file, content[: len(content) // 2], offset)
            raise KeyboardInterrupt
        return pwrite(file, content, offset)

    def write_files(contents):
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                write(file.fileno(), content, 0)

    monkeypatch.setattr(audio_stores.os, "pwrite", write)
    monkeypatch.setattr(audio_stores, "write_files", write_files)


def stop_before_note(monkeypatch, after):
    """The audio is there; the note of it is not, or half of it."""
    append, left = Journal.append, after

    def stop(self, made_of, notes):
        nonlocal left
        left -= 1
        if left < 0:
            self._file.write(b'{"key": "ann')
            self._file.flush()
            raise KeyboardInterrupt
        append(self, made_of, notes)

    monkeypatch.setattr(Journal, "append", stop)


@pytest.mark.parametrize("stop", [stop_in_write, stop_before_note])
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("kind", FORMATS)
def test_stopped_anywhere_it_continues_and_ends_the_same(
    data_dir, target, whole, read, monkeypatch, kind, after, stop, files_of
):
    options = ["--audio_format", kind, "--num_jobs", "2"]
    with monkeypatch.context() as patch:
        stop(patch, after)
        with pytest.raises(KeyboardInterrupt):
            run(data_dir, target, *options)
    assert not (target / "wav.scp").exists()
    read.clear()
    run(data_dir, target, *options)
    assert len(read) == 4 - after
    assert files_of(target) == whole[kind]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_killed_job_continues(data_dir, target, whole, edit, kind, files_of):
    # The third utterance takes long, so that the kill is certain to come in time.
    slow = f"sleep 30; cat {data_dir}/bob-1.wav |"
    edit(data_dir / "wav.scp", f"{data_dir}/bob-1.wav", slow)
    command = [
        sys.executable,
        "-m",
        "espnet_mtl.bin.format_wav_scp",
        "--fs",
        "8k",
    ]
    options = ["--audio_format", kind, str(data_dir), str(target)]
    process = subprocess.Popen(
        [*command, *options],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    journal = target / "logdir" / "format_wav_scp.1.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") == 2:
            break
        time.sleep(0.01)
    with pytest.raises(UserError, match="another process is writing it: the same job"):
        run(data_dir, target, *options[:2])
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with contextlib.suppress(ProcessLookupError):  # others of its group may die later
        for _ in range(1000):
            os.killpg(process.pid, 0)
            time.sleep(0.01)
    edit(data_dir / "wav.scp", slow, f"{data_dir}/bob-1.wav")
    run(data_dir, target, *options[:2])
    first = [path for path in whole[kind] if path.endswith(".ark")]
    if first:  # one job here, two there
        joined = b"".join(whole[kind][path] for path in first)
        assert (target / "data/8000/audio.1of1.flac.ark").read_bytes() == joined
    else:
        assert files_of(target) == whole[kind]


@pytest.mark.parametrize("kind", FORMATS)
def test_finished_it_does_nothing_and_touches_nothing(
    data_dir, target, read, kind, files_of
):
    run(data_dir, target, "--audio_format", kind)
    before = files_of(target)
    audio = {p: p.stat().st_mtime_ns for p in (target / "data/8000").iterdir()}
    read.clear()
    run(data_dir, target, "--audio_format", kind)
    assert read == []
    assert files_of(target) == before
    # Decoding begins anew when audio is newer.
    assert {p: p.stat().st_mtime_ns for p in audio} == audio


@pytest.mark.parametrize(
    "kind, redone", [("flac", ["bob-1"]), ("flac.ark", ["bob-1", "bob-2"])]
)
def test_another_source_is_read_again(data_dir, target, read, kind, redone, files_of):
    run(data_dir, target, "--audio_format", kind)
    samples = soundfile.read(data_dir / "bob-1.wav", dtype="int16")[0]
    soundfile.write(data_dir / "bob-1.wav", samples[:4321], 8000)
    read.clear()
    run(data_dir, target, "--audio_format", kind)
    assert read == redone
    lengths = load_data_dir(target, ["utt2num_samples"])["utt2num_samples"]
    assert lengths["bob-1"] == "4321"
    fresh = target.parent / "fresh"
    run(data_dir, fresh, "--audio_format", kind)
    assert files_of(fresh) == files_of(target)


@pytest.mark.parametrize("kind", [*FORMATS, "wav.ark"])
def test_what_comes_back_is_made_again_where_others_were_in_between(
    data_dir, target, kind, files_of
):
    """An archive has other bytes by then where the old notes say that it lies."""
    options = ("--audio_format", kind)
    run(data_dir, target, *options)
    before = files_of(target)
    # A disk is away for a while.
    away = data_dir / "ann-1.wav"
    away.rename(data_dir / "away")
    with pytest.raises(DataDirError, match="unusable audio"):
        run(data_dir, target, *options)
    (data_dir / "away").rename(away)
    run(data_dir, target, *options)
    assert files_of(target) == before
    # Other settings, and the former ones again
    samples = soundfile.read(away, dtype="int16")[0]
    state = away.stat()
    soundfile.write(away, samples[::-1], 8000)
    run(data_dir, target, *options)
    soundfile.write(away, samples, 8000)
    os.utime(away, ns=(state.st_atime_ns, state.st_mtime_ns))
    run(data_dir, target, *options)
    assert files_of(target) == before


def test_lost_or_damaged_files_are_written_again(data_dir, target, read, files_of):
    run(data_dir, target)
    before = files_of(target)
    (target / "data/8000/ann-1.flac").unlink()
    (target / "data/8000/bob-2.flac").write_bytes(b"damaged")
    read.clear()
    run(data_dir, target)
    assert read == ["ann-1", "bob-2"]
    assert files_of(target) == before


def test_another_rate_is_another_job(data_dir, target, read):
    run(data_dir, target)
    read.clear()
    run(data_dir, target, "--fs", "16k")
    assert len(read) == 4


def test_another_number_of_jobs_keeps_files(data_dir, target, read):
    run(data_dir, target, "--num_jobs", "3")
    read.clear()
    run(data_dir, target, "--num_jobs", "2")
    run(data_dir, target, "--num_jobs", "4")
    assert read == []


def test_another_number_of_jobs_writes_archives_anew_and_leaves_no_old_ones(
    data_dir, target, read
):
    run(data_dir, target, "--num_jobs", "3", "--audio_format", "ark")
    read.clear()
    run(data_dir, target, "--num_jobs", "2", "--audio_format", "ark")
    assert len(read) == 4
    names = sorted(path.name for path in (target / "data/8000").iterdir())
    assert names == ["audio.1of2.wav.ark", "audio.2of2.wav.ark"]
    run(data_dir, target, "--audio_format", "wav")
    assert not list((target / "data").rglob("*.ark"))


# A first run, and another one that is killed before its tables are written.
CHANGES = {
    "jobs": ("--audio_format ark --num_jobs 2", "--audio_format ark --num_jobs 3"),
    "rate": ("--num_jobs 3", "--num_jobs 3 --fs 16k"),
    "rate of archives": ("--audio_format ark", "--audio_format ark --fs 16k"),
    "format": ("--audio_format flac.ark", "--audio_format wav.ark"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_tables_elsewhere_never_name_audio_of_another_setting(data_dir, target, name):
    first, second = (options.split() for options in CHANGES[name])
    run(data_dir, target, *first)
    values = load_data_dir(target)["wav.scp"]
    before = {utt: read_source(value, utt) for utt, value in values.items()}
    run(data_dir, target, *second, "--job", "2" if name == "jobs" else "1")
    assert not (target / "wav.scp").exists()
    for utt, value in values.items():
        samples, rate = read_source(value, utt)
        assert rate == before[utt][1]
        np.testing.assert_array_equal(samples, before[utt][0])
    run(data_dir, target, *second)
    made = {path for path in (target / "data").rglob("*") if path.is_file()}
    values = load_data_dir(target)["wav.scp"].values()
    assert made == {Path(value.split(":")[0]) for value in values}


@pytest.mark.parametrize("kind", FORMATS)
def test_tables_made_of_the_target_go_before_audio_changes(
    data_dir, target, read, kind
):
    derived = target.parent / "derived"
    options = ["--audio_format", kind, "--derived_dir", str(derived)]
    run(data_dir, target, *options)
    subset_data_dir(target, derived, ["ann-1", "bob-1"])
    run(data_dir, target, *options)
    assert (derived / "wav.scp").exists()  # Nothing was to do.
    os.utime(data_dir / "bob-1.wav", ns=(1, 1))
    run(data_dir, target, *options, "--job", "1")
    assert not (derived / "wav.scp").exists()
    assert (derived / "text").exists()


def test_tables_made_of_the_target_go_with_the_audio_of_a_lost_utterance(
    data_dir, target
):
    derived = target.parent / "derived"
    run(data_dir, target)
    subset_data_dir(target, derived, ["ann-1", "bob-1"])
    subset_data_dir(data_dir, data_dir.parent / "less", ["ann-1", "ann-2"])
    run(data_dir.parent / "less", target, "--derived_dir", str(derived))
    assert not (derived / "wav.scp").exists()
    assert len(list((target / "data/8000").iterdir())) == 2


def test_audio_that_the_source_names_is_not_removed(data_dir, target):
    run(data_dir, target)
    copy_data_dir(target, target.parent / "copy")
    run(target.parent / "copy", target, "--fs", "16k")
    assert len(list((target / "data/8000").iterdir())) == 4
    assert len(list((target / "data/16000").iterdir())) == 4


def test_more_jobs_than_utterances_do_no_harm(data_dir, target):
    run(data_dir, target, "--num_jobs", "9", "--audio_format", "wav.ark")
    assert len(load_data_dir(target)["wav.scp"]) == 4


def test_jobs_do_their_share_and_the_merge_needs_all(data_dir, target, read):
    run(data_dir, target, "--num_jobs", "2", "--job", "2")
    assert read == ["bob-1", "bob-2"]
    assert not (target / "wav.scp").exists()
    with pytest.raises(DataDirError, match="'ann-1' is not finished.*run the stage"):
        run(data_dir, target, "--num_jobs", "2", "--merge")
    run(data_dir, target, "--num_jobs", "2", "--job", "1")
    read.clear()
    run(data_dir, target, "--num_jobs", "2", "--merge")
    assert read == []
    assert len(load_data_dir(target)["wav.scp"]) == 4
    with pytest.raises(DataDirError, match="--job 3: with --num_jobs 2 there are"):
        run(data_dir, target, "--num_jobs", "2", "--job", "3")


@pytest.mark.parametrize("kind", FORMATS)
def test_some_bad_audio_leaves_every_table(
    data_dir, target, add_tables, monkeypatch, caplog, kind
):
    add_tables(data_dir)
    monkeypatch.setattr(format_wav_scp, "setup_logging", lambda: None)
    soundfile.write(data_dir / "ann-2.wav", [0.0] * 99, 8000)
    options = ["--audio_format", kind, "--num_jobs", "2"]
    with pytest.raises(DataDirError, match="1 of 4 .*share of 0.25, where --max_bad_a"):
        run(data_dir, target, *options, "--max_bad_audio", "0.24")
    assert not (target / "wav.scp").exists()
    run(data_dir, target, *options, "--max_bad_audio", "0.25")
    message = f"1 of 4 utterances have unusable audio and are left out: {target}"
    assert [r.levelno for r in caplog.records if message in r.message] == [
        logging.WARNING
    ]
    assert (target / "bad_audio").read_text().startswith("ann-2 utterance ann-2: ")
    kept = ["ann-1", "bob-1", "bob-2"]
    names = ["wav.scp", "text", "utt2spk", "utt2accent", "utt2num_samples"]
    for table in load_data_dir(target, [*names, "text.de"]).values():
        assert list(table) == kept
    assert list(load_data_dir(target, ["utt2age"])["utt2age"]) == ["bob-1", "bob-2"]
    assert (target / "spk2utt").read_text() == "ann ann-1\nbob bob-1 bob-2\n"
    soundfile.write(data_dir / "ann-2.wav", [0.5] * 99, 8000)
    run(data_dir, target, *options)
    assert len(load_data_dir(target)["text"]) == 4
    assert not (target / "bad_audio").exists()


def test_nothing_but_bad_audio_is_an_error(data_dir, target):
    for path in data_dir.glob("*.wav"):
        path.write_bytes(b"")
    with pytest.raises(DataDirError) as caught:
        run(data_dir, target, "--max_bad_audio", "1")
    assert "4 of 4 utterances have unusable audio" in str(caught.value)
    # Whoever edited data/ would lose it.
    assert "take them out of what stage 1 reads" in str(caught.value)


def test_a_share_is_from_0_to_1(data_dir, target, capsys):
    for text in ("1.1", "-0.1", "nan", "much"):
        with pytest.raises(SystemExit):
            run(data_dir, target, f"--max_bad_audio={text}")
        assert "--max_bad_audio" in capsys.readouterr().err


@pytest.mark.parametrize("kind", FORMATS)
def test_what_may_succeed_now_is_tried_again(
    data_dir, target, edit, read, kind, files_of
):
    options = ["--audio_format", kind, "--max_bad_audio", "1"]
    command = f"cat {target.parent}/later.wav |"
    edit(data_dir / "wav.scp", f"{data_dir}/bob-1.wav", command)
    (data_dir / "ann-1.wav").write_bytes(b"no audio")
    run(data_dir, target, *options)
    assert list(load_data_dir(target)["wav.scp"]) == ["ann-2", "bob-2"]
    before = files_of(target)
    read.clear()
    run(data_dir, target, *options)
    assert [name.removesuffix(".wav |") for name in read] == ["ann-1", "later"]
    assert files_of(target) == before
    (data_dir / "bob-1.wav").rename(target.parent / "later.wav")
    run(data_dir, target, *options)
    assert list(load_data_dir(target)["wav.scp"]) == ["ann-2", "bob-1", "bob-2"]


@pytest.mark.parametrize(
    "kind, before, after",
    [("flac", "2", "2"), ("flac", "3", "2"), ("flac.ark", "2", "2")],
)
def test_a_file_that_a_disk_did_not_give_is_tried_again(
    data_dir, target, monkeypatch, kind, before, after
):
    read_source = utterances.read_source
    away = ["ann-2", "bob-1"]

    def fail(value, place):
        if Path(value).stem in away:
            raise DataDirError(f"{place}: unreadable (the disk is away)")
        return read_source(value, place)

    monkeypatch.setattr(utterances, "read_source", fail)
    with pytest.raises(DataDirError, match="2 of 4 utterances have unusable audio"):
        run(data_dir, target, "--audio_format", kind, "--num_jobs", before)
    away.clear()  # Neither size nor time of the file has changed.
    run(data_dir, target, "--audio_format", kind, "--num_jobs", after)
    assert len(load_data_dir(target)["wav.scp"]) == 4
