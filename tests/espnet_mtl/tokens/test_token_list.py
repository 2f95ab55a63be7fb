"""Stage 5: tokens in ESPnet's files, as sentencepiece makes them."""

import random
from pathlib import Path

import pytest
import sentencepiece

from espnet_mtl.bin.token_list import main
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import write_table
from espnet_mtl.errors import UserError

WORDS = (
    "turn the light on off zero one two three four five six seven eight nine".split()
)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    choose = random.Random(0)
    sentences = (" ".join(choose.choices(WORDS, k=5)) for _ in range(100))
    write_table(path, {f"a-{i:03d}": sentence for i, sentence in enumerate(sentences)})
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write_table(tmp_path / "small", {"a": "no <cough> no", "b": "so"})
    return tmp_path / "small"


def run(text: Path, kind: str, *options: str) -> list[str]:
    output = text.parent / "tokens"
    main(["--text", str(text), "--output", str(output), "--token_type", kind, *options])
    return (output / "tokens.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("mode", ["unigram", "bpe"])
def test_pieces_are_those_of_sentencepiece_with_espnet_s_frame(text, tmp_path, mode):
    symbols = "<cough>,<laugh>"
    options = ["--nbpe", "28", "--bpemode", mode, "--bpe_nlsyms", symbols]
    tokens = run(text, "bpe", *options)
    # The command line of ESPnet's asr.sh
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "tokens" / "train.txt"),
        vocab_size=28,
        model_type=mode,
        model_prefix=str(tmp_path / "direct"),
        character_coverage=1.0,
        input_sentence_size=100000000,
        user_defined_symbols=symbols,
        bos_id=-1,
        eos_id=-1,
        unk_id=0,
        minloglevel=2,
    )
    vocab = (tmp_path / "direct.vocab").read_text(encoding="utf-8")
    pieces = [line.split("\t")[0] for line in vocab.splitlines()]
    assert tokens == ["<blank>", "<unk>", *pieces[1:], "<sos/eos>"]
    assert (tmp_path / "tokens" / "bpe.vocab").read_text(encoding="utf-8") == vocab
    model = sentencepiece.SentencePieceProcessor(
        model_file=str(tmp_path / "tokens" / "bpe.model")
    )
    direct = sentencepiece.SentencePieceProcessor(
        model_file=str(tmp_path / "direct.model")
    )
    for sentence in ("turn the light on", "nine <laugh> eight"):
        found = model.encode(sentence, out_type=str)
        assert found == direct.encode(sentence, out_type=str)
        assert set(found) <= set(tokens)


@pytest.mark.parametrize("wanted", [3, 5000])
def test_a_number_of_pieces_that_cannot_be_made_says_which_can(text, wanted):
    with pytest.raises(DataDirError, match=f"text: .* make {wanted} pieces") as caught:
        run(text, "bpe", "--nbpe", str(wanted))
    assert not (text.parent / "tokens").exists()
    possible = str(caught.value).split("use --nbpe ")[1].split()[0]
    assert len(run(text, "bpe", "--nbpe", possible)) == int(possible) + 2


def test_characters_are_counted(small):
    tokens = run(small, "char")
    assert tokens[:5] == ["<blank>", "<unk>", "o", "<space>", "n"]
    assert tokens[-1] == "<sos/eos>"
    assert sorted(tokens[2:-1]) == sorted(["<space>", *"<>cghnosu"])


def test_symbols_are_never_cut(small):
    (small.parent / "symbols").write_text("<laugh>\n<cough>\n", encoding="utf-8")
    symbols = ["--nlsyms_txt", str(small.parent / "symbols")]
    tokens = run(small, "char", *symbols)
    assert sorted(tokens[2:-1]) == ["<cough>", "<space>", "n", "o", "s"]
    assert run(small, "word", *symbols)[2:-1] == ["no", "<cough>", "so"]


@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        ("<cough>\n\n", "symbols:2: the line is empty"),
        ("\ufeff<cough>\n", "symbols:1: .*byte-order mark"),
        ("<cough>\n<co\n", "'<cough>' begins with '<co'"),
        (None, "symbols: no such file"),
    ],
)
def test_symbols_that_espnet_cannot_cut_by_are_refused(small, symbols, said):
    if symbols is not None:
        (small.parent / "symbols").write_text(symbols, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        run(small, "char", "--nlsyms_txt", str(small.parent / "symbols"))


@pytest.mark.parametrize("as_file", [False, True])
def test_symbols_of_pieces_are_a_list_or_a_file(text, as_file):
    symbols = "turn,light"
    if as_file:
        (text.parent / "symbols").write_text("turn 1\nlight\n", encoding="utf-8")
        symbols = str(text.parent / "symbols")
    tokens = run(text, "bpe", "--nbpe", "28", "--bpe_nlsyms", symbols)
    assert {"turn", "light"} <= set(tokens)


def test_a_symbol_that_occurs_nowhere_may_be_a_mistyped_file(text, capsys):
    run(text, "bpe", "--nbpe", "28", "--bpe_nlsyms", "nlsym_txt,turn")
    said = capsys.readouterr().err
    assert "occur nowhere in it: 1 symbol (nlsym_txt)" in said


@pytest.mark.parametrize("kind", ["bpe", "char", "word"])
def test_the_cleaner_comes_before_the_tokens(text, kind):
    tokens = run(text, kind, "--nbpe", "28", "--cleaner", "tacotron")
    letters = "".join(tokens[2:-1]).replace("<space>", "")
    assert letters == letters.upper() and "E" in letters


def test_what_pieces_read_they_write(tmp_path):
    sentences = ["wait … ½ ﬁn ａ", "e\u0301t\u00e9 №", "turn it on and off"]
    write_table(tmp_path / "text", {f"u{i}": text for i, text in enumerate(sentences)})
    run(tmp_path / "text", "bpe", "--nbpe", "21")
    model = sentencepiece.SentencePieceProcessor(
        model_file=str(tmp_path / "tokens" / "bpe.model")
    )
    pieces = [model.encode(sentence, out_type=str) for sentence in sentences]
    assert [model.decode_pieces(found) for found in pieces] == sentences


def test_rare_characters_may_be_left_out_of_the_pieces(tmp_path):
    sentences = {f"u{i:02d}": "ab ba aab bba" for i in range(50)}
    write_table(tmp_path / "text", {**sentences, "z": "q"})
    assert "q" in "".join(run(tmp_path / "text", "bpe", "--nbpe", "6"))
    rare = run(tmp_path / "text", "bpe", "--nbpe", "6", "--bpe_char_cover", "0.99")
    assert "q" not in "".join(rare)


def test_any_whitespace_is_one_blank_as_in_espnet_s_tokens(tmp_path):
    write_table(tmp_path / "text", {"a": "on\u00a0off\u2028on\u3000  off"})
    assert run(tmp_path / "text", "char")[2:-1] == ["f", "o", "<space>", "n"]
    assert run(tmp_path / "text", "word")[2:-1] == ["off", "on"]


def test_utterances_without_words_count_for_nothing(small):
    tokens = run(small, "char")
    with small.open("a") as file:
        file.write("c\n")
    assert run(small, "char") == tokens


def test_words(small):
    assert run(small, "word") == [
        "<blank>",
        "<unk>",
        "no",
        "<cough>",
        "so",
        "<sos/eos>",
    ]


@pytest.mark.parametrize("kind", ["bpe", "char", "word"])
def test_no_text_is_refused(tmp_path, kind):
    (tmp_path / "text").write_text("")
    with pytest.raises(DataDirError, match="text: no utterance with words in it"):
        run(tmp_path / "text", kind)
    (tmp_path / "text").write_text("a\nb\n")
    with pytest.raises(DataDirError, match="text: no utterance with words in it"):
        run(tmp_path / "text", kind)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_full_disk_leaves_the_old_files(text, fill_disk, after):
    run(text, "bpe", "--nbpe", "26")
    folder = text.parent / "tokens"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"train.txt", "bpe.model", "bpe.vocab", "tokens.txt"}
    fill_disk(after)
    with pytest.raises(OSError):
        run(text, "bpe", "--nbpe", "25")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
