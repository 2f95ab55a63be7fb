"""Decoding: the text is stock ESPnet's, the accent is the model's."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from espnet2.bin.asr_inference import Speech2Text
from model_factory import ACCENTS, RATE, make_batch, save_lm, save_model, write_data_dir

from espnet_mtl.bin import asr_mtl_inference, format_wav_scp
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.inference.search import Search
from espnet_mtl.inference.speech2text import Speech2TextAccent
from espnet_mtl.journal import Journal
from espnet_mtl.package.packing import pack_model

BEAM = 2


def _read(path):
    return read_table(path, allow_empty_value=True)


def _files(config, weights):
    return ["--asr_train_config", str(config), "--asr_model_file", str(weights)]


def _lm(config, weights):
    return ["--lm_train_config", str(config), "--lm_file", str(weights)]


def _options(data_dir, model, output_dir, *more):
    return [
        *("--output_dir", str(output_dir), "--beam_size", str(BEAM)),
        *("--data_path_and_name_and_type", f"{data_dir / 'wav.scp'},speech,sound"),
        *("--num_workers", "0", "--maxlenratio", "-6", "--nbest", "2", *model, *more),
    ]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return write_data_dir(tmp_path_factory.mktemp("data"), num_utts=2)


@pytest.fixture(scope="module")
def exp(tmp_path_factory):
    """Configuration and weights of a model with an accent head."""
    return save_model(tmp_path_factory.mktemp("exp"))


@pytest.mark.parametrize("ctc_weight", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("accent_weight", [0.0, 0.5, 1.0])
def test_text_equals_stock_and_accent_is_the_models(
    tmp_path, data_dir, ctc_weight, accent_weight
):
    exp = save_model(
        tmp_path / "exp",
        model_conf={"ctc_weight": ctc_weight},
        accent_weight=accent_weight,
    )
    decode_weight = ("--ctc_weight", str(ctc_weight))
    out = tmp_path / "out"
    asr_mtl_inference.main(_options(data_dir, _files(*exp), out, *decode_weight))
    options = {"ctc_weight": ctc_weight, "maxlenratio": -6, "nbest": 2}
    stock = Speech2Text(*exp, beam_size=BEAM, **options)
    decoded = [_read(out / f"{n}best_recog/text") for n in (1, 2)]
    scores = _read(out / "1best_recog/score")
    for utt, wav in _read(data_dir / "wav.scp").items():
        expected = stock(soundfile.read(wav, dtype="float32")[0])
        assert [d[utt] for d in decoded] == [e[0].strip() for e in expected]
        assert float(scores[utt]) == pytest.approx(float(expected[0][3].score))

    accents = out / "1best_recog/accent"
    assert accents.exists() == (accent_weight > 0)
    if accent_weight:
        posteriors = _read(out / "1best_recog/accent_score")
        for utt, accent in _read(accents).items():
            values = [float(p) for p in posteriors[utt].split()]
            assert sum(values) == pytest.approx(1.0, abs=1e-4)
            assert ACCENTS[int(np.argmax(values))] == accent


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float64"},
        {"quantize_asr_model": True},
        {"streaming": True},
        {"normalize_length": True, "penalty": 0.1, "minlenratio": -2, "nbest": 3},
    ],
)
def test_each_kind_of_search_hears_what_stock_hears(exp, options):
    options = {"beam_size": 3, "maxlenratio": -6, **options}
    speech = make_batch(1)["speech"][0]
    heard = Speech2TextAccent(*exp, **options)(speech)
    stock = Speech2Text(*exp, **options)(speech)
    assert [(h.text, h.score) for h in heard.nbest] == [
        (text, str(float(hypothesis.score))) for text, _, _, hypothesis in stock
    ]
    assert sum(heard.posteriors) == pytest.approx(1.0)


@pytest.mark.parametrize("ctc_weight", [0.0, 0.3])
def test_a_head_on_an_intermediate_layer_leaves_the_text_as_stock_hears_it(
    tmp_path, ctc_weight
):
    exp = save_model(
        tmp_path / "exp",
        accent_head_conf={"layer": 1},
        model_conf={"ctc_weight": ctc_weight},
    )
    options = {"beam_size": BEAM, "maxlenratio": -6, "ctc_weight": ctc_weight}
    speech = make_batch(1)["speech"][0]
    heard = Speech2TextAccent(*exp, **options)(speech)
    hypotheses = Speech2Text(*exp, **options)(speech)
    assert heard.nbest[0].text == hypotheses[0][0]
    assert len(heard.posteriors) == len(ACCENTS)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--enh_s2t_task", "true"], "--enh_s2t_task is not supported"),
        (["--multi_asr", "true"], "--multi_asr is not supported"),
        (["--word_lm_file", "x"], "--word_lm_file is not supported"),
        (["--model_zip", "x"], "not both"),
        (["--asr_model_file", ""], "give --model_zip, or"),
        (["--asr_model_file", "missing.pth"], "missing.pth: no such file"),
    ],
)
def test_what_cannot_be_decoded_is_refused(tmp_path, data_dir, exp, more, said):
    with pytest.raises(UserError, match=said):
        asr_mtl_inference.main(_options(data_dir, _files(*exp), tmp_path, *more))


def test_a_zip_is_decoded_as_what_is_in_it(tmp_path, data_dir, exp):
    pack_model(*exp, [], tmp_path / "x.zip")
    zipped = ["--model_zip", str(tmp_path / "x.zip")]
    asr_mtl_inference.main(_options(data_dir, _files(*exp), tmp_path / "files"))
    asr_mtl_inference.main(_options(data_dir, zipped, tmp_path / "zip"))
    for name in ("text", "score", "accent", "accent_score"):
        files = [tmp_path / out / "1best_recog" / name for out in ("files", "zip")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_nothing_stays_of_a_model_that_had_more_to_say(tmp_path, data_dir, exp):
    out = tmp_path / "out"
    asr_mtl_inference.main(_options(data_dir, _files(*exp), out))
    kept = out / "1best_recog" / "score_attack"
    kept.mkdir()
    assert (out / "accents").is_file() and (out / "2best_recog" / "text").is_file()
    plain = save_model(tmp_path / "plain", accent_weight=0.0)
    asr_mtl_inference.main(_options(data_dir, _files(*plain), out, "--nbest", "1"))
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {
        "journal.jsonl",
        *(f"1best_recog/{name}" for name in ("text", "token", "token_int", "score")),
    }
    assert kept.is_dir()


def test_more_options_win_and_may_have_blanks(tmp_path, data_dir, exp):
    lm = save_lm(tmp_path / "a folder")
    more = shlex.join(["--nbest", "1", *_lm(*lm), "--lm_weight", "0.7"])
    out, same = tmp_path / "out", tmp_path / "same"
    options = _options(data_dir, _files(*exp), out)
    asr_mtl_inference.main(["--inference_args", more, *options])
    assert not (out / "2best_recog").exists()
    asr_mtl_inference.main(_options(data_dir, _files(*exp), same, *shlex.split(more)))
    score = "1best_recog/score"
    assert (out / score).read_bytes() == (same / score).read_bytes()


def test_a_language_model_is_listened_to_and_another_one_decodes_anew(
    tmp_path, data_dir, exp, monkeypatch
):
    lm = _lm(*save_lm(tmp_path / "lm"))
    asr_mtl_inference.main(_options(data_dir, _files(*exp), tmp_path / "none"))
    options = _options(data_dir, _files(*exp), tmp_path / "out", *lm)
    options += ["--lm_weight", "0.7"]
    assert len(decoded_by(options, monkeypatch)) == 2
    first = _read(tmp_path / "out/1best_recog/score")
    assert first != _read(tmp_path / "none/1best_recog/score")
    assert decoded_by(options, monkeypatch) == []
    save_lm(tmp_path / "lm", seed=1)  # another one at the same place
    assert len(decoded_by(options, monkeypatch)) == 2
    assert _read(tmp_path / "out/1best_recog/score") != first


def test_a_zip_is_decoded_with_its_language_model(tmp_path, data_dir, exp, monkeypatch):
    lm, other = save_lm(tmp_path / "lm"), save_lm(tmp_path / "other", seed=1)
    pack_model(*exp, [], tmp_path / "x.zip", lm=tuple(lm))
    zipped, files = ["--model_zip", str(tmp_path / "x.zip")], _files(*exp)

    def decode(name, model, *more):
        options = _options(data_dir, model, tmp_path / name, *more)
        decoded = decoded_by([*options, "--lm_weight", "0.7"], monkeypatch)
        return decoded, (tmp_path / name / "1best_recog/score").read_text()

    assert decode("zip", zipped)[1] == decode("files", files, *_lm(*lm))[1]
    assert decode("zip", zipped)[0] == []  # unpacked elsewhere, and yet the same
    # One that is asked for wins.
    both = decode("both", zipped, *_lm(*other))[1]
    assert both == decode("2", files, *_lm(*other))[1]
    assert both != decode("zip", zipped)[1]


@pytest.mark.parametrize(
    ("lm_weight", "has_lm", "said"),
    [
        ("0.7", False, "lm_weight 0.7 has no effect: no lm_train_config is given"),
        ("0", True, "lm_weight is 0: lm_train_config has no effect"),
        ("0.7", True, None),
        ("0", False, None),
    ],
)
def test_weights_that_change_nothing_are_told(lm_weight, has_lm, said, caplog):
    options = asr_mtl_inference.get_parser().parse_args(
        [
            *("--output_dir", "x", "--data_path_and_name_and_type", "x,speech,sound"),
            *("--lm_weight", lm_weight, "--ngram_weight", "0"),
            *(["--lm_train_config", "x"] if has_lm else []),
        ]
    )
    caplog.set_level("INFO")
    Search.from_args(options).log_ignored_weights()
    assert [record.message for record in caplog.records] == ([said] if said else [])


def test_a_killed_run_continues_and_ends_the_same(tmp_path, exp, monkeypatch):
    data_dir = write_data_dir(tmp_path / "data", num_utts=30)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    asr_mtl_inference.main(_options(data_dir, _files(*exp), whole))
    options = _options(data_dir, _files(*exp), killed)
    process = subprocess.Popen(
        [sys.executable, "-m", "espnet_mtl.bin.asr_mtl_inference", *options],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    journal = killed / "journal.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_text().count("\n") >= 3:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = journal.read_text().count("\n")
    assert 3 <= done < 30, "the kill came too early or too late to test anything"

    assert len(decoded_by(options, monkeypatch)) <= 30 - done
    for name in ("text", "score", "token_int", "accent", "accent_score"):
        path = f"1best_recog/{name}"
        assert (killed / path).read_bytes() == (whole / path).read_bytes()

    # Finished, it has nothing to do, but for audio that was written anew.
    assert decoded_by(options, monkeypatch) == []
    (data_dir / "spk0-004.wav").touch()
    assert decoded_by(options, monkeypatch) == ["spk0-004"]


def decoded_by(options, monkeypatch):
    """Run the command and return the utterances that it decoded."""
    decoded = []
    append = Journal.append

    def watch(self, made_of, results):
        decoded.extend(results)
        append(self, made_of, results)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", watch)
        asr_mtl_inference.main(options)
    return decoded


def test_an_utterance_that_is_too_short_is_heard_as_nothing(tmp_path, exp):
    """Shorter than half a window, or than what the encoder needs."""
    data_dir = write_data_dir(tmp_path / "data", num_utts=4)
    short = {"spk0-000": 10, "spk0-002": 60, "spk1-001": 200}
    for utt, num_samples in short.items():
        soundfile.write(data_dir / f"{utt}.wav", np.full(num_samples, 0.1), 8000)
    asr_mtl_inference.main(_options(data_dir, _files(*exp), tmp_path / "out"))
    texts, accents = (
        _read(tmp_path / f"out/1best_recog/{n}") for n in ("text", "accent")
    )
    assert {utt for utt, accent in accents.items() if accent == "<unk>"} == set(short)
    assert [texts[utt] for utt in short] == ["", "", ""]


def test_weights_of_another_model_are_refused(tmp_path, data_dir, exp):
    torch.save({"x": torch.zeros(1)}, tmp_path / "x.pth")
    options = _options(data_dir, _files(exp[0], tmp_path / "x.pth"), tmp_path / "out")
    with pytest.raises(UserError, match="x.pth: the weights do not fit"):
        asr_mtl_inference.main(options)


def _write(path, samples, rate=RATE):
    soundfile.write(path, samples, rate)


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


UNFIT = {
    "another rate": (
        lambda path: _write(path, soundfile.read(path)[0], 2 * RATE),
        f"sampled at {2 * RATE} Hz, but {RATE} Hz are needed; stage 3 resamples",
    ),
    "stereo": (
        lambda path: _write(path, np.stack([soundfile.read(path)[0]] * 2, axis=1)),
        "2 channels; give one channel: stage 3 makes one of them",
    ),
    "half a file": (_cut, "cut short: "),
}


@pytest.mark.parametrize("name", UNFIT)
def test_audio_that_the_model_was_not_made_for_is_refused(tmp_path, exp, name):
    folder = write_data_dir(tmp_path / "data", num_utts=2)
    spoil, fault = UNFIT[name]
    utt, wav = list(_read(folder / "wav.scp").items())[1]
    spoil(Path(wav))
    pack_model(*exp, [], tmp_path / "x.zip")
    for model in (_files(*exp), ["--model_zip", str(tmp_path / "x.zip")]):
        with pytest.raises(UserError) as caught:
            asr_mtl_inference.main(_options(folder, model, tmp_path / "out"))
        assert str(caught.value).startswith(f"utterance {utt}: {wav}: {fault}")
    assert not (tmp_path / "out" / "1best_recog").exists()


def test_archives_are_checked_as_files_are(tmp_path, exp):
    folder = write_data_dir(tmp_path / "data", num_utts=2)
    out = tmp_path / "dump"
    options = ["--fs", str(2 * RATE), "--audio_format", "flac.ark"]
    format_wav_scp.main([*options, str(folder), str(out)])
    command = _options(out, _files(*exp), tmp_path / "out")
    command = [word.replace(",sound", ",kaldi_ark") for word in command]
    with pytest.raises(UserError, match=rf"2 of 2 (.|\n)*sampled at {2 * RATE} Hz"):
        asr_mtl_inference.main(command)
