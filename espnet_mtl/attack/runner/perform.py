"""Do to a batch what a condition says."""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from espnet_mtl.attack.conditions import Condition, members_of, name_condition
from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.kinds import kind_of
from espnet_mtl.attack.methods.registry import ATTACKS
from espnet_mtl.attack.methods.unbounded import Unbounded
from espnet_mtl.attack.problem import (
    Attack,
    Attacked,
    Problem,
    loss_and_gradient,
)
from espnet_mtl.attack.runner.batch import Batch
from espnet_mtl.attack.runner.problems import Problems
from espnet_mtl.attack.suite import Entry, worst_case

# Reads as many other utterances, and what an attack was fitted to.
Donor = Callable[[], Batch]
Fitted = Callable[[Attack, Condition], torch.Tensor | None]


def perform(
    problems: Problems,
    condition: Condition,
    batch: Batch,
    donor: Donor,
    fitted: Fitted,
) -> Attacked:
    """Attack a batch.

    Args:
        problems: Makes the problems.
        condition: What is to be done.
        batch: To whom.
        donor: Reads as many other utterances.
        fitted: Fits an attack that is fitted.

    Returns:
        What came of it; for ``none`` no perturbation, and in a suite notes on how the
        victim behaves at the clean audio.
    """
    config = problems.config
    if condition.attack == "none":
        untouched = Attacked.blind(torch.zeros_like(batch.clean))
        if not config.name:
            return untouched
        notes = [{"health": one} for one in _health(problems, batch)]
        return dataclasses.replace(untouched, notes=notes)
    if condition.attack == config.name:
        return worst_case(_entries(problems, condition, batch, donor), config.doubled)
    problem = problems.make(
        batch,
        condition.wish,
        condition.norm,
        condition.budget,
        name=condition.attacker or "",
        sources=tuple(condition.settings.get("sources", ())),
        donor=donor,
    )
    if condition.attack == "unbounded":
        return Unbounded(steps=condition.settings["steps"])(problem)
    method = _method(problems, condition)
    return method(dataclasses.replace(problem, fitted=fitted(method, condition)))


def _method(problems: Problems, condition: Condition) -> Attack:
    """The attack of a condition: the member that has its name, or a control."""
    for member in problems.config.attacks:
        name = name_condition(
            member.label, condition.attacker, condition.norm, condition.budget
        )
        if condition.role == "main" and name == condition.name:
            return member.method
    return ATTACKS[condition.attack]()


def _entries(
    problems: Problems, condition: Condition, batch: Batch, donor: Donor
) -> list[Entry]:
    entries: list[Entry] = []
    for member, name, attacker, _ in members_of(problems.config, problems.victim):
        problem = problems.make(
            batch,
            attacker,
            condition.norm,
            condition.budget,
            name=name,
            sources=tuple(member.settings.get("sources", ())),
            donor=donor,
        )
        # The same attack a second time begins elsewhere: it is a restart as well. The
        # first time, it is the very attack that it is alone.
        before = sum(
            (one.attack, one.attacker) == (member.attack, name) for one in entries
        )
        if before:
            problem = dataclasses.replace(
                problem, seeds=problem.seeds_for("again", before)
            )
        kind = kind_of(member.attack)
        entries.append(
            Entry(member.attack, name, kind, member.method, problem, member.everyone)
        )
    return entries


def _health(problems: Problems, batch: Batch) -> list[dict[str, Any]]:
    """See at the clean audio whether gradients and repeated runs are as they should."""
    every = [one for _, _, one, _ in members_of(problems.config, problems.victim)]
    attacker = next(one for one in every if one.weights)
    # What is put in front is random on purpose: here the victim alone counts.
    alone = dataclasses.replace(
        problems, config=dataclasses.replace(problems.config, eot=EOT())
    )
    problem = alone.make(batch, attacker, "linf", 0.0)
    nothing = torch.zeros_like(batch.clean)
    loss, gradient = _raw_gradient(problem)
    again, _ = loss_and_gradient(problem, nothing)
    heard, heard_again = problem.judge.hear(nothing), problem.judge.hear(nothing)
    audio = problem.ball.mask.bool()
    return [
        {
            "gradient_l1": _number(gradient[row].nan_to_num().abs().sum()),
            "gradient_finite": bool(gradient[row].isfinite().all()),
            "gradient_zero_share": float(
                (gradient[row][audio[row]] == 0).float().mean()
            ),
            "loss_repeat_diff": _number((loss[row] - again[row]).abs()),
            "heard_repeat": heard[row] == heard_again[row],
        }
        for row in range(len(batch))
    ]


def _raw_gradient(problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and gradient as they are; attacks never see what is no number."""
    speech = problem.ball.clean.clone().requires_grad_(True)
    values = problem.loss(speech)
    if not values.requires_grad:
        return values, torch.zeros_like(speech)
    (gradient,) = torch.autograd.grad(values.sum(), speech, allow_unused=True)
    if gradient is None:
        gradient = torch.zeros_like(speech)
    return values.detach(), gradient


def _number(value: torch.Tensor) -> float | None:
    return float(value) if value.isfinite() else None
