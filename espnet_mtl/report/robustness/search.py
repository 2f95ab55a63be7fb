"""What searches for the smallest budget found, utterance by utterance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from espnet_mtl.errors import UserError
from espnet_mtl.report.experiment import AttackResult
from espnet_mtl.report.norms import decibels
from espnet_mtl.results.attack import RECORDS_NAME
from espnet_mtl.results.attack_scores import Row, UttScore


@dataclass(frozen=True, kw_only=True)
class Search:
    """What came of one utterance.

    Attributes:
        words: Words of the target.
        null: Word errors of the untouched audio against the target.
        steps: (budget, word errors against the target), from weak to strong, up to the
            budget of the saved file; what counts from there on is that file.
        saved: Budget of the saved file.
        snr_db: SNR of its perturbation; ``None`` where there is none.
        broken: Whether it breaks the utterance: ``saved`` is then the smallest budget.
        resisted: The largest budget below it that did not; ``None`` where every one
            that was tried broke it.
        weakest: The smallest budget tried.
        strongest: The largest budget tried; ``None`` where the attack took the
            utterance for broken, tried no larger one, and the decoding of the saved
            file says otherwise: it then counts as one that resists.
        confirmed: Whether the attack had heard the same outcome as the decoding of the
            saved file.
        gradients: How often the loss was differentiated in the search.
        decodings: How often the decoder was asked.
    """

    utt: str
    speaker: str
    accent: str
    words: int
    null: int
    steps: tuple[tuple[float, float], ...]
    saved: float
    snr_db: float | None
    broken: bool
    resisted: float | None
    weakest: float
    strongest: float | None
    confirmed: bool
    gradients: int
    decodings: int


def read_searches(result: AttackResult, row: Row) -> list[Search]:
    """Read what a trial with role ``curve`` found, by utterance.

    Utterances whose target cannot be heard are left out. Whether the saved file breaks
    the utterance is decided by the scores of stage 17, not by what the attack heard.

    Raises:
        UserError: If a record does not say which budgets were tried.
    """
    untouched = result.scores_of(result.clean)
    return [
        _read_search(result, row.norm, score, untouched[utt])
        for utt, score in sorted(result.feasible_scores(row).items())
    ]


def _read_search(
    result: AttackResult, norm: str | None, score: UttScore, untouched: UttScore
) -> Search:
    record = result.records.get(score.key)
    found = record.smallest if record else None
    if record is None or found is None or not found.tried:
        raise UserError(
            f"{result.attack_dir / RECORDS_NAME}: '{score.key}' has no budgets that "
            "were tried; repeat stage 15"
        )
    saved = found.saved
    is_broken = found.budget is not None
    mistaken = is_broken and not score.success
    before = [
        (budget, cost)
        for budget, cost in found.tried
        if decibels(norm, budget) < decibels(norm, saved)
    ]
    return Search(
        utt=score.utt,
        speaker=score.spk,
        accent=score.accent,
        words=score.words_target,
        null=untouched.edits_target,
        steps=(*before, (saved, float(score.edits_target))),
        saved=saved,
        snr_db=record.snr_db,
        broken=score.success,
        resisted=found.resisted,
        weakest=found.tried[0][0],
        strongest=None if mistaken else found.tried[-1][0],
        confirmed=score.success == is_broken,
        gradients=found.gradients,
        decodings=found.decodings,
    )


def worst_cases(searches: Sequence[Sequence[Search]], norm: str | None) -> list[Search]:
    """Take for each utterance the best of several searches: their lower envelope.

    Utterances that some of the searches left out are left out.
    """
    by_utt: list[Mapping[str, Search]] = [
        {one.utt: one for one in search} for search in searches
    ]
    common = set.intersection(*(set(found) for found in by_utt))
    return [_best([f[utt] for f in by_utt], norm) for utt in sorted(common)]


def _best(searches: Sequence[Search], norm: str | None) -> Search:
    best = min(
        searches,
        key=lambda one: (not one.broken, one.steps[-1][1], decibels(norm, one.saved)),
    )
    end = decibels(norm, best.saved)
    steps = {
        step for one in searches for step in one.steps if decibels(norm, step[0]) <= end
    }
    return replace(
        best,
        steps=tuple(sorted(steps, key=lambda step: decibels(norm, step[0]))),
        weakest=min((o.weakest for o in searches), key=lambda b: decibels(norm, b)),
        strongest=min(
            (o.strongest for o in searches if o.strongest is not None),
            key=lambda b: decibels(norm, b),
            default=None,
        ),
        confirmed=all(one.confirmed for one in searches),
        gradients=sum(one.gradients for one in searches),
        decodings=sum(one.decodings for one in searches),
    )
