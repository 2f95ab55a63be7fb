"""Which utterances CTC cannot learn, and what would help."""

import logging
import re

import model_factory
import pytest
import torch

from espnet_mtl.errors import UserError
from espnet_mtl.tokens.ctc_fit import TextSet, check_ctc_fit
from espnet_mtl.tokens.encoder_frames import frame_counter
from espnet_mtl.tokens.pieces import load_pieces, train_pieces

SETTINGS = {
    "frontend": "default",
    "frontend_conf": {"fs": 16000, "n_fft": 512, "hop_length": 256},
    "encoder": "conformer",
    "encoder_conf": {"input_layer": "conv2d"},
    "model_conf": {"ctc_weight": 0.3},
    "token_type": "char",
}
SENTENCES = [
    "please call stella and ask her to bring these things with her from the store",
    "six spoons of fresh snow peas and five thick slabs of blue cheese",
    "we also need a small plastic snake and a big toy frog for the kids",
    "she can scoop these things into three red bags and go meet her at the station",
]


def make_set(name: str, seconds: float, num_utts: int = 8) -> TextSet:
    """Sentences that all last as long."""
    keys = [f"{name}-{n}" for n in range(num_utts)]
    texts = {key: SENTENCES[n % len(SENTENCES)] for n, key in enumerate(keys)}
    lengths = dict.fromkeys(keys, int(16000 * seconds))
    return TextSet(name, name != "test", texts, lengths)


def fill_up(long: TextSet, short: TextSet) -> TextSet:
    """One set of the utterances of two."""
    return long._replace(
        texts={**long.texts, **{f"short-{k}": v for k, v in short.texts.items()}},
        num_samples={
            **long.num_samples,
            **{f"short-{k}": v for k, v in short.num_samples.items()},
        },
    )


def test_what_is_too_short_is_what_espnet_s_ctc_loss_is_0_for():
    """Oracle: ESPnet's own model, one utterance at a time."""
    from espnet_mtl.tasks.asr_mtl import ASRMTLTask

    args = model_factory.make_args()
    model = ASRMTLTask.build_model(args).eval()
    texts = {f"u{n}": "ab c" * (n % 5 + 1) + "cc" * (n // 5) for n in range(25)}
    lengths = {key: 3000 + 137 * n for n, key in enumerate(texts)}
    found = TextSet("train", True, texts, lengths).find_too_short(
        list, frame_counter(vars(args))
    )
    ids = {"a": 2, "b": 3, "c": 4, " ": 5}
    silent = []
    for key, text in texts.items():
        speech = torch.randn(1, lengths[key])
        with torch.no_grad():
            hidden, frames = model.encode(speech, torch.tensor([lengths[key]]))
            tokens = torch.tensor([[ids[token] for token in text]])
            loss, _ = model._calc_ctc_loss(
                hidden, frames, tokens, torch.tensor([len(text)])
            )
        if loss == 0:
            silent.append(key)
    assert 3 < len(silent) < 22
    assert list(found) == silent


def test_a_share_is_warned_of_with_what_helps(caplog):
    train = fill_up(make_set("train", 10, 92), make_set("train", 3, 8))
    check_ctc_fit([train, make_set("valid", 3, 2)], list, SETTINGS, 0.1)
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "train: 8 of 100 utterances (8%)" in record.message
    assert "valid: 2 of 2 utterances (100%)" in record.message


def test_more_than_the_accepted_share_is_an_error():
    sets = [make_set("train", 3), make_set("valid", 10)]
    with pytest.raises(UserError, match="accept it with --max_ctc_too_short 1.0"):
        check_ctc_fit(sets, list, SETTINGS, 0.1)
    check_ctc_fit(sets, list, SETTINGS, 1.0)


def test_what_is_said_to_help_helps():
    sets = [make_set("train", 3.4), make_set("valid", 3.4)]
    with pytest.raises(UserError) as caught:
        check_ctc_fit(sets, list, SETTINGS, 0.1)
    said = str(caught.value)
    assert '--asr_args "--encoder_conf input_layer=conv2d2": all fit' in said
    shorter = re.search(r"hop_length=(\d+)\": all fit", said)
    pieces = re.search(r"--token_type bpe --nbpe (\d+): all fit", said)
    assert shorter and pieces
    changed = {**SETTINGS, "frontend_conf": {"hop_length": int(shorter[1])}}
    assert not sets[0].find_too_short(list, frame_counter(changed))
    model = train_pieces(sets[0].texts.values(), int(pieces[1]))
    cut = load_pieces(model).encode_as_pieces
    assert not sets[0].find_too_short(cut, frame_counter(SETTINGS))


def test_what_does_not_help_is_not_said():
    """In 0.05 s there are no frames, whatever the tokens are."""
    with pytest.raises(UserError) as caught:
        check_ctc_fit([make_set("train", 0.05)] * 2, list, SETTINGS, 0.1)
    assert "Neither longer tokens nor more frames help" in str(caught.value)


@pytest.mark.parametrize(
    "changed",
    [{"model_conf": {"ctc_weight": 0.0}}, {"encoder": "hubert"}, {"frontend": "s3prl"}],
)
def test_without_ctc_or_known_frames_nothing_is_refused(changed, caplog):
    caplog.set_level(logging.INFO)
    check_ctc_fit([make_set("train", 1)], list, {**SETTINGS, **changed}, 0.0)
    said = [record.message for record in caplog.records]
    if "model_conf" in changed:
        assert said == []
    else:
        assert next(iter(changed.values())) in said[0] and "not known here" in said[0]


def test_test_sets_are_told_of_but_are_no_fault(caplog):
    caplog.set_level(logging.INFO)
    sets = [make_set(name, 10) for name in ("train", "valid")]
    check_ctc_fit([*sets, make_set("test", 2, 3)], list, SETTINGS, 0.0)
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert "test: 3 of 3 utterances (100%)" in caplog.text
