"""Gates of the audit: was what is on the disk scored, and all of it counted?"""

import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from espnet_mtl.data.audio import read_audio_rate
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.metrics.wer import fold_case, split_words
from espnet_mtl.provenance import hash_file
from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.report.audit.gate import (
    AGAIN,
    Finding,
    gate,
    judged,
    not_run,
    standard_or,
)
from espnet_mtl.report.table import counted
from espnet_mtl.results.attack_scores import Row, hash_attack
from espnet_mtl.results.infeasible import count_reasons
from espnet_mtl.seeding import draw_ids

Samples = np.ndarray[Any, np.dtype[np.float64]]

_FLOAT32 = 2**-24  # by how much a sample is rounded where a file holds float32

# So many files are read, which takes a minute; of more, those of utterances that are
# drawn by their ids. What is wrong with one file in a thousand is still found.
MOST_FILES = 20_000
# Another device rounds otherwise, and a word that is as likely as another one may
# change. More than that is another decoder.
MOST_HEARD_DIFFERENTLY = 1.0  # percent of the files, or one file
_MEANS = {
    "changed since": "Audio was changed after the attack had saved it: the figures are "
    "not those of this attack. Remove the attack's directory, and repeat stages 15 to "
    "18.",
    "not scored": "Files and scores are not of the same utterances: repeat stages 16 "
    "and 17.",
    "over the budget": "Audio exceeds its budget: the figures are not those of this "
    "attack.",
    "heard differently": "In the same files, the scored decoding heard other words "
    "than the attack did. Options of decoding, or the device, were others: the attack "
    "deceived another decoder than the one that is scored.",
}


@gate(
    title="the saved file was scored, in its budget, heard as in the attack (but "
    f"{MOST_HEARD_DIFFERENTLY:g} % or one)",
    failure="The scored audio is not the audio that the attack saved, exceeds the "
    "budget, or is heard differently than in the attack: the figures are not those of "
    "this attack.",
    needs_counted=False,
)
def saved_file(evidence: Evidence) -> Finding:
    wavs, records = evidence.read_wavs(), evidence.records
    if not evidence.run or not records or not wavs:
        return not_run("attacked audio or its records not there", AGAIN)
    if hash_attack(evidence.result.attack_dir) != evidence.result.scores.made_of:
        return judged(
            False,
            "scores of an earlier attack: run stages 16 and 17 again",
            "The attack was repeated after its audio was decoded and scored: the "
            "figures are those of the earlier one.",
        )
    drawn = _draw(evidence, wavs)
    there = {key for key in drawn if Path(wavs[key]).is_file()}
    known = there & records.keys()
    trials = evidence.result.utterances.values()
    scores = [score for trial in trials for score in trial.values()]
    alike = [
        _words(score.hyp) == _words(record.heard)
        for score in scores
        if (record := records.get(score.key)) and record.heard is not None
    ]
    faults = {
        "changed since": sum(hash_file(wavs[k]) != records[k].sha256 for k in known),
        "not scored": len(wavs.keys() ^ {score.key for score in scores}),
        "over the budget": sum(_over_budget(evidence, wavs, there)),
    }
    differently = alike.count(False)
    if differently > max(1, MOST_HEARD_DIFFERENTLY / 100 * len(alike)):
        faults["heard differently"] = differently
    found = [f"{count} {fault}" for fault, count in faults.items() if count]
    every = counted(len(drawn), "file")
    if len(drawn) < len(wavs):
        every += f" (drawn of {len(wavs)})"
    if found:
        means = " ".join(_MEANS[fault] for fault, count in faults.items() if count)
        return judged(False, f"of {every}, {', '.join(found)}", means)
    gone = len(drawn) - len(known)
    if gone:
        return not_run(f"{gone} of {every} are gone or not recorded", AGAIN)
    unheard = sum(
        record is None or record.heard is None
        for row in evidence.result.of("main")
        for _, record in evidence.feasible(row)
    )
    if unheard:
        return not_run(
            f"{every} unchanged and in the budget, but {unheard} not heard in the "
            "attack",
            standard_or(evidence, AGAIN),
        )
    heard = f"{len(alike) - differently} of {len(alike)} heard alike"
    return judged(True, f"{every} unchanged, {heard}")


def _words(text: str) -> list[str]:
    return fold_case(split_words(text))


def _draw(evidence: Evidence, wavs: Mapping[str, str]) -> Collection[str]:
    """Choose the files to read: all, or those of some utterances where that is long."""
    if len(wavs) <= MOST_FILES:
        return wavs.keys()
    trials = evidence.result.utterances.values()
    number = max(1, MOST_FILES * len(evidence.untouched) // len(wavs))
    utts = draw_ids(evidence.untouched, number)
    keys = {trial[utt].key for trial in trials for utt in utts if utt in trial}
    return keys & wavs.keys()


def _over_budget(
    evidence: Evidence, wavs: Mapping[str, str], there: set[str]
) -> Iterator[bool]:
    """Whether each file is too far from the untouched one."""
    for utt, clean_score in evidence.untouched.items():
        if clean_score.key not in there:
            continue
        clean = _samples(wavs[clean_score.key])
        # Where audio came in more than 16 bits, the untouched file is rounded, and the
        # attack kept its distance from what came.
        untouched = evidence.records.get(clean_score.key)
        for row in evidence.result.rows:
            score = evidence.result.scores_of(row).get(utt)
            if row.norm and score and score.key in there:
                attacked = _samples(wavs[score.key])
                record = evidence.records.get(score.key)
                # A file of a curve stands for the smallest budget that was found.
                found = record.smallest if record else None
                budget = found.saved if found and found.tried else row.budget
                size = "linf" if row.norm == "linf" else "l2"
                rounded = getattr(untouched, size, None) or 0.0
                yield not _within(row.norm, budget, clean, attacked, rounded)


def _samples(path: str) -> Samples | None:
    try:
        return read_audio_rate(path, may_be_silent=True)[0].astype(np.float64)
    except DataDirError:
        return None


def _within(
    norm: str,
    budget: float,
    clean: Samples | None,
    attacked: Samples | None,
    rounded: float,
) -> bool:
    """Whether a file is in its budget around audio whose own file is ``rounded``."""
    if clean is None or attacked is None or len(attacked) < len(clean):
        return False
    # An attack may play something before the utterance, where there was nothing.
    change = attacked - np.pad(clean, (len(attacked) - len(clean), 0))
    if norm == "linf":
        size, radius = float(np.abs(change).max()), budget
    else:
        size, radius = float(np.linalg.norm(change)), budget
        if norm == "snr":
            loudest = float(np.linalg.norm(clean)) + rounded
            radius = loudest * 10.0 ** (-budget / 20.0)
    unsharp = _FLOAT32 if norm == "linf" else _FLOAT32 * math.sqrt(len(attacked))
    return size <= (radius + rounded) * (1 + 1e-6) + unsharp


@gate(
    title="infeasible targets counted",
    failure="Utterances are missing from the counts: targets that cannot be reached "
    "may count as robustness, or hard utterances may have been dropped. Repeat stages "
    "15 to 18.",
    needs_counted=False,
)
def infeasible(evidence: Evidence) -> Finding:
    rows = evidence.result.rows
    wrong = [row.trial for row in rows if not _adds_up(evidence, row)]
    if wrong:
        return judged(False, f"counts do not add up in {', '.join(wrong)}")
    most = max(rows, key=lambda row: row.num_infeasible).infeasible
    total = max(row.n + row.num_infeasible for row in rows)
    reasons = ", ".join(f"{n} {why.replace('_', ' ')}" for why, n in most.items())
    figure = f"{sum(most.values())} of {total} infeasible"
    figure += f" ({reasons})" if reasons else ""
    return judged(True, f"{figure}, in all trials counted")


def _adds_up(evidence: Evidence, row: Row) -> bool:
    scores = evidence.result.scores_of(row)
    # Without a target it does not matter whether the target can be heard.
    reasons = [one.infeasible for one in scores.values() if row.words == "target"]
    infeasible = count_reasons(reasons)
    # What is for the audit alone may look at fewer utterances.
    is_whole = row.role == "audit" or scores.keys() == evidence.untouched.keys()
    # The attack says the same of what is feasible, where its records are.
    is_recorded = all(
        record.infeasible == score.infeasible
        for score in scores.values()
        if (record := evidence.records.get(score.key))
    )
    counts = len(scores) - sum(infeasible.values())
    return (counts, infeasible) == (row.n, row.infeasible) and is_whole and is_recorded
