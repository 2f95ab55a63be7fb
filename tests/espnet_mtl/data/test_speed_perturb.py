"""Stage 2: speed perturbation."""

from pathlib import Path

import numpy as np
import pytest

from espnet_mtl.data.audio import read_audio, write_audio
from espnet_mtl.data.datadir import load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.speed_perturb import change_speed, main, read_factors

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


def test_pitch_moves_with_speed():
    tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE).astype(np.float32)
    fast = change_speed(tone, RATE, 1.25)
    spectrum = np.abs(np.fft.rfft(fast))
    peak = np.argmax(spectrum) * RATE / len(fast)
    assert abs(peak - 250) < 2
    assert np.abs(fast).max() <= 1.0


@pytest.mark.parametrize("text", ["", "fast", "0.9 0.9", "0", "-1", "nan", "99"])
def test_what_is_no_speed_is_refused(text):
    with pytest.raises(DataDirError, match="speed_perturb_factors"):
        read_factors(text)
