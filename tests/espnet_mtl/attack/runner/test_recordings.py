"""Audio is read when it is needed, checked, and hashed by its samples."""

import numpy as np
import pytest
import soundfile

from espnet_mtl.attack.runner import recordings as module
from espnet_mtl.attack.runner.recordings import Recordings
from espnet_mtl.errors import UserError

SAMPLES = (np.arange(1, 801) / 1024).astype(np.float32)  # exact in 16 bits


def record(folder, name="a.wav", samples=SAMPLES, rate=8000):
    soundfile.write(folder / name, samples, rate)
    return Recordings({"utt": str(folder / name)})


def refuse(*args, **kwargs):
    raise AssertionError("it was read in the other way")


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_lengths_and_rates_come_from_headers_where_they_are_exact(
    tmp_path, monkeypatch, name
):
    audio = record(tmp_path, name)
    monkeypatch.setattr(module, "read_audio_rate", refuse)
    assert audio.lengths() == {"utt": 800}
    audio.check_rate(8000)


def test_other_formats_are_read_to_be_measured(tmp_path, monkeypatch):
    audio = record(tmp_path, "a.mp3", np.tile(SAMPLES, 20))
    monkeypatch.setattr(module, "read_source_header", refuse)
    assert audio.lengths()["utt"] == len(audio.samples("utt"))


def test_the_digest_is_that_of_the_samples_whatever_the_file(tmp_path):
    wav, flac = record(tmp_path, "a.wav"), record(tmp_path, "a.flac")
    other = record(tmp_path, "b.wav", SAMPLES / 4)
    assert wav.digest("utt") == flac.digest("utt") != other.digest("utt")


def test_audio_beyond_what_is_kept_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_KEPT", 799)
    audio = record(tmp_path)
    first = audio.samples("utt")
    assert audio.samples("utt") is not first
    assert np.array_equal(audio.samples("utt"), first)


def test_audio_that_changes_while_it_is_attacked_is_refused(tmp_path):
    audio = record(tmp_path)
    audio.lengths()
    record(tmp_path, samples=SAMPLES[:700])
    with pytest.raises(UserError, match="utterance utt: .*700 samples, but there were"):
        audio.check(["utt"])


def test_another_rate_is_refused(tmp_path):
    with pytest.raises(UserError, match="utt: .*sampled at 16000 Hz, but 8000"):
        record(tmp_path, rate=16000).check_rate(8000)


def test_all_that_is_wrong_is_told_at_once_and_before_anything_is_read(tmp_path):
    paths = {name: tmp_path / f"{name}.wav" for name in ("cut", "fast", "stereo", "ok")}
    for name, path in paths.items():
        channels = 2 if name == "stereo" else 1
        samples = np.tile(SAMPLES[:, np.newaxis], (10, channels))
        soundfile.write(path, samples, 16000 if name == "fast" else 8000)
    paths["cut"].write_bytes(paths["cut"].read_bytes()[:8000])
    audio = Recordings({utt: str(path) for utt, path in paths.items()})
    with pytest.raises(UserError, match="^3 of 4 utterances have unusabl") as caught:
        audio.check_rate(8000)
    message = str(caught.value)
    assert f"utterance cut: {paths['cut']}: cut short: 1.00 s by its head" in message
    assert "utterance fast: " in message and "at 16000 Hz, but 8000" in message
    assert "utterance stereo: " in message and "2 channels" in message
