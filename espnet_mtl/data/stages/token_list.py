"""Stage 5: the recogniser's tokens."""

import io
import re
from collections import Counter
from pathlib import Path

import sentencepiece

from espnet_mtl.atomic import write_files
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_lines, read_table

BLANK, UNKNOWN, SPACE, SOS_EOS = "<blank>", "<unk>", "<space>", "<sos/eos>"


def write_token_list(
    text: Path,
    output: Path,
    token_type: str,
    num_pieces: int = 30,
    piece_model: str = "unigram",
    symbols: str = "",
) -> list[str]:
    """Make the token list, and the sentencepiece model for ``bpe``, in ESPnet's files.

    Args:
        text: A ``text`` table; empty utterances count for nothing.
        output: Folder for ``tokens.txt`` and, for ``bpe``, ``bpe.model``.
        token_type: ``bpe``, ``char`` or ``word``.
        num_pieces: Size of the sentencepiece vocabulary.
        piece_model: sentencepiece's model type, ``unigram`` or ``bpe``.
        symbols: Never cut; with commas between, or a file with one a line.

    Raises:
        DataDirError: If the text has no words, or does not allow so many or few pieces.
    """
    # Utterances without words are there until stage 4 leaves them out.
    table = read_table(text, allow_empty_value=True)
    sentences = [sentence for sentence in table.values() if sentence]
    if not sentences:
        raise DataDirError(f"{text}: no utterance with words in it")
    whole = _read_symbols(symbols)
    files: dict[str, bytes] = {}
    if token_type == "bpe":
        tokens, files = _pieces(text, sentences, num_pieces, piece_model, whole)
    else:
        counts = Counter(
            unit
            for sentence in sentences
            for unit in _units(sentence, token_type, whole)
        )
        units = sorted(counts, key=lambda unit: (-counts[unit], unit))
        tokens = [SPACE if unit == " " else unit for unit in units]
    tokens = [t for t in tokens if t not in (BLANK, UNKNOWN, SOS_EOS)]
    tokens = [BLANK, UNKNOWN, *tokens, SOS_EOS]
    files["tokens.txt"] = _lines(tokens)
    write_files({output / name: content for name, content in files.items()})
    return tokens


def _read_symbols(symbols: str) -> list[str]:
    lines = read_lines(symbols) if Path(symbols).is_file() else symbols.split(",")
    return [line.strip() for line in lines if line.strip()]


def _units(sentence: str, token_type: str, whole: list[str]) -> list[str]:
    if token_type == "word":
        return sentence.split()
    longest_first = sorted(whole, key=len, reverse=True)
    return re.findall("|".join([*map(re.escape, longest_first), "."]), sentence, re.S)


def _pieces(
    text: Path,
    sentences: list[str],
    num_pieces: int,
    piece_model: str,
    symbols: list[str],
) -> tuple[list[str], dict[str, bytes]]:
    # Trained in memory: sentencepiece does not tell when the disk is full.
    model_bytes = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model_bytes,
            vocab_size=num_pieces,
            model_type=piece_model,
            character_coverage=1.0,
            user_defined_symbols=symbols,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        limit = re.search(r"(?:value <=|\d+ vs) (\d+)", str(error))
        fix = f"; use --nbpe {limit[1]}" if limit else ""
        raise DataDirError(
            f"{text}: sentencepiece cannot make {num_pieces} pieces of it{fix} "
            f"({str(error).strip()})"
        ) from error
    model = sentencepiece.SentencePieceProcessor(model_proto=model_bytes.getvalue())
    size = model.get_piece_size()
    pieces = [model.id_to_piece(i) for i in range(size)]
    vocab = [f"{pieces[i]}\t{model.get_score(i):g}" for i in range(size)]
    return pieces[1:], {
        "train.txt": _lines(sentences),
        "bpe.model": model_bytes.getvalue(),
        "bpe.vocab": _lines(vocab),
    }


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
