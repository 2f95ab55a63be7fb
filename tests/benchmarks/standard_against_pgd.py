#!/usr/bin/env python3
"""Whether the standard attack is as strong as plain PGD, and what it costs.

    ./run.sh --attack_config conf/attack_standard.yaml
    ./run.sh
    tests/benchmarks/standard_against_pgd.py exp/study_mini_accent/asr_mtl_*

Compares, for each utterance that both attacked and each budget, the word errors between
target and transcript that the standard attack left with the fewest that any attacker of
plain PGD left, both decoded from disk. No utterance should have more. The time is that
of the attacks' batches, the clock's: at most 8 times that of PGD is wanted.
"""

import argparse
from pathlib import Path

from espnet_mtl.errors import UserError, run_main
from espnet_mtl.results.attack import read_attack_run
from espnet_mtl.results.attack_scores import read_utt_scores


def read_edits(exp: Path, attack: str) -> tuple[dict[tuple[str, float], int], float]:
    """Read an attack's scores and what it cost.

    Args:
        exp: A system's directory.
        attack: Name of the attack's directory.

    Returns:
        Fewest word errors against the target by utterance and budget, over attackers;
        and seconds for each attacked utterance.

    Raises:
        UserError: If the attack has not been scored.
    """
    found = sorted(exp.glob(f"*_{attack}/*/score_attack"))
    if not found:
        raise UserError(f"{exp}: {attack} has not been scored; run stages 15 to 17")
    decoded = found[0].parent
    run = read_attack_run(exp / attack / decoded.name)
    edits: dict[tuple[str, float], int] = {}
    for score in read_utt_scores(decoded):
        trial = run.trial(score.trial)
        if trial.role == "main":
            key = (score.utt, trial.budget)
            edits[key] = min(edits.get(key, score.edits_target), score.edits_target)
    return edits, sum(run.seconds.values()) / len({utt for utt, _ in edits})


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exp", type=Path, nargs="+")
    for exp in parser.parse_args().exp:
        standard, dear = read_edits(exp, "attack_standard")
        plain, cheap = read_edits(exp, "attack_pgd")
        both = sorted(standard.keys() & plain.keys())
        worse = [key for key in both if standard[key] > plain[key]]
        better = sum(standard[key] < plain[key] for key in both)
        broken = [sum(one[key] == 0 for key in both) for one in (plain, standard)]
        print(
            f"{exp.name}: of {len(both)} utterances and budgets, the standard attack "
            f"is nearer to the target in {better}, farther in {len(worse)}; reached "
            f"exactly: PGD {broken[0]}, standard {broken[1]}; time "
            f"{dear / cheap:.1f} times ({cheap:.1f} and {dear:.1f} s an utterance)"
        )


if __name__ == "__main__":
    run_main(main)
