"""Stage 13: WER, CER and TER of a decoding, and the accuracy of its accents."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.tables import read_lines
from espnet_mtl.errors import UserError
from espnet_mtl.metrics import score_table, wer
from espnet_mtl.metrics.accent import caution, score_accents
from espnet_mtl.metrics.scored_text import ScoredText
from espnet_mtl.metrics.transcripts import read_results
from espnet_mtl.metrics.trn import write_trn
from espnet_mtl.provenance import Stamp, hash_file, read_stamp, write_stamp
from espnet_mtl.results import clean_scores
from espnet_mtl.results.clean_scores import AccentConfusion, CleanScores, ErrorKind

Split = Callable[[str], Sequence[str]]

# Tells audio from other audio of the same names; transcripts may be corrected.
_AUDIO = "utt2num_samples"
_WEIGHTS = "weights"


def stamp_decoding(ref_dir: Path, hyp_dir: Path, weights: Path) -> None:
    """Keep in a decoding's directory which audio it is of, and by which weights."""
    write_stamp(hyp_dir, _describe(ref_dir, weights))


def check_weights(hyp_dir: Path, sha256: str, owner: Path) -> None:
    """Check that a decoding was made by certain weights, those of ``owner``.

    Raises:
        UserError: If it was made by others.
    """
    before = (read_stamp(hyp_dir) or {}).get(_WEIGHTS, sha256)
    if before != sha256:
        raise UserError(
            f"{hyp_dir} was decoded by other weights than {owner} has now: repeat "
            "stages 12 and 13"
        )


def score_decoding(
    ref_dir: Path,
    hyp_dir: Path,
    token_type: str,
    bpemodel: Path | None = None,
    *,
    system: str,
    decoder: str,
    set_name: str,
    weights: Path | None = None,
    scored: ScoredText | None = None,
    case_sensitive: bool = False,
) -> CleanScores:
    """Score a decoding of untouched audio.

    Writes ``scores.json`` into ``hyp_dir``, and for people: ``ref.trn``, ``hyp.trn``
    and ``result.txt`` into ``score_{wer,cer,ter}``, and where the decoding has a file
    ``accent``, ``result.txt`` and ``wer_per_accent.txt`` into ``score_accent``.
    ``sclite`` counts the same in the ``.trn`` files, unless words have a meaning of
    their own for it, such as ``(uh)`` or ``@``.

    Args:
        ref_dir: Data directory with ``text`` and ``utt2spk``; for accents with
            ``utt2accent``.
        hyp_dir: Directory of the decoding, with ``text``; for accents with ``accent``
            and, for the order of the classes, ``accents``.
        token_type: ``bpe``, ``char`` or ``word``: the tokens of the TER.
        bpemodel: The sentencepiece model, for ``bpe``.
        system, decoder, set_name: As in :class:`CleanScores`.
        weights: Those that should have decoded it.
        scored: Cleaners and symbols; none by default.
        case_sensitive: Whether ``A`` and ``a`` differ.

    Raises:
        UserError: If the decoding lacks an utterance or has one too many, if its stamp
            says that it is of other audio or by other weights, or if the sentencepiece
            model is missing.
    """
    if weights is not None:
        check_weights(hyp_dir, hash_file(weights), weights)
    before, now = read_stamp(hyp_dir) or {}, _describe(ref_dir)
    if _AUDIO in before and _AUDIO in now and before[_AUDIO] != now[_AUDIO]:
        raise UserError(
            f"{hyp_dir} is the decoding of other audio than {ref_dir} has now: run "
            "stage 12 again"
        )
    tables = load_data_dir(ref_dir, ("text", "utt2spk"))
    hypotheses = read_results(hyp_dir / "text", tables["text"])
    scored = scored or ScoredText()
    said = {utt: scored.ref(text) for utt, text in tables["text"].items()}
    heard = {utt: scored.hyp(text) for utt, text in hypotheses.items()}
    fold = list if case_sensitive else wer.fold_case
    errors: dict[ErrorKind, clean_scores.PooledErrors] = {}
    for kind, split in _splits(token_type, bpemodel, scored).items():
        references = {utt: split(text) for utt, text in said.items()}
        recognised = {utt: split(text) for utt, text in heard.items()}
        counts = {
            utt: wer.count_edits(fold(references[utt]), fold(recognised[utt]))
            for utt in references
        }
        folder = hyp_dir / f"score_{kind}"
        write_trn(folder / "ref.trn", references, tables["utt2spk"])
        write_trn(folder / "hyp.trn", recognised, tables["utt2spk"])
        table = score_table.format_score_table(counts, tables["utt2spk"])
        write_text(folder / "result.txt", table)
        errors[kind] = score_table.pool_utterances(counts.values())
        logging.info("Write %s in %s", kind.upper(), folder / "result.txt")
        if kind == "wer":
            words = counts
    scores = CleanScores(
        system=system,
        decoder=decoder,
        set=set_name,
        errors=errors,
        accents=_score_accents(ref_dir, hyp_dir, words),
    )
    # Last: where it is, all of the above is there.
    clean_scores.write_clean_scores(hyp_dir, scores)
    return scores


def _describe(ref_dir: Path, weights: Path | None = None) -> Stamp:
    """Describe what a decoding is made of, as far as it is known."""
    made_of = {_AUDIO: ref_dir / _AUDIO, _WEIGHTS: weights}
    return {name: hash_file(p) for name, p in made_of.items() if p and p.is_file()}


def _splits(
    token_type: str, bpemodel: Path | None, scored: ScoredText
) -> dict[ErrorKind, Split]:
    tokens: dict[str, Split] = {"char": scored.tokens, "word": wer.split_words}
    if token_type == "bpe":
        tokens["bpe"] = _load_pieces(bpemodel)
    return {"wer": scored.words, "cer": scored.chars, "ter": tokens[token_type]}


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


def _score_accents(
    ref_dir: Path, hyp_dir: Path, words: Mapping[str, wer.EditCounts]
) -> AccentConfusion | None:
    if not (hyp_dir / "accent").is_file():
        return None  # the model has no accent head
    tables = load_data_dir(ref_dir, ("utt2accent", "text", "utt2spk"))
    truth = tables["utt2accent"]
    recognised = read_results(hyp_dir / "accent", truth)
    order = hyp_dir / "accents"  # the classes in the model's order
    accents = read_lines(order) if order.is_file() else []
    confusion = score_accents(truth, recognised, accents, tables["utt2spk"])
    folder = hyp_dir / "score_accent"
    by_accent = score_table.format_score_table(words, truth, title="accent")
    write_text(folder / "wer_per_accent.txt", by_accent)
    write_text(folder / "result.txt", score_table.format_accents(confusion))
    logging.info("Write accent accuracy in %s", folder / "result.txt")
    shown = confusion.accuracy, confusion.balanced_accuracy, confusion.majority_share
    if said := caution(*shown):
        logging.warning("%s: %s", folder / "result.txt", said)
    return confusion
