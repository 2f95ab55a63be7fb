"""Stage 13: WER, CER and TER of a decoding."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.score_table import format_score_table
from espnet_mtl.metrics.transcripts import read_results
from espnet_mtl.metrics.trn import write_trn
from espnet_mtl.metrics.wer import (
    count_edits,
    error_rate,
    fold_case,
    pool,
    split_chars,
    split_words,
)

Split = Callable[[str], Sequence[str]]


def score_text(
    ref_dir: Path,
    hyp_dir: Path,
    token_type: str,
    bpemodel: Path | None = None,
    *,
    clean_hyp: Callable[[str], str] = str,
    case_sensitive: bool = False,
) -> dict[str, float]:
    """Score the text of a decoding.

    Writes ``ref.trn``, ``hyp.trn`` and ``result.txt`` into
    ``<hyp_dir>/score_{wer,cer,ter}``; ``sclite`` counts the same in these files,
    unless words have a meaning of their own for it, such as ``(uh)`` or ``@``.

    Args:
        ref_dir: Data directory with ``text`` and ``utt2spk``.
        hyp_dir: Directory of the decoding, with ``text``.
        token_type: ``bpe``, ``char`` or ``word``: the tokens of the TER.
        bpemodel: The sentencepiece model, for ``bpe``.
        clean_hyp: Cleaner of the hypotheses, such as ESPnet's.
        case_sensitive: Whether ``A`` and ``a`` differ.

    Returns:
        Pooled rates in percent by ``wer``, ``cer`` and ``ter``.

    Raises:
        UserError: If the decoding lacks an utterance or has one too many, or if the
            sentencepiece model is missing.
    """
    tables = load_data_dir(ref_dir, ("text", "utt2spk"))
    fold = list if case_sensitive else fold_case
    hypotheses = {
        utt: clean_hyp(text)
        for utt, text in read_results(hyp_dir / "text", tables["text"]).items()
    }

    rates = {}
    for kind, split in _splits(token_type, bpemodel).items():
        references = {utt: split(text) for utt, text in tables["text"].items()}
        recognised = {utt: split(text) for utt, text in hypotheses.items()}
        counts = {
            utt: count_edits(fold(references[utt]), fold(recognised[utt]))
            for utt in references
        }
        folder = hyp_dir / f"score_{kind}"
        write_trn(folder / "ref.trn", references, tables["utt2spk"])
        write_trn(folder / "hyp.trn", recognised, tables["utt2spk"])
        table = format_score_table(counts, tables["utt2spk"])
        write_text(folder / "result.txt", table)
        total = pool(counts.values())
        rates[kind] = error_rate(total.errors, total.words)
        logging.info("Write %s in %s", kind.upper(), folder / "result.txt")
    return rates


def _splits(token_type: str, bpemodel: Path | None) -> dict[str, Split]:
    tokens: dict[str, Split] = {"char": split_chars, "word": split_words}
    if token_type == "bpe":
        tokens["bpe"] = _load_pieces(bpemodel)
    return {"wer": split_words, "cer": split_chars, "ter": tokens[token_type]}


def _load_pieces(bpemodel: Path | None) -> Split:
    if bpemodel is None or not Path(bpemodel).is_file():
        raise UserError(
            f"--bpemodel {bpemodel}: no such file; the TER of bpe tokens needs the "
            "sentencepiece model that stage 5 made"
        )
    # Loaded here: words and characters need no sentencepiece.
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(bpemodel))
    return model.encode_as_pieces
