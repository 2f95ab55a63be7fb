"""Stage 5: the recogniser's tokens."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from espnet_mtl.atomic import write_files
from espnet_mtl.data.checks import some
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_lines, split_line
from espnet_mtl.tokens.pieces import CannotMakePieces, load_pieces, train_pieces

BLANK, UNKNOWN, SPACE, SOS_EOS = "<blank>", "<unk>", "<space>", "<sos/eos>"


def write_token_list(
    texts: Sequence[Path],
    output: Path,
    token_type: str,
    *,
    symbols: Sequence[str] = (),
    clean: Callable[[str], str] = str,
    num_pieces: int = 30,
    piece_model: str = "unigram",
    char_cover: float = 1.0,
    max_sentences: int = 0,
) -> list[str]:
    """Make the token list, and the sentencepiece model for ``bpe``, in ESPnet's files.

    Args:
        texts: Tables like ``text``; empty utterances count for nothing.
        output: Folder for ``tokens.txt`` and, for ``bpe``, ``bpe.model``.
        token_type: ``bpe``, ``char`` or ``word``.
        symbols: Never cut.
        clean: The cleaner that training puts before the tokens.
        num_pieces, piece_model, char_cover, max_sentences: For ``bpe``; see
            :func:`train_pieces`.

    Raises:
        DataDirError: If the text has no words, or does not allow so many or few pieces.
    """
    # Utterances without words are there until stage 4 leaves them out.
    lines = (split_line(line)[1] for text in texts for line in read_lines(text))
    cleaned = (clean(" ".join(sentence.split())) for sentence in lines)
    sentences = [sentence for sentence in cleaned if sentence]
    place = ", ".join(map(str, texts))
    if not sentences:
        raise DataDirError(f"{place}: no utterance with words in it")
    _warn_of_unused(place, sentences, symbols)
    files: dict[str, bytes] = {}
    if token_type == "bpe":
        try:
            model = train_pieces(
                sentences, num_pieces, piece_model, symbols, char_cover, max_sentences
            )
        except CannotMakePieces as error:
            fix = f"; use --nbpe {error.limit}" if error.limit else ""
            raise DataDirError(
                f"{place}: sentencepiece cannot make {num_pieces} pieces of it{fix} "
                f"({error})"
            ) from error
        tokens, files = _describe(model)
        files["train.txt"] = _lines(sentences)
    else:
        counts = Counter(
            unit
            for sentence in sentences
            for unit in _units(sentence, token_type, symbols)
        )
        units = sorted(counts, key=lambda unit: (-counts[unit], unit))
        tokens = [SPACE if unit == " " else unit for unit in units]
    tokens = [t for t in tokens if t not in (BLANK, UNKNOWN, SOS_EOS)]
    tokens = [BLANK, UNKNOWN, *tokens, SOS_EOS]
    files["tokens.txt"] = _lines(tokens)
    write_files({output / name: content for name, content in files.items()})
    return tokens


def read_piece_symbols(symbols: str) -> list[str]:
    """Read ``bpe_nlsyms``: a list with commas between, or a file with one a line."""
    if not Path(symbols).is_file():
        return [symbol for symbol in symbols.split(",") if symbol]
    return [line.split()[0] for line in read_lines(symbols) if line.split()]


def _warn_of_unused(place: str, sentences: list[str], symbols: Sequence[str]) -> None:
    whole = "\n".join(sentences) if symbols else ""
    unused = [symbol for symbol in symbols if symbol not in whole]
    if unused:
        logging.warning(
            "%s: symbols that are never cut, but occur nowhere in it: %s. Is one of "
            "them the name of a file that does not exist, or does --cleaner change it?",
            place,
            some(unused, "symbol"),
        )


def _units(sentence: str, token_type: str, symbols: Sequence[str]) -> list[str]:
    if token_type == "word":
        return sentence.split()
    longest_first = sorted(symbols, key=len, reverse=True)
    return re.findall("|".join([*map(re.escape, longest_first), "."]), sentence, re.S)


def _describe(model_proto: bytes) -> tuple[list[str], dict[str, bytes]]:
    model = load_pieces(model_proto)
    size = model.get_piece_size()
    pieces = [model.id_to_piece(i) for i in range(size)]
    vocab = [f"{pieces[i]}\t{model.get_score(i):g}" for i in range(size)]
    return pieces[1:], {"bpe.model": model_proto, "bpe.vocab": _lines(vocab)}


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
