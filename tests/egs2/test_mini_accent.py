"""The corpus mini_accent and its recipe."""

import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin import validate_data_dir
from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError

SETS = ("train", "valid", "test")
# Every voice of valid and test, and so few utterances of some that order shows.
SMALL = "--num_train 18 --num_valid 12 --num_test 12".split()
LARGE = "--num_train 250 --num_valid 12 --num_test 13".split()


@pytest.fixture(scope="module")
def maker(mini_accent):
    return mini_accent.load("make_corpus")


@pytest.fixture(scope="module")
def design(mini_accent):
    return mini_accent.load("design")


@pytest.fixture(scope="module")
def espeak(mini_accent):
    return mini_accent.load("espeak")


@pytest.fixture(scope="module")
def small(maker, tmp_path_factory) -> Path:
    data = tmp_path_factory.mktemp("small")
    maker.main(["--output", str(data), *SMALL])
    return data


def test_data_sh_makes_the_same_bytes_again(small, mini_accent, hash_corpus, tmp_path):
    done = mini_accent.run_data_sh("--datadir", tmp_path / "data", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "utterances a second" in done.stderr
    hashes = hash_corpus(small)
    assert len(hashes) == 3 * 4 + 18 + 12 + 12
    assert hash_corpus(tmp_path / "data") == hashes


def test_a_second_run_with_the_same_options_makes_nothing(
    small, mini_accent, hash_corpus
):
    wav = next((small / "audio").glob("test/*.wav"))
    before = wav.stat().st_mtime_ns
    done = mini_accent.run_data_sh("--datadir", small, *SMALL)
    assert done.returncode == 0, done.stderr
    assert "kept" in done.stderr
    assert wav.stat().st_mtime_ns == before


def test_a_larger_corpus_begins_with_the_smaller(small, maker, tmp_path):
    data = tmp_path / "large"
    maker.main(["--output", str(data), *LARGE])
    for name in SETS:
        for key, path in read_table(small / name / "wav.scp").items():
            larger = Path(read_table(data / name / "wav.scp")[key])
            assert larger.read_bytes() == Path(path).read_bytes(), key
        large_text = read_table(data / name / "text")
        assert read_table(small / name / "text").items() <= large_text.items()
        assert len(large_text) == int(LARGE[2 * SETS.index(name) + 1])


def test_another_seed_gives_another_corpus(small, maker, hash_corpus, tmp_path):
    maker.main(["--output", str(tmp_path), "--seed", "1", *SMALL])
    other = set(hash_corpus(tmp_path).values())
    audio = {h for p, h in hash_corpus(small).items() if p.endswith(".wav")}
    assert not audio & other


def test_the_directories_are_valid_and_the_audio_is_as_promised(small):
    for name in SETS:
        validate_data_dir.main([str(small / name)])
        for key, path in read_table(small / name / "wav.scp").items():
            info = soundfile.info(path)
            assert (info.samplerate, info.channels) == (16000, 1)
            assert info.subtype == "PCM_16"
            samples = read_audio(path, 16000, utt=key)
            assert 0.29 < np.abs(samples).max() < 0.92
            assert 0.5 < len(samples) / 16000 < 5
            # Never digitally silent: not even for 2 ms.
            silent = np.convolve(samples == 0, np.ones(32), "valid")
            assert silent.max() < 32, key


def test_sets_share_no_voice_no_speaker_no_sentence(design):
    plans = {name: design.plan_set(name, 3000, seed=0) for name in SETS}
    for what in ("voice", "speaker", "text", "key"):
        values = [{getattr(u, what) for u in plan} for plan in plans.values()]
        assert sum(map(len, values)) == len(set.union(*values)), what
    spoken = {n: {u.voice.split("+")[1] for u in p} for n, p in plans.items()}
    assert {name: set(voices) for name, voices in design.VOICES.items()} == spoken


@pytest.mark.parametrize("size", [6, 192, 200, 2400])
def test_accents_are_balanced(design, size):
    counts = Counter(u.accent for u in design.plan_set("test", size, seed=0))
    assert len(counts) == 6
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_sentence_that_comes_again_has_another_accent(design):
    """Else the words would tell the accent."""
    accents_of = defaultdict(list)
    for utterance in design.plan_set("train", 9600, seed=0):
        accents_of[utterance.text].append(utterance.accent)
    assert min(map(len, accents_of.values())) >= 4
    assert all(len({*found}) == len(found) for found in accents_of.values())


def test_speakers_keep_their_habits_and_differ(design):
    plan = design.plan_set("train", 2400, seed=0)
    habits = {}
    for utterance in plan:
        habit = (utterance.accent, utterance.voice, utterance.pitch, utterance.rate)
        assert habits.setdefault(utterance.speaker, habit) == habit
    assert len(habits) == 6 * 34 * design.TAKES_PER_VOICE
    assert len({habit[2:] for habit in habits.values()}) > 300


def test_linked_data_gives_the_same_speech(espeak):
    import espeakng_loader

    whole = Path(espeakng_loader.get_data_path())
    with espeak.linked_data(["en-us", "en-gb-scotland"]) as linked:
        for voice in ("en-us+Andrea", "en-gb-scotland+m3"):
            said = []
            for data_path in (whole, linked):
                with espeak.Espeak(voice, data_path) as speaker:
                    said.append(speaker.say("close the garage door", 50, 180, 7))
            np.testing.assert_array_equal(*said)


def test_a_language_or_voice_that_is_not_there(espeak):
    with (
        pytest.raises(UserError, match="no language 'en-atlantis'.*espeakng-loader"),
        espeak.linked_data(["en-us", "en-atlantis"]),
    ):
        pass
    with (
        espeak.linked_data(["en-us"]) as linked,
        pytest.raises(UserError, match="no voice 'en-atlantis'.*espeakng-loader"),
    ):
        espeak.Espeak("en-atlantis", linked)


def test_without_the_synthesiser(maker, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match="not installed: .*espeakng-loader"):
        maker.main(["--output", str(tmp_path), *SMALL])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num_test", "0"], "--num_test 0: .* at least 1"),
        (["--fs", "4k"], "--fs 4k: speech needs at least 8000 Hz"),
        (["--fs", "fast"], "--fs fast: not a sampling rate"),
    ],
)
def test_options_that_cannot_be_met(maker, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        maker.main(["--output", str(tmp_path), *options])


def test_data_sh_refuses_unknown_options(mini_accent, tmp_path):
    done = mini_accent.run_data_sh("--datadir", tmp_path, "--num_utts", "5")
    assert done.returncode == 1
    assert "unknown option --num_utts" in done.stderr
    assert not any(tmp_path.iterdir())
