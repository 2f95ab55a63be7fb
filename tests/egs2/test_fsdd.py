"""The recipe of the Free Spoken Digit Dataset, on a tiny copy and on the real one."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin import validate_data_dir
from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError

SETS = ("train", "valid", "test")
SIZES = "--num_train 14 --num_valid 6 --num_test 8".split()
METADATA = """
metadata = {
    'ann': {'gender': 'female', 'accent': 'USA/neutral', 'language': 'english'},
    'bob': {'gender': 'male', 'accent': 'NZL/South Island', 'language': 'english'},
}
"""
BESIDE = Path(__file__).resolve().parents[3] / "shared/data/free-spoken-digit-dataset"
REAL = Path(os.environ.get("FSDD") or BESIDE)


@pytest.fixture(scope="module")
def maker(fsdd):
    return fsdd.load("make_corpus")


@pytest.fixture(scope="module")
def reader(fsdd):
    return fsdd.load("fsdd")


@pytest.fixture
def root(tmp_path) -> Path:
    """A corpus of two speakers, twelve short recordings of each digit."""
    root = tmp_path / "fake"
    (root / "recordings").mkdir(parents=True)
    (root / "metadata.py").write_text(METADATA)
    rng = np.random.RandomState(0)
    for speaker in ("ann", "bob"):
        for digit in range(10):
            for index in range(12):
                samples = rng.uniform(-0.1, 0.1, 400)
                path = root / "recordings" / f"{digit}_{speaker}_{index}.wav"
                soundfile.write(path, samples, 8000)
    return root


def test_data_sh_makes_the_same_bytes_again(root, maker, fsdd, hash_corpus, tmp_path):
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    maker.main(["--output", str(one), "--fsdd_root", str(root), *SIZES])
    done = fsdd.run_data_sh("--datadir", two, "--fsdd_root", root, *SIZES)
    assert done.returncode == 0, done.stderr
    hashes = hash_corpus(one)
    assert len(hashes) == 3 * 4 + 14 + 6 + 8
    assert hash_corpus(two) == hashes

    done = fsdd.run_data_sh("--datadir", three, *SIZES, FSDD=str(root))
    assert done.returncode == 0, done.stderr
    assert hash_corpus(three) == hashes


def test_a_changed_dataset_is_another_corpus_and_a_lost_one_costs_nothing(
    root, maker, tmp_path
):
    data = tmp_path / "data"
    make = ["--output", str(data), *SIZES]
    maker.main([*make, "--fsdd_root", str(root)])
    for digit in range(10):
        for index in range(12):
            name = f"recordings/{digit}_{{}}_{index}.wav"
            (root / name.format("cat")).write_bytes(
                (root / name.format("bob")).read_bytes()
            )
    (root / "metadata.py").write_text(METADATA.replace("bob", "cat"))
    with pytest.raises(UserError, match="where is the Free Spoken Digit Dataset"):
        maker.main(make)
    speakers = data / "test" / "utt2spk"
    assert {*read_table(speakers).values()} == {"ann", "bob"}
    for path in root.glob("recordings/*_bob_*"):
        path.unlink()
    maker.main([*make, "--fsdd_root", str(root)])
    assert {*read_table(speakers).values()} == {"ann", "cat"}


def test_a_larger_corpus_begins_with_the_smaller(root, maker, tmp_path):
    for name, sizes in (("small", "2 3 1"), ("large", "9 8 7")):
        options = zip(SETS, sizes.split(), strict=True)
        sizes = [word for set_, n in options for word in (f"--num_{set_}", n)]
        output = str(tmp_path / name)
        maker.main(["--output", output, "--fsdd_root", str(root), *sizes])
    for name in SETS:
        for key, path in read_table(tmp_path / "small" / name / "wav.scp").items():
            larger = read_table(tmp_path / "large" / name / "wav.scp")[key]
            assert Path(larger).read_bytes() == Path(path).read_bytes(), key


def test_strings_are_of_one_speaker_and_of_recordings_of_their_set(root, maker, reader):
    corpus = reader.find_corpus(str(root))
    used = {}
    for name in SETS:
        plan = maker.plan_set(corpus, name, 200, seed=0)
        assert {len(u.recordings) for u in plan} == {3, 4, 5, 6}
        assert Counter(u.speaker for u in plan) == {"ann": 100, "bob": 100}
        for utt in plan:
            parts = [path.stem.split("_") for path in utt.recordings]
            words = [reader.DIGITS[int(digit)] for digit, _, _ in parts]
            assert utt.text == " ".join(words)
            assert {speaker for _, speaker, _ in parts} == {utt.speaker}
            assert utt.accent == {"ann": "usa_neutral", "bob": "nzl_south_island"}.get(
                utt.speaker
            )
            assert len(set(utt.recordings)) == len(utt.recordings)
        used[name] = {path for utt in plan for path in utt.recordings}
    indices = {n: {int(p.stem.split("_")[2]) for p in ps} for n, ps in used.items()}
    assert indices["test"] == {0, 1, 2, 3, 4}  # the corpus's own rule
    assert indices["valid"] == {5, 6, 7, 8, 9}
    assert indices["train"] == {10, 11}
    assert sum(map(len, used.values())) == len(set.union(*used.values()))


def test_the_directories_are_valid_and_the_audio_is_as_promised(root, maker, tmp_path):
    data = tmp_path / "data"
    maker.main(["--output", str(data), "--fsdd_root", str(root), *SIZES])
    for name in SETS:
        validate_data_dir.main([str(data / name)])
        texts = read_table(data / name / "text")
        for key, path in read_table(data / name / "wav.scp").items():
            samples = read_audio(path, 8000, utt=key)
            num = len(texts[key].split())
            shortest = num * 400 + 8000 * (0.05 * (num - 1) + 0.1)
            longest = num * 400 + 8000 * (0.25 * (num - 1) + 0.3)
            assert shortest - num - 1 <= len(samples) <= longest
            # Digits, then the noise between them: low, and never digitally silent.
            edge = samples[: int(0.05 * 8000) - 1]
            assert 0 < np.abs(edge).max() <= 0.0021
            assert 0.2 < np.abs(samples).max() < 0.91
            assert not (np.convolve(samples == 0, np.ones(64), "valid") == 64).any()


def test_a_root_that_is_not_named_not_there_or_something_else(
    root, maker, fsdd, tmp_path
):
    url = "https://github.com/Jakobovski/free-spoken-digit-dataset"
    done = fsdd.run_data_sh("--datadir", tmp_path / "data", FSDD="")
    assert done.returncode == 1
    assert url in done.stderr and "FSDD=" in done.stderr and "db.sh" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()

    def make(folder):
        maker.main(["--output", str(tmp_path / "data"), "--fsdd_root", str(folder)])

    with pytest.raises(UserError, match=f"{tmp_path}/no is not a folder.*{url}"):
        make(tmp_path / "no")
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="metadata.py and recordings/ missing"):
        make(tmp_path / "other")
    (root / "metadata.py").unlink()
    with pytest.raises(UserError, match="look like .*: metadata.py missing"):
        make(root)


def test_metadata_is_read_without_running_it(root, reader, tmp_path):
    trap = tmp_path / "trap"
    path = root / "metadata.py"
    path.write_text(f"open({str(trap)!r}, 'w')\n{METADATA}")
    assert reader.read_accents(path)["ann"] == "usa_neutral"
    assert not trap.exists()


@pytest.mark.parametrize(
    "content",
    [
        "metadata = {",
        "speakers = {}",
        "metadata = {}",
        "metadata = dict(ann=1)",
        "metadata = ['ann']",
        "metadata = {'ann': {'gender': 'female'}}",
        "metadata = {'ann': {'accent': ' / '}}",
        "\0",
    ],
)
def test_metadata_that_says_nothing(root, reader, content):
    path = root / "metadata.py"
    path.write_text(content)
    with pytest.raises(UserError, match=f"{path}: .*copy the file again from"):
        reader.read_accents(path)


def _spoil(path: Path, how: str) -> None:
    if how == "unreadable":
        path.write_bytes(b"RIFF, but no sound")
    elif how == "no bytes":
        path.write_bytes(b"")
    elif how == "empty":
        soundfile.write(path, np.zeros(0), 8000)
    elif how == "silent":
        soundfile.write(path, np.zeros(400), 8000)
    elif how == "wrong rate":
        soundfile.write(path, np.full(400, 0.1), 16000)
    else:
        path.unlink()


@pytest.mark.parametrize(
    "how", ["unreadable", "no bytes", "empty", "silent", "wrong rate", "missing"]
)
def test_a_bad_recording_is_named(root, maker, tmp_path, how):
    path = root / "recordings" / "7_bob_6.wav"
    _spoil(path, how)
    output = tmp_path / "data"
    with pytest.raises(UserError, match=f"{path}.*opy (it|the corpus) again from"):
        maker.main(["--output", str(output), "--fsdd_root", str(root), *SIZES])
    assert not (output / "stamp.json").exists()


@pytest.mark.parametrize("name", ["7_carl_6.wav", "seven.wav"])
def test_a_recording_that_does_not_belong_is_named(root, reader, name):
    path = root / "recordings" / name
    path.write_bytes((root / "recordings" / "7_bob_6.wav").read_bytes())
    with pytest.raises(UserError, match=f"{path}: .*remove the file"):
        reader.find_corpus(str(root))


def test_too_few_recordings_for_three_sets(root, reader):
    for path in (root / "recordings").glob("*_1[01].wav"):
        path.unlink()
    with pytest.raises(UserError, match="20 of 220 .* missing, .*/0_ann_10.wav"):
        reader.find_corpus(str(root))


@pytest.mark.skipif(not REAL.is_dir(), reason="no Free Spoken Digit Dataset (FSDD)")
def test_the_real_corpus(fsdd, reader, tmp_path):
    corpus = reader.find_corpus(str(REAL))
    assert Counter(corpus.accents.values()) == {
        "usa_neutral": 2,
        "deu_german": 2,
        "bel_french": 1,
        "grc_greek": 1,
    }
    sizes = {name: len(pool) for name, pool in corpus.recordings["theo"].items()}
    assert sizes == {"train": 400, "valid": 50, "test": 50}
    done = fsdd.run_data_sh("--datadir", tmp_path, "--fsdd_root", REAL, *SIZES)
    assert done.returncode == 0, done.stderr
    for name in SETS:
        validate_data_dir.main([str(tmp_path / name)])
