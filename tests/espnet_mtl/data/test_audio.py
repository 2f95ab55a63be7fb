"""Audio: what is no speech is refused by name; files are exact and whole."""

import errno

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espnet_mtl.data.audio import read_audio, read_audio_rate, read_rate, write_audio
from espnet_mtl.data.errors import DataDirError

RATE = 8000
LEVELS = np.arange(-32768, 32768, dtype=np.int16)


def tone(num_samples: int = 800) -> np.ndarray:
    return 0.5 * np.sin(np.arange(num_samples) / 5)


def with_value(value: float) -> np.ndarray:
    samples = tone()
    samples[7] = value
    return samples


@pytest.mark.parametrize(
    "samples, fault",
    [
        (np.zeros(0), "empty; remove the utterance"),
        (np.zeros(800), "silent, every sample is 0; remove the utterance"),
        (with_value(np.nan), "sample 7 is not a number; write the file again"),
        (with_value(-np.inf), "sample 7 is not a number; write the file again"),
        (np.stack([tone(), tone()], axis=1), "2 channels; give one channel"),
        (10000 * tone(), "the loudest sample is 5000, but full scale is 1; scale"),
    ],
)
def test_unusable_samples_are_refused(tmp_path, samples, fault):
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with pytest.raises(DataDirError) as caught:
        read_audio(path, utt="ann-1")
    assert str(caught.value).startswith(f"utterance ann-1: {path}: {fault}")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.raw", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"no audio " * 99])
def test_what_is_no_audio_file_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataDirError, match=f"{name}: unreadable .*; replace the file"):
        read_audio(path)


def test_a_flac_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    write_audio(path, np.random.default_rng(0).uniform(-0.5, 0.5, 50000), RATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataDirError, match="a.flac: cut short: 6.25 s by its header"):
        read_audio(path)


def test_a_missing_file_and_a_command_are_refused(tmp_path):
    with pytest.raises(DataDirError, match="no such audio file; correct wav.scp"):
        read_audio(tmp_path / "a.wav")
    with pytest.raises(
        DataDirError, match=r"utterance a: cat a.wav \|: a command.*--stage 3"
    ):
        read_audio("cat a.wav |", utt="a")


def test_another_rate_is_refused_where_one_is_asked_for(tmp_path):
    path = tmp_path / "a.wav"
    write_audio(path, tone(), RATE)
    with pytest.raises(DataDirError) as caught:
        read_audio(path, 16000, utt="ann-1")
    message = f"utterance ann-1: {path}: sampled at 8000 Hz, but 16000 Hz are needed"
    assert str(caught.value).startswith(message)
    assert len(read_audio(path, RATE)) == len(read_audio(path)) == 800
    assert read_audio_rate(path)[1] == RATE


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_every_16_bit_level_comes_back_as_it_was(tmp_path, kind, dtype):
    path = tmp_path / f"a.{kind}"
    samples = LEVELS if dtype is np.int16 else (LEVELS / 32768).astype(dtype)
    write_audio(path, samples, RATE)
    assert (soundfile.read(path, dtype="int16")[0] == LEVELS).all()
    assert (read_audio(path) * 32768 == LEVELS).all()


@pytest.mark.parametrize("kind", ["wav", "flac"])
@given(
    samples=st.lists(st.floats(-1.25, 1.25, width=32), min_size=1, max_size=50).filter(
        lambda samples: max(map(abs, samples)) > 1e-4
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_samples_are_rounded_to_the_nearest_level(tmp_path, kind, samples):
    path = tmp_path / f"a.{kind}"
    write_audio(path, np.array(samples), RATE)
    nearest = np.clip(samples, -1, 32767 / 32768)
    assert np.abs(read_audio(path) - nearest).max() <= 0.5 / 32768


def test_a_little_overshoot_is_clipped(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, with_value(-1.3), RATE, subtype="FLOAT")
    samples = read_audio(path)
    assert samples[7] == -1.0
    assert samples.dtype == np.float32
    assert samples[8] == np.float32(tone()[8])


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, fill_disk, name):
    path = tmp_path / name
    write_audio(path, tone(), RATE)
    before = path.read_bytes()
    fill_disk()
    with pytest.raises(OSError) as caught:
        write_audio(path, -tone(99999), RATE)
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text, hertz",
    [
        ("16k", 16000),
        ("16000", 16000),
        (8000, 8000),
        ("22.05k", 22050),
        ("44.1K", 44100),
    ],
)
def test_rates_are_read_as_espnet_writes_them(text, hertz):
    assert read_rate(text) == hertz


@pytest.mark.parametrize(
    "text", ["", "k", "fast", "16kk", "0", "-8k", "0.5", "nan", "inf"]
)
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(DataDirError, match=f"--fs {text}: not a sampling rate"):
        read_rate(text)
