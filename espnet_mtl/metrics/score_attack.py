"""Stage 17: how far attacked audio is recognised as the target, and as the truth."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path

from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.accent import score_accents
from espnet_mtl.metrics.binomial import exact_interval
from espnet_mtl.metrics.bootstrap import wer_interval
from espnet_mtl.metrics.scored_text import ScoredText
from espnet_mtl.metrics.transcripts import read_results
from espnet_mtl.metrics.wer import count_words, error_rate
from espnet_mtl.metrics.wish import Heard, Wish
from espnet_mtl.provenance import read_stamp, write_stamp
from espnet_mtl.results import attack
from espnet_mtl.results.attack_scores import AttackScores, Row, UttScore, hash_attack
from espnet_mtl.results.clean_scores import AccentConfusion
from espnet_mtl.results.infeasible import count_reasons
from espnet_mtl.results.record import Record
from espnet_mtl.results.trial import UNTOUCHED, Trial


def stamp_decoding(attack_dir: Path, hyp_dir: Path) -> None:
    """Keep in a decoding's directory which attack it is the decoding of.

    Raises:
        UserError: If the attack is not finished.
    """
    write_stamp(hyp_dir, {"attack": hash_attack(attack_dir)})


def score_attack(
    attack_dir: Path,
    hyp_dir: Path,
    *,
    system: str,
    seed: int,
    decoder: str,
    set_name: str,
    attack_tag: str,
    scored: ScoredText | None = None,
) -> tuple[AttackScores, list[UttScore]]:
    """Score the decoding of attacked audio.

    The decoding's directory has ``text`` and perhaps ``accent``; if it has a stamp,
    that has to be of this attack. ``scored`` are cleaners and symbols, as in the
    scoring of untouched audio. For the other arguments see :class:`Row`.

    Returns:
        The rows, and the scores of each utterance that they were pooled from.

    Raises:
        UserError: If files are missing, damaged or do not fit together.
    """
    made_of = hash_attack(attack_dir)
    stamp = read_stamp(hyp_dir)
    if stamp is not None and stamp.get("attack") != made_of:
        raise UserError(
            f"{hyp_dir} is the decoding of an earlier attack: run stage 16 again"
        )
    attacked = _read_attacked(attack_dir)
    scored = scored or ScoredText()
    scores = _score_utterances(attacked, hyp_dir, scored)
    make_row = partial(Row, system=system, seed=seed, decoder=decoder, set=set_name)
    result = AttackScores(
        attack_tag=attack_tag,
        attack_version=attacked.run.version,
        attack_dir=os.path.relpath(attack_dir, hyp_dir),
        made_of=made_of,
        rows=tuple(
            _score_trial(attacked, trial, scores, scored, make_row)
            for trial in attacked.run.trials
            if trial.name in scores
        ),
    )
    return result, [one for trial in scores.values() for one in trial.values()]


@dataclass(frozen=True)
class _AttackedSet:
    """What is known of attacked audio before it is decoded."""

    path: Path
    run: attack.AttackRun
    records: dict[str, Record]  # by key
    tables: dict[str, dict[str, str]]  # text, utt2spk and utt2accent, by key
    clean: str  # name of the trial that leaves the audio as it is


_Scores = Mapping[str, Mapping[str, UttScore]]  # by trial and utterance


def _read_attacked(path: Path) -> _AttackedSet:
    run = attack.read_attack_run(path)
    records = attack.read_records(path)
    tables = load_data_dir(path, ("text", "utt2spk", "utt2accent"))
    run_file, record_file = path / attack.ATTACK_NAME, path / attack.RECORDS_NAME
    trials = {trial.name: trial for trial in run.trials}
    clean = next((name for name, trial in trials.items() if trial.is_untouched), None)
    if clean is None:
        raise UserError(
            f"{run_file}: no trial with attack '{UNTOUCHED}'; add it to the attack's "
            "configuration and repeat stage 15"
        )
    untouched = {one.utt for one in records.values() if one.trial == clean}
    faults = [
        f"{record_file}: no record of '{key}'"
        for key in tables["text"]
        if key not in records
    ]
    for key, record in records.items():
        if key not in tables["text"]:
            faults.append(f"{path / 'text'}: no line for '{key}'")
        elif record.trial not in trials:
            faults.append(f"{run_file}: no trial '{record.trial}', which has '{key}'")
        elif record.utt not in untouched:
            faults.append(
                f"{record_file}: '{key}' is there, but no '{record.utt}' in trial "
                f"'{clean}'"
            )
    if faults:
        raise UserError(f"{faults[0]}; repeat stage 15")
    return _AttackedSet(path, run, records, tables, clean)


def _score_utterances(
    attacked: _AttackedSet, hyp_dir: Path, scored: ScoredText
) -> _Scores:
    texts = attacked.tables["text"]
    hypotheses = read_results(hyp_dir / "text", texts)
    accents: dict[str, str] = {}
    if (hyp_dir / "accent").is_file():
        accents = read_results(hyp_dir / "accent", texts)
    scores: dict[str, dict[str, UttScore]] = {}
    for key, ref in texts.items():
        record = attacked.records[key]
        wish = _wish(attacked, key, scored)
        heard = _heard(hypotheses[key], accents.get(key), scored)
        to_ref, to_target = (
            count_words(text, heard.text) for text in (wish.truth, wish.target)
        )
        scores.setdefault(record.trial, {})[record.utt] = UttScore(
            key=key,
            utt=record.utt,
            spk=attacked.tables["utt2spk"][key],
            trial=record.trial,
            infeasible=record.infeasible,
            ref=ref,
            target=record.target,
            hyp=hypotheses[key],
            edits_ref=to_ref.errors,
            words_ref=to_ref.words,
            edits_target=to_target.errors,
            words_target=to_target.words,
            success=wish.is_fulfilled(heard),
            accent=attacked.tables["utt2accent"][key],
            hyp_accent=heard.accent,
        )
    return scores


def _wish(attacked: _AttackedSet, key: str, scored: ScoredText) -> Wish:
    """Return what the attacker wanted to be heard in an utterance, as it is scored."""
    record = attacked.records[key]
    trial = attacked.run.trial(record.trial)
    said, target = (
        " ".join(scored.words(scored.ref(text)))
        for text in (attacked.tables["text"][key], record.target)
    )
    return Wish(trial.words, target, said, record.accent_wish, trial.to_accent)


def _heard(hypothesis: str, accent: str | None, scored: ScoredText) -> Heard:
    return Heard(" ".join(scored.words(scored.hyp(hypothesis))), accent)


def _score_trial(
    attacked: _AttackedSet,
    trial: Trial,
    scores: _Scores,
    scored: ScoredText,
    make_row: Callable[..., Row],
) -> Row:
    """Pool the scores of one trial, over the utterances whose target can be reached."""
    every = scores[trial.name].values()
    # Without a target it does not matter whether the target can be heard.
    used = [one for one in every if one.feasible or trial.words != "target"]
    clean = [scores[attacked.clean][one.utt] for one in used]
    for one, clean_one in zip(used, clean, strict=True):
        if one.target != clean_one.target:
            raise UserError(
                f"{attacked.path / attack.RECORDS_NAME}: '{one.key}' has another "
                f"target than '{clean_one.key}'; repeat stage 15"
            )
    records = [attacked.records[one.key] for one in used]
    successes = sum(one.success for one in used)
    before = sum(
        _wish(attacked, one.key, scored).is_fulfilled(
            _heard(untouched.hyp, untouched.hyp_accent, scored)
        )
        for one, untouched in zip(used, clean, strict=True)
    )
    accents, adv_accents = _score_accents(clean), _score_accents(used)
    return make_row(
        trial=trial.name,
        role=trial.role,
        attack=trial.attack,
        attacker=trial.attacker,
        also=trial.also,
        norm=trial.norm,
        budget=trial.budget,
        words=trial.words,
        members=trial.members,
        suite=trial.suite,
        doubled=trial.doubled,
        settings=trial.settings,
        n=len(used),
        infeasible=count_reasons(
            one.infeasible for one in every if trial.words == "target"
        ),
        benign_wer=_rate(clean, _ref),
        null_twer=_rate(clean, _target),
        adv_twer=_rate(used, _target),
        adv_twer_ci=_interval(used, _target),
        adv_wer=_rate(used, _ref),
        adv_wer_ci=_interval(used, _ref),
        success_rate=_finite(error_rate(successes, len(used))),
        success_ci=_exact(successes, len(used)),
        null_success_rate=_finite(error_rate(before, len(used))),
        snr_db=_mean([record.snr_db for record in records]),
        segsnr_db=_mean([record.segsnr_db for record in records]),
        accent_acc=accents and accents.accuracy,
        accent_balanced_acc=accents and accents.balanced_accuracy,
        accent_majority=accents and accents.majority_share,
        adv_accent_acc=adv_accents and adv_accents.accuracy,
        adv_accent_balanced_acc=adv_accents and adv_accents.balanced_accuracy,
        seconds=attacked.run.seconds.get(trial.name, 0.0),
    )


_Count = Callable[[UttScore], tuple[int, int]]  # errors and words
_ref: _Count = attrgetter("edits_ref", "words_ref")
_target: _Count = attrgetter("edits_target", "words_target")


def _rate(scores: Sequence[UttScore], count: _Count) -> float | None:
    counts = [count(one) for one in scores]
    return _finite(error_rate(sum(e for e, _ in counts), sum(w for _, w in counts)))


def _interval(scores: Sequence[UttScore], count: _Count) -> tuple[float, float] | None:
    counts = [count(one) for one in scores]
    if not any(words for _, words in counts):
        return None
    errors, words = zip(*counts, strict=True)
    interval = wer_interval(errors, words, [one.spk for one in scores])
    return None if math.isnan(interval.low) else (interval.low, interval.high)


def _exact(count: int, n: int) -> tuple[float, float] | None:
    if not n:
        return None
    low, high = exact_interval(count, n)
    return 100.0 * low, 100.0 * high


def _score_accents(scores: Sequence[UttScore]) -> AccentConfusion | None:
    recognised = {one.key: one.hyp_accent for one in scores if one.hyp_accent}
    if len(recognised) < len(scores):
        return None
    return score_accents({one.key: one.accent for one in scores}, recognised)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
