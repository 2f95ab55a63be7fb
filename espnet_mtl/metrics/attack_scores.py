"""Stage 17: how far attacked audio is recognised as the target, and as the truth."""

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.accent import score_accents
from espnet_mtl.metrics.attack_files import Attack, read_attack
from espnet_mtl.metrics.attack_table import format_attack_table
from espnet_mtl.metrics.bootstrap import wer_interval
from espnet_mtl.metrics.transcripts import read_results
from espnet_mtl.metrics.wer import count_edits, error_rate, fold_case, split_words
from espnet_mtl.metrics.wish import Heard, Wish

_CONDITION_KEYS = ("attack", "attacker", "norm", "budget")


def score_attack(
    attack_dir: Path, hyp_dir: Path, system: str, seed: int, decoder: str
) -> list[dict]:
    """Score the decoding of attacked audio.

    Writes into ``<hyp_dir>/score_attack``: ``results.json`` (one row a condition),
    ``utt_scores.jsonl`` (one line a key) and ``result.txt``.

    Args:
        attack_dir: Output directory of the attack.
        hyp_dir: Directory of the decoding of its audio.
        system: Name of the attacked system.
        seed: Seed of its training.
        decoder: Tag of the decoding.

    Returns:
        The rows; see :func:`score_condition`.

    Raises:
        UserError: If files are missing, damaged or do not fit together.
    """
    attack = read_attack(attack_dir)
    scores = score_utterances(attack, hyp_dir)
    identity = {"system": system, "seed": seed, "decoder": decoder}
    identity["records_sha256"] = attack.records_sha256
    rows = [
        {**identity, **score_condition(attack, name, scores)}
        for name in attack.conditions
        if attack.keys_of(name)
    ]
    folder = hyp_dir / "score_attack"
    lines = [json.dumps(score, ensure_ascii=False) + "\n" for score in scores.values()]
    write_text(folder / "utt_scores.jsonl", "".join(lines))
    write_text(folder / "result.txt", format_attack_table(rows))
    # Last: where there are results, all of them are there.
    write_text(folder / "results.json", json.dumps(rows, indent=1) + "\n")
    logging.info("Write attack scores in %s", folder / "result.txt")
    return rows


def score_utterances(attack: Attack, hyp_dir: Path) -> dict[str, dict]:
    """Score each attacked utterance alone.

    Args:
        attack: The attack.
        hyp_dir: Directory of the decoding, with ``text`` and perhaps ``accent``.

    Returns:
        Lines of ``utt_scores.jsonl`` by key: ``key, utt, spk, condition, feasible, ref,
        target, hyp, edits_ref, words_ref, edits_target, words_target, success, accent,
        hyp_accent`` (``None`` without accent head). ``success`` says that the
        attacker's wish is fulfilled; for a target, that the hypothesis has exactly its
        words.

    Raises:
        UserError: If the decoding lacks a key or has one too many.
    """
    tables = attack.tables
    keys = tables["wav.scp"]
    hypotheses = read_results(hyp_dir / "text", keys)
    accents: dict[str, str] = {}
    if (hyp_dir / "accent").is_file():
        accents = read_results(hyp_dir / "accent", keys)

    scores = {}
    for key in keys:
        reference = fold_case(split_words(tables["text"][key]))
        target = fold_case(split_words(tables["text_target"][key]))
        heard = fold_case(split_words(hypotheses[key]))
        scores[key] = {
            "key": key,
            "utt": tables["utt2orig"][key],
            "spk": tables["utt2spk"][key],
            "condition": tables["utt2cond"][key],
            "feasible": bool(attack.records[key]["feasible"]),
            "ref": tables["text"][key],
            "target": tables["text_target"][key],
            "hyp": hypotheses[key],
            "edits_ref": count_edits(reference, heard).errors,
            "words_ref": len(reference),
            "edits_target": count_edits(target, heard).errors,
            "words_target": len(target),
            "success": _wish(attack, key).is_fulfilled(
                Heard(hypotheses[key], accents.get(key))
            ),
            "accent": tables["utt2accent"][key],
            "hyp_accent": accents.get(key),
        }
    return scores


def _wish(attack: Attack, key: str) -> Wish:
    condition = attack.conditions[attack.tables["utt2cond"][key]]
    return Wish(
        words=condition.get("words", "target"),
        target=attack.tables["text_target"][key],
        truth=attack.tables["text"][key],
        accent=attack.records[key].get("accent_wish"),
        to_accent=condition.get("to_accent", "random"),
    )


def score_condition(
    attack: Attack, condition: str, scores: dict[str, dict]
) -> dict[str, object]:
    """Pool the scores of one condition.

    Every number is over the same ``n`` utterances: those whose target can be reached
    at all in the audio's length. The others are counted in ``infeasible``.

    Args:
        attack: The attack.
        condition: Name of the condition.
        scores: What :func:`score_utterances` returned.

    Returns:
        ``condition, attack, attacker, norm, budget, words, settings, n, infeasible,
        benign_wer, null_twer, adv_twer, adv_twer_ci, adv_wer, adv_wer_ci,
        success_rate, snr_db, segsnr_db, accent_acc, adv_accent_acc, seconds``: rates
        in percent, intervals of 95 % over speakers, SNRs as means of the finite ones.
        ``None`` where there is no
        value.

    Raises:
        UserError: If an utterance has another target than in the clean condition.
    """
    clean_keys = attack.keys_of(attack.clean)
    lines = [scores[key] for key in attack.keys_of(condition).values()]
    words = attack.conditions[condition].get("words", "target")
    # Who wants no target to be heard does not mind one that cannot be.
    used = [line for line in lines if line["feasible"] or words != "target"]
    clean = [scores[clean_keys[line["utt"]]] for line in used]
    for line, clean_line in zip(used, clean, strict=True):
        if line["target"] != clean_line["target"]:
            raise UserError(
                f"{attack.path / 'text_target'}: '{line['key']}' has another target "
                f"than '{clean_line['key']}'; repeat stage 15"
            )
    records = [attack.records[line["key"]] for line in used]
    about = {k: attack.conditions[condition][k] for k in _CONDITION_KEYS}
    about["words"] = words
    about["settings"] = attack.conditions[condition].get("settings", {})
    return {
        "condition": condition,
        **about,
        "n": len(used),
        "infeasible": len(lines) - len(used),
        "benign_wer": _rate(clean, "ref"),
        "null_twer": _rate(clean, "target"),
        "adv_twer": _rate(used, "target"),
        "adv_twer_ci": _interval(used, "target"),
        "adv_wer": _rate(used, "ref"),
        "adv_wer_ci": _interval(used, "ref"),
        "success_rate": _finite(
            error_rate(sum(line["success"] for line in used), len(used))
        ),
        "snr_db": _mean([record["snr_db"] for record in records]),
        "segsnr_db": _mean([record["segsnr_db"] for record in records]),
        "accent_acc": _accent_accuracy(clean),
        "adv_accent_acc": _accent_accuracy(used),
        "seconds": attack.seconds.get(condition, 0.0),
    }


def _rate(lines: Sequence[dict], against: str) -> float | None:
    errors = sum(line[f"edits_{against}"] for line in lines)
    words = sum(line[f"words_{against}"] for line in lines)
    return _finite(error_rate(errors, words))


def _interval(lines: Sequence[dict], against: str) -> list[float] | None:
    if not lines:
        return None
    interval = wer_interval(
        [line[f"edits_{against}"] for line in lines],
        [line[f"words_{against}"] for line in lines],
        [line["spk"] for line in lines],
    )
    return None if math.isnan(interval.low) else [interval.low, interval.high]


def _accent_accuracy(lines: Sequence[dict]) -> float | None:
    if any(line["hyp_accent"] is None for line in lines):
        return None
    truth = {line["key"]: line["accent"] for line in lines}
    recognised = {line["key"]: line["hyp_accent"] for line in lines}
    return _finite(score_accents(truth, recognised).accuracy)


def _mean(values: Sequence[float | None]) -> float | None:
    finite = [v for v in values if v is not None and math.isfinite(v)]
    return sum(finite) / len(finite) if finite else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
