"""Frames of the small configuration: for ordinary speech, and as published results had
them."""

import re
from pathlib import Path

import pytest

from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tokens.encoder_frames import frame_counter, hop_length

EGS2 = Path(__file__).parents[2] / "egs2"
CONFIG = EGS2 / "TEMPLATE/asr_mtl1/conf/train_asr_mtl.yaml"


def settings_of(*options: str) -> dict:
    return vars(ASRMTLTask.get_parser().parse_args(["--config", str(CONFIG), *options]))


def test_a_second_has_25_frames():
    assert frame_counter(settings_of())(10 * 16000) == pytest.approx(250, abs=2)


@pytest.mark.parametrize(("corpus", "rate"), [("mini_accent", 16000), ("fsdd", 8000)])
def test_corpora_with_published_results_keep_their_16_ms(corpus, rate):
    run = (EGS2 / corpus / "asr_mtl1/run.sh").read_text(encoding="utf-8")
    assert '--asr_corpus_args "${corpus_args}"' in run
    [corpus_args] = re.findall(r'^corpus_args="(.*)"$', run, flags=re.M)
    scaled = f"--frontend_conf hop_length={160 * rate // 16000}"
    hop = hop_length(settings_of(*scaled.split(), *corpus_args.split()))
    assert hop == rate * 16 // 1000
