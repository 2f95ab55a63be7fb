"""sentencepiece models of a text."""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece


class CannotMakePieces(Exception):
    """The text does not allow so many or so few pieces.

    Attributes:
        limit: The number of pieces next to it that the text allows, where known.
    """

    def __init__(self, message: str, limit: int | None):
        super().__init__(message)
        self.limit = limit


def train_pieces(
    sentences: Iterable[str],
    num_pieces: int,
    piece_model: str = "unigram",
    symbols: Sequence[str] = (),
    char_cover: float = 1.0,
    max_sentences: int = 0,
) -> bytes:
    """Train a sentencepiece model, in memory.

    It writes what it reads: sentencepiece's default would turn ``…`` into ``...`` and
    ``½`` into ``1/2`` (NFKC), and no transcript would ever equal its reference.

    Args:
        sentences: The text.
        num_pieces: Size of the vocabulary.
        piece_model: sentencepiece's model type, ``unigram`` or ``bpe``.
        symbols: Never cut.
        char_cover: Share of all characters that get a piece; rare ones are unknown.
        max_sentences: At most so many are used, drawn by chance; 0 for all.

    Raises:
        CannotMakePieces: If the text does not allow so many or few pieces.
    """
    # In memory, since sentencepiece does not tell when the disk is full
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            vocab_size=num_pieces,
            model_type=piece_model,
            character_coverage=char_cover,
            input_sentence_size=max_sentences,
            user_defined_symbols=list(symbols),
            normalization_rule_name="identity",
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        limit = re.search(r"(?:value <=|\d+ vs) (\d+)", str(error))
        raise CannotMakePieces(
            str(error).strip(), int(limit[1]) if limit else None
        ) from error
    return model.getvalue()


def load_pieces(model: bytes | Path | str) -> sentencepiece.SentencePieceProcessor:
    """Load a model from its file, or as :func:`train_pieces` returns it."""
    if isinstance(model, bytes):
        return sentencepiece.SentencePieceProcessor(model_proto=model)
    return sentencepiece.SentencePieceProcessor(model_file=str(model))
