#!/usr/bin/env python3
"""Which of two attacks breaks more, and what each spends.

    ./run.sh
    ./run.sh --stage 15 --attack_config tests/benchmarks/attack_standard_v1.yaml
    tests/benchmarks/compare_attacks.py exp/study_mini_accent/asr_mtl_*

For each system and budget, over the utterances that both attacked: how many of them
each attack broke, its AdvTWER, and the gradients of the attacked model that it took for
an utterance; as decoded from disk. The first attack is wanted to break at least as many
in every row, with at most 0.7 times the gradients in all. What an audit spends besides
is not counted: it changes no figure.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from espnet_mtl.errors import UserError, run_main
from espnet_mtl.results.attack import read_attack_run, read_records
from espnet_mtl.results.attack_scores import read_utt_scores


@dataclass(frozen=True)
class Outcome:
    """What an attack made of an utterance."""

    edits: int
    words: int
    gradients: int


def read_outcomes(exp: Path, attack: str) -> dict[tuple[float, str], Outcome]:
    """Read what an attack made of each utterance, by budget and utterance.

    Args:
        exp: A system's directory.
        attack: Name of the attack's directory.

    Raises:
        UserError: If the attack has not been scored.
    """
    found = sorted(exp.glob(f"*_{attack}/*/score_attack"))
    if not found:
        raise UserError(f"{exp}: {attack} has not been scored; run stages 15 to 17")
    decoded = found[0].parent
    run = read_attack_run(exp / attack / decoded.name)
    records = read_records(exp / attack / decoded.name)
    outcomes = {}
    for score in read_utt_scores(decoded):
        trial = run.trial(score.trial)
        if trial.role == "main" and score.feasible:
            attempts = records[score.key].attempts or ()
            outcomes[trial.budget, score.utt] = Outcome(
                score.edits_target,
                score.words_target,
                sum(one.gradients for one in attempts if one.kind == "white_box"),
            )
    return outcomes


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exp", type=Path, nargs="+")
    parser.add_argument("--first", default="attack_standard")
    parser.add_argument("--second", default="attack_standard_v1")
    args = parser.parse_args()
    names = (args.first, args.second)
    print(f"each cell: {names[0]} / {names[1]}")
    print(f"{'system':24} {'budget':>8} {'broken of':>16} {'AdvTWER':>15} gradients")
    spent = [0.0, 0.0]
    for exp in args.exp:
        outcomes = [read_outcomes(exp, name) for name in names]
        pairs = defaultdict(list)
        for key in outcomes[0].keys() & outcomes[1].keys():
            pairs[key[0]].append([one[key] for one in outcomes])
        for budget, both in sorted(pairs.items()):
            columns = list(zip(*both, strict=True))
            broken = [sum(one.edits == 0 for one in column) for column in columns]
            rates = [
                100.0 * sum(one.edits for one in column) / sum(o.words for o in column)
                for column in columns
            ]
            costs = [sum(one.gradients for one in column) for column in columns]
            spent = [total + cost for total, cost in zip(spent, costs, strict=True)]
            print(
                f"{exp.name:24} {budget:8g} {broken[0]:4} / {broken[1]:4} of "
                f"{len(both):3} {rates[0]:6.1f} / {rates[1]:6.1f} "
                f"{costs[0] / len(both):6.0f} / {costs[1] / len(both):6.0f}"
                f"{'' if broken[0] >= broken[1] else '   fewer'}"
            )
    print(f"gradients in all: {spent[0] / max(spent[1], 1.0):.2f} times")


if __name__ == "__main__":
    run_main(main)
