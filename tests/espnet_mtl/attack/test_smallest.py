"""The smallest budget, on a victim for which it is known, and on the toy victim."""

import itertools
from dataclasses import dataclass, replace

import pytest
import torch
from toy_problem import make_problem

from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.config import CurveConfig
from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import Attacked
from espnet_mtl.attack.quantise import FULL_SCALE
from espnet_mtl.attack.smallest import Found, find_smallest
from espnet_mtl.attack.suite import SuiteMember, worst_case
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.results.trial import Member

NEEDED = (0.0123, 0.0017, 0.5)  # what breaks each utterance of the known victim


@dataclass(frozen=True)
class Fill(Method):
    """Use all of the ball; remember how large it was."""

    traits = PGD.traits

    radii: list

    def __call__(self, problem):
        self.radii.append(problem.ball.radius.tolist())
        delta = problem.ball.radius[:, None] * problem.ball.mask
        return Attacked.without_loss(delta)


class Known:
    """Hears the target from a peak on, two words less of it below."""

    def __init__(self, needed=NEEDED):
        self.needed = needed

    def hear(self, delta):
        peaks = delta.abs().amax(dim=1).tolist()
        return [
            Heard("yes" if peak >= needed else "no")
            for peak, needed in zip(peaks, self.needed, strict=True)
        ]

    def cost(self, heard, unit="word"):
        return torch.tensor([0.0 if one.text == "yes" else 2.0 for one in heard])

    def rows(self, rows):
        return Known([self.needed[n] for n in rows.tolist()])


def search(budgets, curve, norm="linf", judge=None, savable=lambda ball: ball):
    radii: list = []
    found = []
    for budget in budgets:
        problem = make_problem(norm=norm, budget=budget)
        ball = problem.ball
        delta = ball.radius[:, None] * ball.mask
        found.append(Found(budget, ball.radius, delta))
    problem = replace(problem, judge=judge or Known())
    about = Member(attack="fill", attacker="me", kind="white_box")
    member = SuiteMember(about, Fill(radii), problem)
    return find_smallest(member, found, curve, savable), radii


def test_it_is_found_to_within_the_ratio():
    attacked, radii = search([0.001, 0.002, 0.004], CurveConfig(within=1.1))
    for row, needed in enumerate(NEEDED[:2]):
        found = attacked.smallest[row]
        assert found.resisted < needed <= found.budget <= 1.1 * found.resisted
        assert attacked.heard[row] == "yes"
        assert float(attacked.delta[row].max()) == pytest.approx(found.budget)
        costs = [cost for _, cost in found.tried]
        assert costs == sorted(costs, reverse=True)
        assert [b for b, _ in found.tried] == sorted(b for b, _ in found.tried)
    # Not broken, with three doublings of the strongest: that is said.
    lost = attacked.smallest[2]
    assert lost.budget is None and lost.resisted == pytest.approx(0.032)
    assert attacked.heard[2] == "no"
    # From one budget of the grid to the next, three more: 2 ** (1 / 8) < 1.1
    assert len(radii) <= 3 + 3 + 1


def test_no_level_is_left_out():
    """From 8 and 16 levels over 11 and 9 to the 10 that a file can hold."""

    def savable(ball):
        return ball.with_radius((ball.radius * FULL_SCALE).floor() / FULL_SCALE)

    levels = [8 / FULL_SCALE, 16 / FULL_SCALE]
    judge = Known((9.5 / FULL_SCALE,) * 3)
    attacked, _ = search(levels, CurveConfig(within=1.1), judge=judge, savable=savable)
    for found in attacked.smallest:
        assert found.budget * FULL_SCALE == pytest.approx(10, abs=1e-3)
        assert found.resisted * FULL_SCALE == pytest.approx(9, abs=1e-3)


def test_it_goes_below_the_grid():
    judge = Known((0.0003, 0.0005, 1e-9))
    attacked, _ = search([0.002, 0.004], CurveConfig(halvings=3), judge=judge)
    for row in (0, 1):
        found = attacked.smallest[row]
        assert found.resisted < judge.needed[row] <= found.budget
    # Whatever was tried broke it.
    assert attacked.smallest[2].resisted is None
    assert attacked.smallest[2].budget == pytest.approx(0.00025)


def test_a_grid_is_enough_where_nothing_else_is_asked_for():
    curve = CurveConfig(within=2.0, halvings=0, doublings=0)
    attacked, radii = search([0.001, 0.002, 0.004, 0.008, 0.016], curve)
    assert radii == []
    assert attacked.smallest[0].budget == 0.016
    assert attacked.smallest[0].resisted == 0.008
    assert attacked.smallest[1].budget == 0.002


def test_decibels_are_counted_in_decibels():
    @dataclass
    class Power:
        needed: float = 27.0

        def hear(self, delta):
            clean = make_problem().ball.clean
            snr = 20 * torch.log10(clean.norm(dim=1) / delta.norm(dim=1))
            return [Heard("yes" if one <= self.needed else "no") for one in snr]

        cost = Known.cost

        def rows(self, rows):
            return Part(self, rows)

    @dataclass
    class Part:
        whole: Power
        rows_: torch.Tensor

        def hear(self, delta):
            clean = make_problem().ball.clean[self.rows_]
            snr = 20 * torch.log10(clean.norm(dim=1) / delta.norm(dim=1))
            return [Heard("yes" if one <= 27.0 else "no") for one in snr]

        cost = Known.cost

    radii: list = []
    found = []
    for budget in (40.0, 34.0, 28.0):
        problem = make_problem(norm="snr", budget=budget)
        delta = torch.zeros_like(problem.ball.clean)
        found.append(Found(budget, problem.ball.radius, delta))
    fill = _FillSphere(radii)
    about = Member(attack="fill", attacker="me", kind="white_box")
    member = SuiteMember(about, fill, replace(problem, judge=Power()))
    attacked = find_smallest(member, found, CurveConfig(), lambda ball: ball)
    for one in attacked.smallest:
        assert one.budget <= 27.0 < one.resisted  # fewer dB are louder
        assert one.resisted - one.budget < 0.83  # a ratio of 1.1
        assert [b for b, _ in one.tried] == sorted((b for b, _ in one.tried))[::-1]


@dataclass(frozen=True)
class _FillSphere(Fill):
    traits = PGD.traits

    def __call__(self, problem):
        noise = problem.ball.random(problem.seeds)
        size = problem.ball.size(noise)
        # A hair less, so that rounding does not take it beyond the ball
        delta = noise * (0.9999 * problem.ball.radius / size)[:, None]
        return Attacked.without_loss(delta)


def test_on_the_toy_victim_it_is_no_larger_than_what_a_grid_finds():
    chain = Chain(steps=(30,), step_sizes=(0.25,), listen_every=5)
    about = Member(attack="chain", attacker="me", kind="white_box")
    found, start = [], None
    for budget in (0.02, 0.04, 0.08):
        problem = replace(make_problem(budget=budget), start=start)
        attacked = worst_case([SuiteMember(about, chain, problem)])
        start = attacked.delta
        found.append(Found(budget, problem.ball.radius, start))
    problem = make_problem(budget=0.08)
    member = SuiteMember(about, chain, problem)
    smallest = find_smallest(member, found, CurveConfig(within=1.1), lambda ball: ball)
    assert not problem.judge.cost(problem.judge.hear(smallest.delta)).any()
    for row, one in enumerate(smallest.smallest):
        ball = make_ball("linf", one.budget, problem.ball.clean, problem.ball.lengths)
        size = ball.size(smallest.delta)[row]
        assert size <= one.budget * 1.00001
        assert one.budget <= 1.1 * one.resisted
        grid = [budget for budget, cost in one.tried if cost == 0]
        assert one.budget == min(grid) and len(one.tried) > 3
        pairs = itertools.pairwise(cost for _, cost in one.tried)
        assert all(later >= 0 for pair in pairs for later in pair)
