"""Stage 5: the recogniser's tokens."""

import argparse
import logging
import re
from collections import Counter
from pathlib import Path

import sentencepiece

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table, write_text
from espnet_mtl.errors import run_main, setup_logging

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
        text: A ``text`` table.
        output: Folder for ``tokens.txt`` and, for ``bpe``, ``bpe.model``.
        token_type: ``bpe``, ``char`` or ``word``.
        num_pieces: Size of the sentencepiece vocabulary.
        piece_model: sentencepiece's model type, ``unigram`` or ``bpe``.
        symbols: Comma-separated symbols that are never cut.

    Returns:
        The tokens.

    Raises:
        DataDirError: If the text has no words or allows fewer pieces.
    """
    sentences = list(read_table(text).values())
    output.mkdir(parents=True, exist_ok=True)
    if token_type == "bpe":
        tokens = _pieces(text, sentences, output, num_pieces, piece_model, symbols)
    else:
        counts = Counter(
            unit
            for sentence in sentences
            for unit in (sentence.split() if token_type == "word" else sentence)
        )
        units = sorted(counts, key=lambda unit: (-counts[unit], unit))
        tokens = [SPACE if unit == " " else unit for unit in units]
    tokens = [t for t in tokens if t not in (BLANK, UNKNOWN, SOS_EOS)]
    tokens = [BLANK, UNKNOWN, *tokens, SOS_EOS]
    write_text(output / "tokens.txt", "".join(f"{token}\n" for token in tokens))
    return tokens


def _pieces(
    text: Path,
    sentences: list[str],
    output: Path,
    num_pieces: int,
    piece_model: str,
    symbols: str,
) -> list[str]:
    write_text(output / "train.txt", "".join(f"{s}\n" for s in sentences))
    try:
        sentencepiece.SentencePieceTrainer.train(
            input=str(output / "train.txt"),
            model_prefix=str(output / "bpe"),
            vocab_size=num_pieces,
            model_type=piece_model,
            character_coverage=1.0,
            user_defined_symbols=symbols,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        limit = re.search(r"value\s*(<=|>)\s*(\d+)", str(error))
        fix = f"; use --nbpe {limit[2]}" if limit else ""
        raise DataDirError(
            f"{text}: sentencepiece cannot make {num_pieces} pieces of it{fix} "
            f"({str(error).strip()})"
        ) from error
    model = sentencepiece.SentencePieceProcessor(model_file=str(output / "bpe.model"))
    return [model.id_to_piece(i) for i in range(1, model.get_piece_size())]


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--token_type", choices=["bpe", "char", "word"], default="bpe")
    parser.add_argument("--nbpe", type=int, default=30)
    parser.add_argument("--bpemode", choices=["unigram", "bpe"], default="unigram")
    parser.add_argument("--bpe_nlsyms", default="", help="Symbols never cut, by comma")
    args = parser.parse_args(cmd)
    setup_logging()
    tokens = write_token_list(
        args.text,
        args.output,
        args.token_type,
        args.nbpe,
        args.bpemode,
        args.bpe_nlsyms,
    )
    logging.info("%s: %d tokens", args.output / "tokens.txt", len(tokens))


if __name__ == "__main__":
    run_main(main)
