"""Randomised smoothing of a decoding: its settings, its noise, its result."""

import shlex

import numpy as np
import pytest
import soundfile
import torch
from model_factory import RATE, pack_hearing, speeches, write_data_dir

from espnet_mtl.attack.eot import EOT
from espnet_mtl.bin import asr_mtl_inference
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.inference.batch_recogniser import BatchRecogniser
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.inference.search import read_search
from espnet_mtl.inference.smoothed import SmoothedRecogniser, recognise_from_disk
from espnet_mtl.inference.smoothing import Smoothing, read_smoothing
from espnet_mtl.inference.speech2text import Hypothesis, Recognised, Speech2TextAccent
from espnet_mtl.seeding import seed_of

SEARCH = "--ctc_weight 1 --beam_size 3"
FILES = ("text", "token", "token_int", "accent")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that hears something, and what it is to hear."""
    folder = tmp_path_factory.mktemp("smoothing")
    pack_hearing(folder)
    data = write_data_dir(folder / "data", num_utts=4)
    wavs = read_table(data / "wav.scp").values()
    for wav, speech in zip(wavs, speeches(4), strict=True):
        soundfile.write(wav, speech, RATE, subtype="PCM_16")
    return folder


def decode(folder, out, *options):
    """Decode from disk; return what is in each file, by its name."""
    asr_mtl_inference.main(
        [
            *("--model_zip", str(folder / "x.zip"), "--output_dir", str(out)),
            *("--data_path_and_name_and_type", f"{folder}/data/wav.scp,speech,sound"),
            *("--num_workers", "0", *shlex.split(SEARCH), *options),
        ]
    )
    return {
        name: read_table(out / "1best_recog" / name, allow_empty_value=True)
        for name in FILES
    }


def smooth(std, draws=5):
    return ["--smoothing", f"std={std}", "--smoothing", f"draws={draws}"]


def test_with_hardly_any_noise_all_is_as_without(folder, tmp_path):
    plain = decode(folder, tmp_path / "plain")
    assert decode(folder, tmp_path / "smoothed", *smooth(1e-9)) == plain
    scores = read_table(tmp_path / "smoothed" / "1best_recog" / "score")
    assert set(scores.values()) == {"0.0"}  # all agree


def test_a_decoding_is_repeated_exactly_and_another_seed_is_another_draw(
    folder, tmp_path
):
    config = tmp_path / "decode.yaml"
    config.write_text("smoothing: {std: 0.3, draws: 1}\n")
    options = ("--config", str(config))
    first = decode(folder, tmp_path / "1", *options)
    assert decode(folder, tmp_path / "2", *options) == first
    assert decode(folder, tmp_path / "3", *options, "--seed", "1") != first
    assert decode(folder, tmp_path / "1") != first  # another decoding: not kept


class Ear:
    """Takes the place of a ``BatchRecogniser``; keeps what it hears."""

    nbest = 2

    def __init__(self, *texts):
        self.heard = []
        self._texts = texts

    def recognise_all(self, key, speeches):
        first = len(self.heard)
        self.heard += speeches
        return [self._recognise(first + n) for n in range(len(speeches))]

    def _recognise(self, number):
        text = self._texts[number % len(self._texts)] if self._texts else "a"
        if text is None:
            return Recognised()
        nbest = Hypothesis(text=text, token=f"<{text}>", token_int="1", score="-3")
        return Recognised(nbest=(nbest,), posteriors=(0.5 + 0.1 * number, 0.5))


def test_the_noise_is_gaussian_and_each_copy_has_its_own():
    ear, audio = Ear(), np.full(20000, 0.1, dtype=np.float32)
    SmoothedRecogniser(ear, Smoothing(std=0.02, draws=4)).recognise_all(
        "a", [audio], [7]
    )
    noise = np.stack(ear.heard) - audio
    assert noise.shape == (4, 20000)
    assert noise.std(axis=1) == pytest.approx([0.02] * 4, rel=0.03)
    assert np.abs(noise.mean(axis=1)).max() < 0.001
    shares = np.mean(np.abs(noise) < 0.02, axis=1)
    assert shares == pytest.approx([0.683] * 4, abs=0.02)
    correlations = np.corrcoef(noise) - np.eye(4)
    assert np.abs(correlations).max() < 0.05


def test_copies_stay_within_full_scale():
    ear = Ear()
    smoothed = SmoothedRecogniser(ear, Smoothing(std=0.5, draws=2))
    smoothed.recognise_all("a", [np.full(500, 0.9, dtype=np.float32)], [0])
    assert np.abs(ear.heard).max() == 1.0


def test_an_utterance_has_its_own_noise_whatever_is_heard_with_it():
    audios = [np.zeros(n, dtype=np.float32) for n in (300, 200)]
    smoothing = Smoothing(std=0.1, draws=3)
    together, alone = Ear(), Ear()
    SmoothedRecogniser(together, smoothing).recognise_all("a", audios, [1, 2])
    for audio, seed in zip(audios, (1, 2), strict=True):
        SmoothedRecogniser(alone, smoothing).recognise_all("a", [audio], [seed])
    for one, other in zip(together.heard, alone.heard, strict=True):
        assert np.array_equal(one, other)
    assert len({copy.tobytes() for copy in together.heard}) == 6


def test_what_the_copies_say_is_ranked_and_accents_are_averaged():
    ear = Ear("b c", "a", "b", None, "b c")
    smoothed = SmoothedRecogniser(ear, Smoothing(std=0.1, draws=5))
    (found,) = smoothed.recognise_all("a", [np.zeros(9, dtype=np.float32)], [0])
    assert [one.text for one in found.nbest] == ["b", "b c"]
    assert found.nbest[0].token == "<b>"
    # From "b": 1 edit to each "b c", to "a" and to nothing; from "b c": 2, 1, 2
    assert [float(one.score) for one in found.nbest] == [-4 / 5, -5 / 5]
    assert found.posteriors == pytest.approx((0.5 + 0.1 * 7 / 4, 0.5))


def test_where_most_copies_are_silent_nothing_is_heard():
    smoothed = SmoothedRecogniser(Ear(None, "a", None), Smoothing(std=0.1, draws=3))
    (found,) = smoothed.recognise_all("a", [np.zeros(9, dtype=np.float32)], [0])
    assert found.nbest[0].text == found.nbest[0].token == ""


def test_a_single_copy_is_heard_as_stock_hears_it(folder):
    config, weights = folder / "config.yaml", folder / "model.pth"
    options = {"ctc_weight": 1.0, "beam_size": 3}
    recogniser = Speech2TextAccent(config, weights, **options)
    smoothing = Smoothing(std=0.02, draws=1)
    noise, heard = EOT(gaussian=0.02), []
    for key, wav in read_table(folder / "data" / "wav.scp").items():
        speech = torch.from_numpy(soundfile.read(wav, dtype="float32")[0])
        found = recognise_from_disk(recogniser, smoothing, 5)(key, speech)
        seed = seed_of(seed_of("decoding", 5, key), "draw", 0)
        lengths = torch.tensor([len(speech)])
        noisy = noise.transform(speech[None], lengths, [seed])[0]
        text = recogniser.speech2text(noisy)[0][0]
        assert found.nbest[0].text == text
        heard.append(text)
    assert len(set(heard)) > 1


@pytest.fixture
def noises(monkeypatch):
    """The noisy copies that reach the model, whoever makes them."""
    heard = []

    def recognise_all(self, key, speeches):
        heard.extend(np.asarray(one).copy() for one in speeches)
        return Ear().recognise_all(key, speeches)

    monkeypatch.setattr(BatchRecogniser, "recognise_all", recognise_all)
    return heard


def test_an_attack_hears_fresh_noise_in_other_audio_and_never_that_of_decoding(
    folder, tmp_path, noises
):
    table = read_table(folder / "data" / "wav.scp")
    audios = [soundfile.read(wav, dtype="float32")[0] for wav in table.values()]
    args = f"{SEARCH} {shlex.join(smooth(0.1, 2))}"
    listener = PackedListener(folder / "x.zip", Decoding(args=args))

    def heard(one):
        noises.clear()
        listener(one)
        return [noise.copy() for noise in noises]

    changed = audios[0].copy()
    changed[100] += 1 / 32768
    first, again, other = heard(audios[0]), heard(audios[0]), heard(changed)
    assert np.array_equal(first, again)
    apart = np.abs(np.subtract(first, other))
    assert np.median(apart) > 0.05

    noises.clear()
    decode(folder, tmp_path / "out", *smooth(0.1, 2))
    assert len(noises) == 2 * len(audios)
    assert all(not np.array_equal(one, noises[n]) for n, one in enumerate(first))


@pytest.mark.parametrize("search", [SEARCH, f"{SEARCH} --dtype float64"])
def test_a_listener_hears_several_as_it_hears_each(folder, search):
    """In batches, and by a recogniser that knows no batches."""
    table = read_table(folder / "data" / "wav.scp")
    audios = [soundfile.read(wav, dtype="float32")[0] for wav in table.values()]
    args = f"{search} {shlex.join(smooth(0.02, 3))}"
    listener = PackedListener(folder / "x.zip", Decoding(args=args))
    assert listener._together.able is ("float64" not in search)
    together = listener.hear_all(audios)
    assert together == [listener(audio) for audio in audios]
    assert len({one.text for one in together}) > 1 and together[0].accent


def test_audio_that_is_too_short_is_heard_as_nothing(folder):
    args = f"{SEARCH} {shlex.join(smooth(0.1, 2))}"
    listener = PackedListener(folder / "x.zip", Decoding(args=args))
    heard = listener(np.full(10, 0.1, dtype=np.float32))
    assert heard.text == "" and heard.accent is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"std": 0}, "smoothing: std: 0.0: give a number above 0 and at most 1"),
        ({"std": -0.1}, "std: -0.1"),
        ({"std": 1.5}, "std: 1.5"),
        ({"std": float("nan")}, "std: nan"),
        ({"std": "loud"}, "std: loud"),
        ({"std": None}, "std: None"),
        ({"std": 0.1, "draws": 0}, "draws: 0: give a whole number above 0"),
        ({"std": 0.1, "draws": 2.5}, "draws: 2.5"),
        ({"std": 0.1, "draws": True}, "draws: True"),
        ({"std": 0.1, "vote": "rover"}, "vote: rover: choose from nearest, majority"),
        ({"std": 0.1, "vote": ["nearest"]}, r"vote: \['nearest'\]: choose from"),
        ({"draws": 3}, "std is missing"),
        ({"std": 0.1, "sigma": 1}, "sigma: unknown setting; choose from std, draws"),
        ({}, "std is missing"),
        (0.1, "smoothing: 0.1: give settings, such as"),
        ([1], r"smoothing: \[1\]: give settings"),
    ],
)
def test_settings_without_sense_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        read_smoothing(settings)


def test_a_place_is_named_where_settings_make_no_sense(folder, tmp_path):
    config = tmp_path / "decode.yaml"
    config.write_text("smoothing: {std: 2}\n")
    with pytest.raises(UserError, match=r"decode.yaml: smoothing: std: 2"):
        read_search(Decoding(config))
    with pytest.raises(UserError, match="^--smoothing: draws: 0"):
        decode(folder, tmp_path / "out", *smooth(0.1, 0))


def test_options_win_over_the_configuration(tmp_path):
    config = tmp_path / "decode.yaml"
    config.write_text("smoothing: {std: 0.2, draws: 3}\n")
    assert read_search(Decoding(config)).smoothing == Smoothing(std=0.2, draws=3)
    args = "--smoothing draws=9 --smoothing vote=majority"
    expected = Smoothing(std=0.2, draws=9, vote="majority")
    assert read_search(Decoding(config, args)).smoothing == expected
    assert read_search(Decoding()).smoothing is None
    tiny = Decoding(args="--smoothing std=5e-3")  # YAML's 5e-3 is a text
    assert read_search(tiny).smoothing.std == 0.005


def test_a_defence_is_known_without_espnet(tmp_path):
    config = tmp_path / "decode.yaml"
    config.write_text("smoothing: {std: 0.2}\n")
    assert Decoding(args="--beam_size 3").defence() == []
    assert Decoding(config).defence() == [{"std": 0.2}]
    both = Decoding(config, "--smooth draws=2 --smoothing=std=0.1")
    assert both.defence() == [{"std": 0.2}, ["draws=2", "std=0.1"]]
