"""Stage 13: accent accuracy of a decoding, and WER of each accent."""

import json
import logging
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.accent import AccentScores, score_accents
from espnet_mtl.metrics.score_table import format_score_table
from espnet_mtl.metrics.transcripts import read_results
from espnet_mtl.metrics.wer import count_edits, fold_case, split_words


def score_accent_dir(ref_dir: Path, hyp_dir: Path) -> AccentScores:
    """Score the accents of a decoding.

    Writes into ``<hyp_dir>/score_accent``: ``result.txt``, ``confusion.json`` (rows of
    ``counts`` true, columns recognised) and ``wer_per_accent.txt``.

    Args:
        ref_dir: Data directory with ``text`` and ``utt2accent``.
        hyp_dir: Directory of the decoding, with ``text``, ``accent`` and, for the
            order of the classes, ``accents``.

    Returns:
        The scores.

    Raises:
        UserError: If the decoding has no accents, lacks an utterance or has one too
            many.
    """
    tables = load_data_dir(ref_dir, ("utt2accent", "text"))
    truth = tables["utt2accent"]
    if not (hyp_dir / "accent").is_file():
        raise UserError(
            f"{hyp_dir / 'accent'}: no such file; the model has no accent head, or "
            "the decoding is not finished"
        )
    recognised = read_results(hyp_dir / "accent", truth)
    hypotheses = read_results(hyp_dir / "text", truth)

    scores = score_accents(truth, recognised, read_accent_list(hyp_dir))
    counts = {
        utt: count_edits(
            fold_case(split_words(text)), fold_case(split_words(hypotheses[utt]))
        )
        for utt, text in tables["text"].items()
    }
    folder = hyp_dir / "score_accent"
    write_text(folder / "result.txt", _format(scores))
    by_accent = format_score_table(counts, truth, title="accent")
    write_text(folder / "wer_per_accent.txt", by_accent)
    confusion = {
        "accents": list(scores.accents),
        "counts": scores.counts.tolist(),
        "accuracy": scores.accuracy if scores.labelled else None,
        "labelled": scores.labelled,
        "unlabelled": scores.unlabelled,
    }
    write_text(folder / "confusion.json", json.dumps(confusion) + "\n")
    logging.info("Write accent accuracy in %s", folder / "result.txt")
    return scores


def read_accent_list(hyp_dir: Path) -> list[str]:
    """Read the classes of the model that decoded.

    Args:
        hyp_dir: Directory of the decoding.

    Returns:
        The accents in the model's order; empty where the decoding does not tell.
    """
    path = hyp_dir / "accents"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _format(scores: AccentScores) -> str:
    correct = int(scores.counts.trace())
    size = max(map(len, (*scores.accents, "recognised")))
    width = max(6, *map(len, scores.accents)) if scores.accents else 6
    names = " ".join(f"{name:>{width}}" for name in scores.accents)
    lines = [
        f"accuracy {scores.accuracy:.2f} % ({correct} of {scores.labelled} utterances; "
        f"{scores.unlabelled} without a label left out)",
        "",
        "Utterances: rows true, columns recognised",
        "",
        f"{'':{size}} {names} recall",
    ]
    for name, row in zip(scores.accents, scores.counts, strict=True):
        cells = " ".join(f"{count:>{width}}" for count in row)
        lines.append(f"{name:{size}} {cells} {scores.recall(name):6.2f}")
    return "\n".join(lines) + "\n"
