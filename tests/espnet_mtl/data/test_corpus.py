"""What the makers of the recipes' corpora share."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from espnet_mtl.data import corpus
from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.corpus import make_once, seed_with, write_set, write_wav
from espnet_mtl.data.datadir import load_data_dir

SETTINGS = {"train": 1, "seed": 0}
FROZEN = [178, 903, 268, 594]


@dataclass
class Planned:
    key: str = "ann-1"
    speaker: str = "ann"
    accent: str = "north"
    text: str = "good day"


@pytest.fixture
def maker(tmp_path):
    """Makes a corpus of one utterance a set, and counts how often."""

    class Maker:
        output = tmp_path / "data"
        times = 0

        def __call__(self):
            self.times += 1
            for name in ("train", "valid", "test"):
                folder = self.output / "audio" / name
                folder.mkdir(parents=True, exist_ok=True)
                write_wav(folder / "ann-1.wav", np.arange(9, dtype="<i2"), 8000)
                write_set(self.output / name, folder, [Planned()])

    return Maker()


def test_a_corpus_is_made_once(maker):
    for _ in range(2):
        make_once(maker.output, SETTINGS, maker)
    assert maker.times == 1


def test_other_settings_make_it_anew(maker):
    make_once(maker.output, SETTINGS, maker)
    make_once(maker.output, {**SETTINGS, "seed": 1}, maker)
    assert maker.times == 2


def test_a_corpus_whose_making_was_killed_looks_incomplete(maker):
    """Else its new audio would be formatted under the old texts."""
    make_once(maker.output, SETTINGS, maker)

    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_once(maker.output, {**SETTINGS, "seed": 1}, killed)
    assert not list(maker.output.rglob("wav.scp"))


@pytest.mark.parametrize(
    "lost", ["audio/valid/ann-1.wav", "test/text", "train/wav.scp", "stamp.json"]
)
def test_a_corpus_with_a_loss_is_made_anew(maker, lost):
    make_once(maker.output, SETTINGS, maker)
    (maker.output / lost).unlink()
    make_once(maker.output, SETTINGS, maker)
    assert maker.times == 2
    assert (maker.output / lost).is_file()


def test_an_interrupted_corpus_is_made_anew(maker):
    def interrupted():
        maker()
        raise KeyboardInterrupt

    make_once(maker.output, SETTINGS, maker)
    with pytest.raises(KeyboardInterrupt):
        make_once(maker.output, {"train": 2}, interrupted)
    make_once(maker.output, SETTINGS, maker)
    assert maker.times == 3


def test_a_set_has_all_tables_and_absolute_paths(maker, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    maker.output = Path("data")
    maker()
    assert load_data_dir("data/train") == {
        "wav.scp": {"ann-1": str(tmp_path / "data/audio/train/ann-1.wav")},
        "text": {"ann-1": "good day"},
        "utt2spk": {"ann-1": "ann"},
        "utt2accent": {"ann-1": "north"},
    }
    assert Path("data/train/spk2utt").read_text() == "ann ann-1\n"


def test_written_audio_is_read_back(tmp_path):
    samples = np.array([0, 1, -1, 32767, -32768], "<i2")
    write_wav(tmp_path / "a.wav", samples, 8000)
    read = read_audio(tmp_path / "a.wav", 8000)
    np.testing.assert_array_equal(read * 32768, samples)


def test_a_seed_gives_the_stream_it_always_gave():
    rng = np.random.RandomState()
    seed_with(rng, "a text")
    first = rng.randint(0, 1000, 4)
    rng.uniform(size=100)
    seed_with(rng, "a text")
    assert list(rng.randint(0, 1000, 4)) == list(first) == FROZEN
    seed_with(rng, "another text")
    assert list(rng.randint(0, 1000, 4)) != FROZEN


def test_sources_decide_the_hash(tmp_path):
    found = []
    for content in ("a = 1\n", "a = 2\n"):
        (tmp_path / "a.py").write_text(content)
        found.append(corpus.hash_sources(tmp_path))
    (tmp_path / "data.sh").write_text("")
    assert found[0] != found[1] == corpus.hash_sources(tmp_path)
    assert {"a.py", "corpus.py", "joining.py"} == found[0].keys()
