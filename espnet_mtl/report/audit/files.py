"""Gates of the audit: was what is on the disk scored, and all of it counted?"""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from espnet_mtl.data.audio import read_audio_rate
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.metrics.wer import fold_case, split_words
from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.report.audit.finding import Finding, judged, not_run
from espnet_mtl.report.experiment import Row
from espnet_mtl.report.table import counted

# The untouched audio is on the disk in 16 bits; where it came in more, it was rounded
# by up to half a level, and the attack kept its distance from what came.
_HALF_LEVEL = 0.5 / 32768


def check_saved_file(evidence: Evidence) -> Finding:
    """The files are those that the attack saved, in the budget, and heard alike."""
    if not evidence.records or not evidence.wavs:
        return not_run("attacked audio or its records not there")
    scored = {row.get("records_sha256") for row in evidence.result.rows}
    now = _hash(str(evidence.result.attack_dir / "records.jsonl"))
    if scored - {None, now}:
        return judged(False, "scores of an earlier attack: run stages 16 and 17 again")
    hashes = {key: record.get("sha256") for key, record in evidence.records.items()}
    there = {key for key, path in evidence.wavs.items() if Path(path).is_file()}
    known = {key for key in there if hashes.get(key)}
    changed = sum(_hash(evidence.wavs[key]) != hashes[key] for key in known)
    lines = [line for part in evidence.result.scores.values() for line in part.values()]
    unscored = len(evidence.wavs.keys() ^ {line["key"] for line in lines})
    over = sum(_over_budget(evidence, there))
    records = evidence.records
    heard = [(line["hyp"], records.get(line["key"], {}).get("heard")) for line in lines]
    heard = [pair for pair in heard if pair[1] is not None]
    differ = sum(not _same(*pair) for pair in heard)
    faults = {
        "changed since": changed,
        "not scored": unscored,
        "over the budget": over,
        "heard differently": differ,
    }
    found = [f"{count} {fault}" for fault, count in faults.items() if count]
    every = counted(len(evidence.wavs), "file")
    if found:
        return judged(False, f"of {every}, {', '.join(found)}")
    gone = len(evidence.wavs) - len(known)
    if gone:
        return not_run(f"{gone} of {every} are gone or not recorded")
    unheard = _unheard(evidence)
    if unheard:
        return not_run(
            f"{every} unchanged and in the budget, but {unheard} not heard in the "
            "attack"
        )
    return judged(True, f"{every} unchanged, {len(heard)} heard alike")


def _unheard(evidence: Evidence) -> int:
    return sum(
        record.get("heard") is None
        for row in evidence.main
        for _, record in evidence.feasible(row)
    )


def _same(one: str, other: str) -> bool:
    return fold_case(split_words(one)) == fold_case(split_words(other))


def _hash(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _over_budget(evidence: Evidence, there: set[str]) -> Iterable[bool]:
    """Whether each file is too far from the untouched one."""
    for utt, clean_line in evidence.untouched.items():
        if clean_line["key"] not in there:
            continue
        clean = _samples(evidence.wavs[clean_line["key"]])
        for row in evidence.result.rows:
            line = evidence.result.scores.get(row["condition"], {}).get(utt)
            if row["norm"] and line and line["key"] in there:
                attacked = _samples(evidence.wavs[line["key"]])
                yield not _within(row, clean, attacked)


def _samples(path: str) -> np.ndarray | None:
    try:
        return read_audio_rate(path)[0].astype(np.float64)
    except DataDirError:
        return None


def _within(row: Row, clean: np.ndarray | None, attacked: np.ndarray | None) -> bool:
    if clean is None or attacked is None or len(attacked) < len(clean):
        return False
    # An attack may play something before the utterance, which its budget is not about.
    change = attacked[len(attacked) - len(clean) :] - clean
    if row["norm"] == "linf":
        size, radius, slack = np.abs(change).max(), row["budget"], _HALF_LEVEL
    else:
        size, radius = np.linalg.norm(change), row["budget"]
        if row["norm"] == "snr":
            radius = np.linalg.norm(clean) * 10.0 ** (-row["budget"] / 20.0)
        slack = math.sqrt(len(clean)) * _HALF_LEVEL
    return bool(size <= radius * (1 + 1e-6) + slack)


def check_infeasible(evidence: Evidence) -> Finding:
    """Utterances whose target cannot be reached are counted, none is left out."""
    everyone = set(evidence.untouched)
    wrong, most = [], 0
    for row in evidence.result.rows:
        if row.get("infeasible") is None:
            return not_run("infeasible targets not counted")
        lines = evidence.result.scores.get(row["condition"], {})
        possible = sum(line["feasible"] for line in lines.values())
        counted = (possible, len(lines) - possible) == (row["n"], row["infeasible"])
        # What is for the audit alone may look at fewer utterances.
        whole = row["role"] == "audit" or set(lines) == everyone
        most = max(most, row["infeasible"])
        if not (counted and whole and _recorded(evidence, lines.values())):
            wrong.append(row["condition"])
    if wrong:
        return judged(False, f"counts do not add up in {', '.join(wrong)}")
    total = max(row["n"] + row["infeasible"] for row in evidence.result.rows)
    return judged(True, f"{most} of {total} infeasible, in all conditions counted")


def _recorded(evidence: Evidence, lines: Iterable[Row]) -> bool:
    """Whether the attack says the same of what is feasible, where its records are."""
    return all(
        evidence.records.get(line["key"], line)["feasible"] == line["feasible"]
        for line in lines
    )
