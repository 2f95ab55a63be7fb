"""References and hypotheses that are scored: those of ESPnet's own scoring."""

import re
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import pytest
from espnet2.bin.tokenize_text import main as tokenize_text

from espnet_mtl.bin.asr_mtl_score import main
from espnet_mtl.data.tables import write_table
from espnet_mtl.tokens.pieces import train_pieces

TEXTS = {
    "ann-1": "One <cough> two, three",
    "ann-2": "no<cough> no  no",
    "ann-3": "four\u00a0five\u3000six\u2028seven\x85eight",
    "ann-4": "<laugh>",
    "ann-5": "wait … e\u0301 ½ Mr. <noise>",
}
HEARD = {
    "ann-1": "one two <cough>",
    "ann-2": "no <cough>",
    "ann-3": "four five six  seven eight",
    "ann-4": "",
    "ann-5": "Wait é",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_table(tmp_path / "ref/text", TEXTS)
    write_table(tmp_path / "ref/utt2spk", dict.fromkeys(TEXTS, "ann"))
    write_table(tmp_path / "hyp/text", HEARD)
    (tmp_path / "nlsyms").write_text("<cough>\n<laugh>\n", encoding="utf-8")
    sentences = [*TEXTS.values(), *(text.upper() for text in TEXTS.values())]
    (tmp_path / "bpe.model").write_bytes(train_pieces(sentences, 64))
    return tmp_path


def by_espnet(text: Path, kind: str, cleaner: str, folder: Path) -> list[str]:
    """Call ESPnet's tokenize_text as asr.sh does in stage 13."""
    output = folder / "tokens"
    options = ["--field", "2-", "--input", str(text), "--output", str(output)]
    options += ["--cleaner", cleaner, "--token_type", kind]
    if kind == "bpe":
        options += ["--bpemodel", str(folder / "bpe.model")]
    else:
        options += ["--non_linguistic_symbols", str(folder / "nlsyms")]
        options += ["--remove_non_linguistic_symbols", "true"]
    tokenize_text(options)
    lines = output.read_text(encoding="utf-8").split("\n")[:-1]
    if kind == "char":  # what 202511 leaves of the blanks on both sides of a symbol
        lines = [re.sub("(<space> ?)+", "<space> ", line) for line in lines]
        lines = [re.sub("^<space> | <space> $", "", line) for line in lines]
    return lines


@pytest.mark.parametrize("cleaner", ["none", "tacotron"])
@pytest.mark.parametrize("hyp_cleaner", ["none", "tacotron"])
def test_the_scored_texts_are_those_of_asr_sh(folder, cleaner, hyp_cleaner):
    options = ["--cleaner", cleaner, "--hyp_cleaner", hyp_cleaner]
    options += ["--nlsyms_txt", str(folder / "nlsyms"), "--token_type", "bpe"]
    options += ["--ref_dir", str(folder / "ref"), "--hyp_dir", str(folder / "hyp")]
    main(["decoding", *options, "--bpemodel", str(folder / "bpe.model")])
    sides = {"ref": cleaner, "hyp": hyp_cleaner}
    for score, kind in {"wer": "word", "cer": "char", "ter": "bpe"}.items():
        for side, clean in sides.items():
            expected = by_espnet(folder / side / "text", kind, clean, folder)
            trn = (folder / f"hyp/score_{score}/{side}.trn").read_text("utf-8")
            found = [line.split("\t")[0] for line in trn.split("\n")[:-1]]
            assert found == expected, (score, side)
