"""Gate of the audit: does the attack find what is known to be there?"""

from collections.abc import Sequence

from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.report.audit.gate import Finding, gate, judged, not_run, standard_or
from espnet_mtl.report.table import counted
from espnet_mtl.results.record import Planted
from espnet_mtl.results.trial import PLANTED

REQUIRED = ("easy", "medium")
LEAST_PLANTED = 5  # all found: of all such examples, at least half are (exact, 95 %)


@gate(
    title=f"planted examples are found: all that are {' or '.join(REQUIRED)} (from "
    f"{LEAST_PLANTED} on)",
    failure="The attack missed adversarial examples that are known to be there, since "
    "they were planted in the victim. That it finds no others says nothing about the "
    "system: the attack is broken or too weak, or gradients are masked. Where "
    "`unbounded` and `gradients` pass, give it more `steps`, or smaller ones.",
)
def planted(evidence: Evidence) -> Finding:
    """Whether planted examples are found (Zimmermann et al. 2022, NeurIPS).

    Utterances in which the victim itself was deceived by so small a perturbation, or in
    which nothing could be planted, do not count.
    """
    found = [
        record.planted
        for score in _resisting(evidence)
        if (record := evidence.records.get(score)) and record.planted
    ]
    if not found:
        how = standard_or(evidence, "give the suite `planted: 8`")
        return not_run("nothing planted", how)
    there = [one for each in found for one in each if one.exists]
    if not there:
        return not_run(
            f"no example could be planted in {counted(len(found), 'utterance')}",
            "see that the unbounded attack succeeds (`unbounded`), and give `budgets` "
            "of at least 16 levels of 16-bit audio (0.0005)",
        )
    by_difficulty: dict[str, list[Planted]] = {}
    for one in there:
        by_difficulty.setdefault(one.difficulty, []).append(one)
    figure = ", ".join(f"{name} {_share(all_)}" for name, all_ in by_difficulty.items())
    missed = [one for one in there if one.difficulty in REQUIRED and not one.found]
    lacking = [
        name for name in REQUIRED if len(by_difficulty.get(name, ())) < LEAST_PLANTED
    ]
    if lacking and not missed:
        return not_run(
            f"{figure}; fewer than {LEAST_PLANTED} that are {' or '.join(lacking)}",
            standard_or(
                evidence,
                "give the suite `planted: 8`, and attack as many utterances at least "
                "(`--num_attack_utts`)",
            ),
        )
    return judged(not missed, figure)


def _resisting(evidence: Evidence) -> list[str]:
    """Keys of planted audio in which the victim itself does not hear the goal."""
    return [
        score.key
        for row in evidence.result.of("audit")
        if row.attack == PLANTED
        for score in evidence.result.scores_of(row).values()
        if not score.success
    ]


def _share(searches: Sequence[Planted]) -> str:
    """Say how many were found, and how far the others came."""
    missed = [one for one in searches if not one.found]
    share = f"{len(searches) - len(missed)}/{len(searches)}"
    if not missed:
        return share
    opened = sum(one.opened for one in missed) / len(missed)
    return f"{share} ({100 * opened:.0f} % of the way where missed)"
