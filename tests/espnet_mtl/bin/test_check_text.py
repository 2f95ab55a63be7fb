"""Stages 5 and 10: transcripts against tokens and frames, by ESPnet's tokenizers."""

from pathlib import Path

import pytest

from espnet_mtl.bin.check_text import main
from espnet_mtl.bin.token_list import main as token_list
from espnet_mtl.data.datadir import write_data_dir
from espnet_mtl.errors import UserError

TEXTS = {
    f"a-{n}": text
    for n, text in enumerate(["Turn it on", "Turn it off, Dr. Who", "wait … ½ é"] * 3)
}


class Recipe:
    """Data directories, and a token list of the training set."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("train", "valid", "test"):
            self.write(name, TEXTS)

    def write(self, name: str, texts: dict[str, str], seconds: float = 5):
        lengths = dict.fromkeys(texts, str(int(16000 * seconds)))
        tables = {"text": texts, "utt2num_samples": lengths}
        write_data_dir(self.folder / name, tables)

    def make_tokens(self, kind: str, *options: str):
        text, output = self.folder / "train/text", self.folder / "tokens"
        where = ["--text", str(text), "--output", str(output), "--nbpe", "21"]
        token_list([*where, "--token_type", kind, *options])

    def check(self, kind: str, *options: str):
        model = self.folder / "tokens/bpe.model"
        main(
            [
                *("--train_dir", str(self.folder / "train")),
                *("--valid_dir", str(self.folder / "valid")),
                *("--test_dirs", str(self.folder / "test"), "--"),
                *("--token_type", kind),
                *("--token_list", str(self.folder / "tokens/tokens.txt")),
                *("--bpemodel", str(model) if kind == "bpe" else "none"),
                *("--frontend_conf", "fs=16000"),
                *options,
            ]
        )


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(tmp_path)


@pytest.mark.parametrize("kind", ["bpe", "char", "word"])
@pytest.mark.parametrize("cleaner", ["none", "tacotron"])
def test_what_stage_5_makes_writes_every_transcript(recipe, kind, cleaner, capsys):
    recipe.make_tokens(kind, "--cleaner", cleaner)
    recipe.check(kind, "--cleaner", cleaner)
    said = capsys.readouterr().err
    assert "WARNING" not in said and "fit into their recordings" in said


@pytest.mark.parametrize("kind", ["char", "word"])
def test_tokens_made_with_another_cleaner_are_refused(recipe, kind):
    recipe.make_tokens(kind)
    with pytest.raises(UserError, match="train: 9 of 9 utterances") as caught:
        recipe.check(kind, "--cleaner", "tacotron")
    assert "Not in the token list: '" in str(caught.value)
    assert "the same --cleaner as the training" in str(caught.value)


def test_a_tokenizer_that_changes_characters_is_named(recipe, capsys):
    """ESPnet's own BPE turns '…' into '...' (NFKC)."""
    import sentencepiece

    recipe.make_tokens("bpe")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS.values()),
        model_prefix=str(recipe.folder / "tokens/bpe"),
        vocab_size=21,
        hard_vocab_limit=False,
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    vocab = (recipe.folder / "tokens/bpe.vocab").read_text(encoding="utf-8")
    pieces = [line.split("\t")[0] for line in vocab.split("\n")[1:-1]]
    listed = ["<blank>", "<unk>", *pieces, "<sos/eos>"]
    tokens = "".join(f"{piece}\n" for piece in listed)
    (recipe.folder / "tokens/tokens.txt").write_text(tokens, encoding="utf-8")
    recipe.check("bpe")
    said = capsys.readouterr().err
    assert "train: 3 of 9 utterances, such as 'a-2': '…' becomes '...'" in said
    assert "The tokenizer changes characters: run stage 5 again" in said


def test_characters_that_training_lacks_are_counted_by_set(recipe, capsys):
    recipe.make_tokens("char")
    recipe.write("test", {"b-1": "Zoë", "b-2": "Turn it on"})
    recipe.check("char")
    said = capsys.readouterr().err
    assert "test: 1 of 2 utterances, such as 'b-1': 'Zoë' becomes '<unk>o<unk>'" in said
    assert "'Z' (1), 'ë' (1)" in said and "train:" not in said


def test_symbols_count_as_one_token(recipe, tmp_path, capsys):
    """Nine frames are enough for the symbol, but not for its characters."""
    (tmp_path / "nlsyms").write_text("<a_cough_and_more>\n", encoding="utf-8")
    for name in ("train", "valid", "test"):
        recipe.write(name, {"a-1": "<a_cough_and_more> a"}, seconds=0.4)
    symbols = str(tmp_path / "nlsyms")
    recipe.make_tokens("char", "--nlsyms_txt", symbols)
    hop = ["--frontend_conf", "hop_length=160", "--encoder", "conformer"]
    recipe.check("char", "--non_linguistic_symbols", symbols, *hop)
    assert "fit into their recordings" in capsys.readouterr().err
    recipe.make_tokens("char")
    with pytest.raises(UserError, match="has 9 frames and needs 20"):
        recipe.check("char", *hop)
