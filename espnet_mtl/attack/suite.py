"""Several attacks one after another, of which each utterance keeps the worst."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from espnet_mtl.attack.problem import Attack, Attacked, Problem


@dataclass(frozen=True)
class Entry:
    """A member of a suite, for one attacker and one batch.

    Attributes:
        attack: Name of the attack.
        attacker: Name of the attacker.
        kind: What the attack knows of the victim; see ``registry.kind_of``.
        method: The attack.
        problem: The batch, with this attacker's loss.
        everyone: Whether it attacks all utterances, also those that an earlier entry
            has broken.
    """

    attack: str
    attacker: str
    kind: str
    method: Attack
    problem: Problem
    everyone: bool = False


def worst_case(entries: Sequence[Entry], doubled: bool = False) -> Attacked:
    """Find each utterance's worst case over several attacks.

    As for image classifiers (Croce & Hein 2020, arXiv 2003.01690, section 5), the
    attacks run one after another, and only utterances that still resist go on.

    Deviation: an attack on a transcript can succeed by parts. An utterance that resists
    all attacks keeps the one that left the lowest cost.

    Args:
        entries: The attacks, in order.
        doubled: Whether the last of those that use gradients is run again with twice
            the steps on what resists in the end, as one more attack.

    Returns:
        The worst case of each utterance. Notes: ``attempts``, one of ``attack``,
        ``attacker``, ``kind``, ``loss``, ``cost`` and ``success`` for each attack that
        the utterance went through; ``heard``; and ``doubled``, ``None`` for one that
        was broken before: ``loss``, ``loss_before`` (that of the same attack
        with half the steps), ``loss_start``, ``cost`` and ``success``.
    """
    tally = _Tally(entries[0].problem)
    for entry in entries:
        rows = tally.everyone if entry.everyone else tally.resisting
        if len(rows):
            tally.attempt(entry, rows)
    if doubled:
        tally.double([entry for entry in entries if entry.kind == "white_box"])
    return tally.attacked()


class _Tally:
    """What each utterance went through so far."""

    def __init__(self, problem: Problem):
        clean = problem.ball.clean
        self.everyone = torch.arange(len(problem), device=clean.device)
        self.notes: list[dict[str, Any]] = [
            {"attempts": [], "heard": None, "doubled": None} for _ in self.everyone
        ]
        self._delta = torch.zeros_like(clean)
        self._cost = clean.new_full((len(problem),), torch.inf)
        self._loss_start = clean.new_full((len(problem),), torch.nan)
        self._loss_end = self._loss_start.clone()

    @property
    def resisting(self) -> torch.Tensor:
        """Numbers of the utterances that no attack has broken, (Rows,)."""
        return torch.nonzero(self._cost > 0)[:, 0]

    def attempt(self, entry: Entry, rows: torch.Tensor) -> None:
        """Run an attack on some utterances."""
        problem = entry.problem
        if len(rows) < len(problem):
            problem = problem.rows(rows)
        attacked = entry.method(problem)
        heard = problem.judge.hear(attacked.delta)
        costs = problem.judge.cost(heard)
        for place, row in enumerate(rows.tolist()):
            cost = float(costs[place])
            self.notes[row]["attempts"].append(
                {
                    "attack": entry.attack,
                    "attacker": entry.attacker,
                    "kind": entry.kind,
                    "loss": _number(attacked.loss_end[place]),
                    "cost": cost,
                    "success": cost == 0,
                }
            )
            if cost < self._cost[row]:
                self._cost[row] = cost
                self._delta[row] = attacked.delta[place]
                self._loss_start[row] = attacked.loss_start[place]
                self._loss_end[row] = attacked.loss_end[place]
                self.notes[row]["heard"] = heard[place].text

    def double(self, entries: Sequence[Entry]) -> None:
        """Run the last attack with twice the steps on what still resists."""
        rows = self.resisting
        entries = [entry for entry in entries if hasattr(entry.method, "steps")]
        if not entries or not len(rows):
            return
        entry = entries[-1]
        before = {row: self._last_loss(row, entry.attacker) for row in rows.tolist()}
        method = dataclasses.replace(entry.method, steps=2 * entry.method.steps)
        self.attempt(dataclasses.replace(entry, method=method), rows)
        with torch.no_grad():
            start = entry.problem.loss(entry.problem.ball.clean)
        for row, loss_before in before.items():
            last = self.notes[row]["attempts"][-1]
            self.notes[row]["doubled"] = {
                "loss": last["loss"],
                "loss_before": loss_before,
                "loss_start": _number(start[row]),
                "cost": last["cost"],
                "success": last["success"],
            }

    def _last_loss(self, row: int, attacker: str) -> float | None:
        losses = [
            attempt["loss"]
            for attempt in self.notes[row]["attempts"]
            if attempt["kind"] == "white_box"
            and attempt["attacker"] == attacker
            and attempt["loss"] is not None
        ]
        return losses[-1] if losses else None

    def attacked(self) -> Attacked:
        """Return the worst cases."""
        return Attacked(self._delta, self._loss_start, self._loss_end, self.notes)


def _number(value: torch.Tensor) -> float | None:
    """A number for JSON, which has none for what is not a number."""
    return float(value) if value.isfinite() else None
