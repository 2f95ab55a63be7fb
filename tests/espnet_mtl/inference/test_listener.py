"""The attack's listener hears what the recipe's decoding hears."""

import logging
import shlex

import numpy as np
import pytest
import soundfile
import torch
from model_factory import (
    ACCENTS,
    RATE,
    TOKENS,
    pack_stock,
    pack_tiny,
    save_lm,
    save_model,
    write_data_dir,
)
from torch.nn.utils.rnn import pad_sequence

from espnet_mtl.bin import asr_mtl_inference
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.package.packing import pack_model
from espnet_mtl.results.attack import Decoder
from espnet_mtl.tasks.asr_mtl import ASRMTLTask

SHORT = "--maxlenratio -6"  # an untrained model finds no end
TOKEN_IDS = [[2, 3], [4, 2], [3], [4, 4, 2]]


def tone(number):
    time = np.arange(4000 + 500 * number) / RATE
    return 0.3 * np.sin(2 * np.pi * 300 * (number + 1) * time)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = write_data_dir(tmp_path_factory.mktemp("data"), num_utts=4)
    for number, wav in enumerate(read_table(folder / "wav.scp").values()):
        soundfile.write(wav, tone(number), RATE, subtype="PCM_16")
    return folder


@pytest.fixture(scope="module")
def hybrid_zip(tmp_path_factory):
    """A model that has learnt the tones, so that it hears another text in each."""
    folder = tmp_path_factory.mktemp("hybrid")
    config, weights = save_model(
        folder, encoder_conf={"dropout_rate": 0.0, "attention_dropout_rate": 0.0}
    )
    model, _ = ASRMTLTask.build_model_from_file(str(config), str(weights), "cpu")
    optimiser = torch.optim.Adam(model.train().parameters(), lr=0.01)
    speech = [torch.tensor(tone(n), dtype=torch.float32) for n in range(4)]
    texts = [torch.tensor(ids) for ids in TOKEN_IDS]
    batch = {
        "speech": pad_sequence(speech, batch_first=True),
        "speech_lengths": torch.tensor([len(one) for one in speech]),
        "text": pad_sequence(texts, batch_first=True, padding_value=-1),
        "text_lengths": torch.tensor([len(one) for one in texts]),
        "accent": torch.tensor([[0], [1], [2], [0]]),
    }
    for _ in range(60):
        loss, _, _ = model(**batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.save(model.state_dict(), weights)
    pack_model(config, weights, [], folder / "x.zip")
    lm = save_lm(folder / "lm")
    pack_model(config, weights, [], folder / "lm.zip", lm=tuple(lm))
    return folder / "x.zip"


@pytest.fixture(scope="module")
def listener(hybrid_zip):
    return PackedListener(hybrid_zip, Decoding(None, f"{SHORT} --beam_size 2"))


def read(wav):
    samples, _ = soundfile.read(wav, dtype="float32")
    return samples


DECODINGS = {
    "ctc": ("ctc_weight: 1.0\nbeam_size: 2\n", SHORT),
    "attention": ("ctc_weight: 0.0\nbeam_size: 3\n", SHORT),
    "hybrid, and its options win": (
        "ctc_weight: 1.0\nbeam_size: 1\npenalty: 0.1\n",
        f"{SHORT} --ctc_weight 0.4 --beam_size 2",
    ),
    "no configuration": (None, f"{SHORT} --beam_size=2"),
}


@pytest.mark.parametrize("name", DECODINGS)
def test_it_hears_what_the_decoding_of_the_file_writes(
    hybrid_zip, data_dir, tmp_path, name
):
    compare_with_the_file(hybrid_zip, data_dir, tmp_path, *DECODINGS[name])


def test_it_hears_the_same_with_the_language_model_of_the_zip(
    hybrid_zip, data_dir, tmp_path
):
    zip_file = hybrid_zip.with_name("lm.zip")
    args = f"{SHORT} --beam_size 3"
    compare_with_the_file(zip_file, data_dir, tmp_path, None, f"{args} --lm_weight 0.1")
    strong = PackedListener(zip_file, Decoding(args=f"{args} --lm_weight 3"))
    assert strong.about.lm_weight == 3.0
    silent = PackedListener(zip_file, Decoding(args=f"{args} --lm_weight 0"))
    speech = [read(wav) for wav in read_table(data_dir / "wav.scp").values()]
    assert [strong(one) for one in speech] != [silent(one) for one in speech]


def test_without_a_language_model_its_weight_is_said_to_be_ignored(hybrid_zip, caplog):
    caplog.set_level(logging.INFO)
    listener = PackedListener(hybrid_zip, Decoding(args="--lm_weight 0.3"))
    assert listener.about.lm_weight == 0.0
    assert "lm_weight 0.3 has no effect: no lm_train_config is given" in caplog.text


def compare_with_the_file(zip_file, data_dir, tmp_path, text, args):
    config, options = None, shlex.split(args)
    if text is not None:
        config = tmp_path / "decode.yaml"
        config.write_text(text)
        options = ["--config", str(config), *options]
    scp = data_dir / "wav.scp"
    asr_mtl_inference.main(
        [
            *("--model_zip", str(zip_file), "--output_dir", str(tmp_path / "out")),
            *("--data_path_and_name_and_type", f"{scp},speech,sound"),
            *("--num_workers", "0", *options),
        ]
    )
    written = [
        read_table(tmp_path / f"out/1best_recog/{file}", allow_empty_value=True)
        for file in ("text", "accent")
    ]
    listener = PackedListener(zip_file, Decoding(config, args))
    heard = {utt: listener(read(wav)) for utt, wav in read_table(scp).items()}
    assert {utt: one.text.strip() for utt, one in heard.items()} == written[0]
    assert {utt: one.accent for utt, one in heard.items()} == written[1]
    assert all(len(set(table.values())) > 1 for table in written)


@pytest.mark.parametrize(
    ("args", "branches", "ctc_weight", "beam_size"),
    [
        ("--ctc_weight 1.0 --beam_size 1", ("ctc",), 1.0, 1),
        ("--ctc_weight 0 --beam_size 3", ("att",), 0.0, 3),
        ("--ctc_weight 0.3", ("att", "ctc"), 0.3, len(TOKENS)),
    ],
)
def test_it_tells_what_it_decodes_with(
    hybrid_zip, args, branches, ctc_weight, beam_size
):
    assert PackedListener(hybrid_zip, Decoding(args=args)).about == Decoder(
        branches=branches,
        ctc_weight=ctc_weight,
        lm_weight=0.0,
        ngram_weight=0.0,
        beam_size=beam_size,
    )


@pytest.mark.parametrize("ctc_weight", [0, 0.5, 1])
def test_a_beam_that_is_larger_than_the_vocabulary_is_one_of_all_tokens(
    hybrid_zip, data_dir, caplog, ctc_weight
):
    """ESPnet's default of 20 is larger than the tokens of a corpus of digits."""
    caplog.set_level(logging.INFO)
    args = f"{SHORT} --ctc_weight {ctc_weight}"
    default = PackedListener(hybrid_zip, Decoding(args=args))
    assert f"--beam_size 20 is limited to the {len(TOKENS)} tokens" in caplog.text
    widest = PackedListener(
        hybrid_zip, Decoding(args=f"{args} --beam_size {len(TOKENS)}")
    )
    speech = read(data_dir / "spk0-000.wav")
    assert default(speech) == widest(speech)


def test_a_branch_that_the_model_lacks_is_not_told_of(tmp_path, data_dir):
    """ESPnet's search leaves out a decoder that is not there, whatever its weight."""
    ctc = pack_tiny(tmp_path / "ctc", model_conf={"ctc_weight": 1.0})
    decoding = Decoding(args=f"--ctc_weight 0.5 --beam_size 1 {SHORT}")
    listener = PackedListener(ctc, decoding)
    assert listener.about.branches == ("ctc",)
    assert listener(read(data_dir / "spk0-000.wav")).accent in ACCENTS
    with pytest.raises(UserError, match="x.zip: .*--ctc_weight 1'"):
        PackedListener(ctc, Decoding(args="--ctc_weight 0"))
    attention = pack_tiny(tmp_path / "att", model_conf={"ctc_weight": 0.0})
    listener = PackedListener(attention, Decoding(args="--ctc_weight 0"))
    assert listener.about.branches == ("att",)
    with pytest.raises(UserError, match="x.zip: .*--ctc_weight 0'"):
        PackedListener(attention, Decoding())


@pytest.mark.parametrize("num_samples", [10, 60, 200])
def test_audio_that_is_too_short_is_heard_as_nothing(listener, num_samples, caplog):
    heard = listener(np.full(num_samples, 0.1, dtype=np.float32))
    assert heard.text == "" and heard.accent is None
    assert [r.levelname for r in caplog.records] == ["WARNING"]


def test_what_the_search_says_of_each_utterance_stays_out_of_the_log(
    listener, data_dir, caplog, monkeypatch
):
    caplog.set_level(logging.INFO)
    speech = read(data_dir / "spk0-000.wav")
    listener._speech2text(speech)
    assert any(r.levelname == "INFO" for r in caplog.records), "nothing to keep out"
    caplog.clear()

    recognise = listener._speech2text.__call__

    def talk(speech):
        logging.info("a detail")
        logging.warning("a warning")
        return recognise(speech)

    monkeypatch.setattr(type(listener._speech2text), "__call__", staticmethod(talk))
    listener(speech)
    logging.info("afterwards")
    levels = {r.message: r.levelname for r in caplog.records}
    assert levels.pop("afterwards") == "INFO"
    assert "a warning" in levels and "INFO" not in levels.values()


@pytest.mark.parametrize("level", [logging.NOTSET, logging.DEBUG, logging.ERROR])
def test_the_log_is_as_before_also_after_an_exception(listener, level, monkeypatch):
    def fail(speech):
        assert logging.root.manager.disable == max(level, logging.INFO)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(type(listener._speech2text), "__call__", staticmethod(fail))
    monkeypatch.setattr(logging.root.manager, "disable", level)
    with pytest.raises(RuntimeError, match="out of memory"):
        listener(np.zeros(RATE, dtype=np.float32))
    assert logging.root.manager.disable == level


@pytest.mark.parametrize(
    ("text", "args", "said"),
    [
        (None, "", "--inference_config .*decode.yaml: no such file"),
        (
            "nbest: 1",
            "--beam 3 --size 2",
            "--inference_args '--beam 3 --size 2'.*--size",
        ),
        ("nbest: 1", "--beam_size many", "--inference_args '--beam_size many'"),
        ("beams: 3", "", "--inference_config .*decode.yaml.*beams"),
        ("multi_asr: true", "", "--multi_asr is not supported"),
    ],
)
def test_settings_that_decoding_does_not_have_are_named(
    hybrid_zip, tmp_path, text, args, said
):
    config = tmp_path / "decode.yaml"
    if text is not None:
        config.write_text(text)
    with pytest.raises(UserError, match=said):
        PackedListener(hybrid_zip, Decoding(config, args))


def test_a_stock_package_tells_no_accent(tmp_path, data_dir):
    decoding = Decoding(args=f"{SHORT} --beam_size 2")
    listener = PackedListener(pack_stock(tmp_path), decoding)
    assert listener(read(data_dir / "spk0-000.wav")).accent is None
