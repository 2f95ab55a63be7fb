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
from model_factory import ACCENTS, make_batch, save_lm, save_model, write_data_dir

from espnet_mtl.bin import asr_mtl_inference
from espnet_mtl.errors import UserError
from espnet_mtl.inference.search import Search
from espnet_mtl.inference.speech2text import Speech2TextAccent
from espnet_mtl.journal import Journal
from espnet_mtl.package.packing import pack_model

BEAM = 2


def _read(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return dict((line + " ").split(" ", 1) for line in lines)


def _options(data_dir, config, weights, output_dir, *more):
    return [
        *("--output_dir", str(output_dir), "--beam_size", str(BEAM)),
        *("--data_path_and_name_and_type", f"{data_dir / 'wav.scp'},speech,sound"),
        *("--asr_train_config", str(config), "--asr_model_file", str(weights)),
        *("--num_workers", "0", "--maxlenratio", "-6", "--nbest", "2", *more),
    ]


@pytest.mark.parametrize("ctc_weight", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("accent_weight", [0.0, 0.5, 1.0])
def test_text_equals_stock_and_accent_is_the_models(
    tmp_path, ctc_weight, accent_weight
):
    data_dir = write_data_dir(tmp_path / "data", num_utts=3)
    config, weights = save_model(
        tmp_path / "exp",
        model_conf={"ctc_weight": ctc_weight},
        accent_weight=accent_weight,
    )
    decode_weight = ("--ctc_weight", str(ctc_weight))
    asr_mtl_inference.main(
        _options(data_dir, config, weights, tmp_path / "out", *decode_weight)
    )
    stock = Speech2Text(
        config, weights, beam_size=BEAM, ctc_weight=ctc_weight, maxlenratio=-6, nbest=2
    )
    decoded = [_read(tmp_path / f"out/{n}best_recog/text") for n in (1, 2)]
    scores = _read(tmp_path / "out/1best_recog/score")
    for utt, wav in _read(data_dir / "wav.scp").items():
        samples, _ = soundfile.read(wav.strip(), dtype="float32")
        expected = stock(samples)
        assert [d[utt].strip() for d in decoded] == [e[0].strip() for e in expected]
        assert float(scores[utt]) == pytest.approx(float(expected[0][3].score))

    accents = tmp_path / "out/1best_recog/accent"
    assert accents.exists() == (accent_weight > 0)
    if accent_weight:
        posteriors = _read(tmp_path / "out/1best_recog/accent_score")
        for utt, accent in _read(accents).items():
            values = [float(p) for p in posteriors[utt].split()]
            assert sum(values) == pytest.approx(1.0, abs=1e-4)
            assert ACCENTS[int(np.argmax(values))] == accent.strip()


@pytest.fixture(scope="module")
def model_files(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("exp"))


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float64"},
        {"quantize_asr_model": True},
        {"streaming": True},
        {"normalize_length": True, "penalty": 0.1, "minlenratio": -2, "nbest": 3},
    ],
)
def test_each_kind_of_search_hears_what_stock_hears(model_files, options):
    options = {"beam_size": 3, "maxlenratio": -6, **options}
    speech = make_batch(1)["speech"][0]
    heard = Speech2TextAccent(*model_files, **options)(speech)
    stock = Speech2Text(*model_files, **options)(speech)
    assert [(h.text, h.score) for h in heard.nbest] == [
        (text, str(float(hypothesis.score))) for text, _, _, hypothesis in stock
    ]
    assert sum(heard.posteriors) == pytest.approx(1.0)


@pytest.mark.parametrize("option", ["enh_s2t_task", "multi_asr"])
def test_models_of_several_speakers_are_refused(tmp_path, model_files, option):
    data_dir = write_data_dir(tmp_path / "data", num_utts=1)
    options = _options(data_dir, *model_files, tmp_path / "out", f"--{option}", "true")
    with pytest.raises(UserError, match=f"--{option} is not supported"):
        asr_mtl_inference.main(options)


def test_a_zip_is_decoded_as_what_is_in_it(tmp_path):
    data_dir = write_data_dir(tmp_path / "data", num_utts=2)
    config, weights = save_model(tmp_path / "exp")
    asr_mtl_inference.main(_options(data_dir, config, weights, tmp_path / "files"))
    pack_model(config, weights, [], tmp_path / "x.zip")
    zipped = ["--model_zip", str(tmp_path / "x.zip")]
    options = _options(data_dir, config, weights, tmp_path / "zip", *zipped)
    with pytest.raises(UserError, match="not both"):
        asr_mtl_inference.main(options)
    place = options.index("--asr_train_config")
    asr_mtl_inference.main(options[:place] + options[place + 4 :])
    for name in ("text", "score", "accent", "accent_score"):
        files = [tmp_path / out / "1best_recog" / name for out in ("files", "zip")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_more_options_win_and_may_have_blanks(tmp_path):
    data_dir = write_data_dir(tmp_path / "data", num_utts=2)
    config, weights = save_model(tmp_path / "exp")
    lm = save_lm(tmp_path / "a folder")
    options = _options(data_dir, config, weights, tmp_path / "out")
    more = f"--nbest 1 --lm_train_config '{lm[0]}' --lm_file '{lm[1]}' --lm_weight 0.7"
    asr_mtl_inference.main(["--inference_args", more, *options])
    assert not (tmp_path / "out/2best_recog").exists()
    asr_mtl_inference.main(
        [*options, *shlex.split(more), "--output_dir", f"{tmp_path}/same"]
    )
    score = "1best_recog/score"
    assert _read(tmp_path / "out" / score) == _read(tmp_path / "same" / score)


def test_a_language_model_is_listened_to_and_another_one_decodes_anew(
    tmp_path, monkeypatch
):
    data_dir = write_data_dir(tmp_path / "data", num_utts=2)
    config, weights = save_model(tmp_path / "exp")
    lm_config, lm_file = save_lm(tmp_path / "lm")
    asr_mtl_inference.main(_options(data_dir, config, weights, tmp_path / "none"))
    lm = ["--lm_train_config", str(lm_config), "--lm_file", str(lm_file)]
    options = _options(data_dir, config, weights, tmp_path / "out", *lm)
    options += ["--lm_weight", "0.7"]
    assert len(decoded_by(options, monkeypatch)) == 2
    first = _read(tmp_path / "out/1best_recog/score")
    assert first != _read(tmp_path / "none/1best_recog/score")
    assert decoded_by(options, monkeypatch) == []
    save_lm(tmp_path / "lm", seed=1)  # another one at the same place
    assert len(decoded_by(options, monkeypatch)) == 2
    assert _read(tmp_path / "out/1best_recog/score") != first


def test_a_zip_is_decoded_with_its_language_model(tmp_path, monkeypatch):
    data_dir = write_data_dir(tmp_path / "data", num_utts=2)
    config, weights = save_model(tmp_path / "exp")
    lm, other = save_lm(tmp_path / "lm"), save_lm(tmp_path / "other", seed=1)
    pack_model(config, weights, [], tmp_path / "x.zip", lm=tuple(lm))

    def decode(name, *more):
        options = _options(data_dir, config, weights, tmp_path / name, *more)
        if "--model_zip" in more:
            place = options.index("--asr_train_config")
            options = options[:place] + options[place + 4 :]
        decoded = decoded_by([*options, "--lm_weight", "0.7"], monkeypatch)
        return decoded, (tmp_path / name / "1best_recog/score").read_text()

    def files(lm):
        return ["--lm_train_config", str(lm[0]), "--lm_file", str(lm[1])]

    zipped = ["--model_zip", str(tmp_path / "x.zip")]
    assert decode("zip", *zipped)[1] == decode("files", *files(lm))[1]
    assert decode("zip", *zipped)[0] == []  # unpacked elsewhere, and yet the same
    # One that is asked for wins.
    assert decode("both", *zipped, *files(other))[1] == decode("2", *files(other))[1]
    assert decode("both", *zipped, *files(other))[1] != decode("zip", *zipped)[1]


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


def test_a_head_on_an_intermediate_layer_leaves_the_text_as_stock_hears_it(tmp_path):
    data_dir = write_data_dir(tmp_path / "data", num_utts=2)
    config, weights = save_model(tmp_path / "exp", accent_head_conf={"layer": 1})
    asr_mtl_inference.main(_options(data_dir, config, weights, tmp_path / "out"))
    assert len(_read(tmp_path / "out/1best_recog/accent")) == 2
    stock = Speech2Text(config, weights, beam_size=BEAM, maxlenratio=-6, nbest=2)
    texts = _read(tmp_path / "out/1best_recog/text")
    for utt, wav in _read(data_dir / "wav.scp").items():
        hypotheses, _ = stock(soundfile.read(wav.strip(), dtype="float32")[0])
        assert texts[utt].strip() == hypotheses[0][0].strip()


def test_a_killed_run_continues_and_ends_the_same(tmp_path, monkeypatch):
    data_dir = write_data_dir(tmp_path / "data", num_utts=30)
    config, weights = save_model(tmp_path / "exp")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    asr_mtl_inference.main(_options(data_dir, config, weights, whole))
    options = _options(data_dir, config, weights, killed)
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


@pytest.mark.parametrize("num_samples", [10, 60, 200])
def test_an_utterance_that_is_too_short_is_heard_as_nothing(tmp_path, num_samples):
    """Shorter than half a window, or than what the encoder needs."""
    data_dir = write_data_dir(tmp_path / "data", num_utts=2)
    soundfile.write(data_dir / "spk0-000.wav", np.full(num_samples, 0.1), 8000)
    config, weights = save_model(tmp_path / "exp")
    asr_mtl_inference.main(_options(data_dir, config, weights, tmp_path / "out"))
    assert _read(tmp_path / "out/1best_recog/text")["spk0-000"].strip() == ""
    assert _read(tmp_path / "out/1best_recog/accent")["spk0-000"].strip() == "<unk>"


def test_a_model_has_to_be_named(tmp_path):
    data_dir = write_data_dir(tmp_path / "data", num_utts=2)
    options = _options(data_dir, "x", "y", tmp_path / "out")
    place = options.index("--asr_train_config")
    with pytest.raises(UserError, match="give --model_zip, or"):
        asr_mtl_inference.main(options[:place] + options[place + 4 :])


def test_weights_of_another_model_are_refused(tmp_path):
    data_dir = write_data_dir(tmp_path / "data", num_utts=2)
    config, _ = save_model(tmp_path / "exp")
    torch.save({"x": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(UserError, match="x.pth: the weights do not fit"):
        asr_mtl_inference.main(
            _options(data_dir, config, tmp_path / "x.pth", tmp_path / "out")
        )
