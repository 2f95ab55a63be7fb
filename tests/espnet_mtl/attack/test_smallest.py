"""The smallest budget, on a victim for which it is known, and on the toy victim."""

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
from espnet_mtl.attack.quantise import FULL_SCALE, FileFormat
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

    def __init__(self, needed=NEEDED, radii=None):
        self.needed = needed
        self.radii = [] if radii is None else radii

    def hear(self, delta):
        peaks = delta.abs().amax(dim=1).tolist()
        return [
            Heard("yes" if peak >= needed else "no")
            for peak, needed in zip(peaks, self.needed, strict=True)
        ]

    def cost(self, heard, unit="word"):
        return torch.tensor([0.0 if one.text == "yes" else 2.0 for one in heard])

    def within(self, ball):
        self.radii.append(ball.radius.tolist())
        return self

    def rows(self, rows):
        return Known([self.needed[n] for n in rows.tolist()], self.radii)


EXACT = FileFormat("float32")


def search(budgets, curve, norm="linf", judge=None, file=EXACT):
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
    return find_smallest(member, found, curve, file, norm), radii


def test_it_is_found_to_within_the_ratio():
    attacked, radii = search([0.001, 0.002, 0.004], CurveConfig(within=1.1))
    for row, needed in enumerate(NEEDED[:2]):
        found = attacked.smallest[row]
        assert found.resisted < needed <= found.budget <= 1.1 * found.resisted
        assert attacked.heard[row] == "yes"
        size = float(attacked.delta[row].max())
        assert size == pytest.approx(found.budget, abs=1e-7)
        costs = [cost for _, cost in found.tried]
        assert costs == sorted(costs, reverse=True)
        assert [b for b, _ in found.tried] == sorted(b for b, _ in found.tried)
    # Not broken, with three doublings of the strongest: that is said.
    lost = attacked.smallest[2]
    assert lost.budget is None and lost.resisted == pytest.approx(0.032)
    assert attacked.heard[2] == "no"
    # From one budget of the grid to the next, three more: 2 ** (1 / 8) < 1.1
    assert len(radii) <= 3 + 3 + 1


@dataclass(frozen=True)
class Downhill(Method):
    """Fills the ball, and finds something in it only if it starts from what works.

    In a ball of at least ``alone``, it needs no such start.
    """

    traits = PGD.traits

    alone: float
    radii: list

    def __call__(self, problem):
        self.radii.append(problem.ball.radius.tolist())
        works = problem.start.abs().amax(dim=1) > 0
        enough = problem.ball.radius >= self.alone
        share = torch.where(works | enough, 1.0, 0.1)
        delta = (share * problem.ball.radius)[:, None] * problem.ball.mask
        return Attacked.without_loss(delta)


def test_what_resisted_on_the_way_up_is_tried_again_on_the_way_down():
    """From 0.004 on the attack needs no help; the victim resists below 0.0012."""
    judge, radii = Known((0.0012,) * 3), []
    problem = make_problem(norm="linf", budget=0.001)
    nothing = torch.zeros_like(problem.ball.clean)
    radius = torch.ones_like(problem.ball.radius)
    found = [Found(budget, budget * radius, nothing) for budget in (0.001, 0.002)]
    problem = replace(problem, judge=judge)
    about = Member(attack="fill", attacker="me", kind="white_box")
    member = SuiteMember(about, Downhill(0.004, radii), problem)
    attacked = find_smallest(member, found, CurveConfig(within=1.1), EXACT, "linf")
    for one in attacked.smallest:
        assert one.resisted < 0.0012 <= one.budget <= 1.1 * one.resisted
    # 0.002 and 0.001 resisted at first, and are not tried more than once again.
    tried = [round(max(row), 6) for row in radii]
    assert tried.count(0.002) == 1 and len(tried) < 16


def test_an_attack_hears_what_the_ball_allows_that_it_searches():
    """Not what a file in the largest one would hold."""
    judge = Known()
    _, radii = search([0.001, 0.002, 0.004], CurveConfig(within=1.1), judge=judge)
    assert judge.radii == radii and len(radii) > 3


def test_no_level_is_left_out():
    """From 8 and 16 levels over 11 and 9 to the 10 that a file can hold."""

    class Levels(FileFormat):
        def ball(self, ball):
            return ball.with_radius((ball.radius * FULL_SCALE).floor() / FULL_SCALE)

    levels = [8 / FULL_SCALE, 16 / FULL_SCALE]
    judge = Known((9.5 / FULL_SCALE,) * 3)
    attacked, _ = search(
        levels, CurveConfig(within=1.1), judge=judge, file=Levels("float32")
    )
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
    # What resisted, from what worked with the next larger budget
    assert radii == [[pytest.approx(0.008), pytest.approx(0.001)]]
    assert attacked.smallest[0].budget == pytest.approx(0.016)
    assert attacked.smallest[0].resisted == pytest.approx(0.008)
    assert attacked.smallest[1].budget == pytest.approx(0.002)


@dataclass
class Power:
    """Hears the target from an Euclidean norm on."""

    needed: torch.Tensor

    def hear(self, delta):
        heard = delta.norm(dim=1) >= self.needed
        return [Heard("yes" if one else "no") for one in heard]

    cost = Known.cost

    def within(self, ball):
        return self

    def rows(self, rows):
        return Power(self.needed[rows])


def search_power(norm, budgets, judge, lengths=(800, 640, 400), curve=None):
    found = []
    for budget in budgets:
        problem = make_problem(lengths, norm=norm, budget=budget)
        delta = torch.zeros_like(problem.ball.clean)
        found.append(Found(budget, problem.ball.radius, delta))
    about = Member(attack="fill", attacker="me", kind="white_box")
    member = SuiteMember(about, _FillSphere([]), replace(problem, judge=judge))
    return find_smallest(member, found, curve or CurveConfig(), EXACT, norm)


@pytest.mark.parametrize("budgets", [(40.0, 34.0, 28.0), (28.0,)])
def test_decibels_are_counted_in_decibels(budgets):
    clean = make_problem().ball.clean
    judge = Power(clean.norm(dim=1) * 10 ** (-27.0 / 20))
    attacked = search_power("snr", budgets, judge)
    for one in attacked.smallest:
        assert one.budget <= 27.0 < one.resisted  # fewer dB are louder
        assert one.resisted - one.budget < 0.83  # a ratio of 1.1
        assert [b for b, _ in one.tried] == sorted((b for b, _ in one.tried))[::-1]


def test_loud_perturbations_are_searched_as_finely_as_quiet_ones():
    judge = Power(torch.tensor([11.0, 13.0, 35.0]))
    attacked = search_power("l2", (5.0, 10.0), judge, lengths=(8000, 7000, 6000))
    for one, needed in zip(attacked.smallest, judge.needed.tolist(), strict=True):
        assert one.resisted < needed <= one.budget <= 1.1 * one.resisted


def test_neighbouring_levels_of_a_file_are_each_tried_once():
    level = 1 / FULL_SCALE
    judge = Known([9 * level, 10 * level, 4 * level])
    attacked, radii = search(
        [8 * level, 10 * level],
        CurveConfig(halvings=2),
        judge=judge,
        file=FileFormat(),
    )
    budgets = [round(one.budget / level) for one in attacked.smallest]
    assert budgets == [9, 10, 4]
    resisted = [one.resisted for one in attacked.smallest]
    assert [round(one / level) for one in resisted[:2]] == [8, 9]
    tried = [tuple(b for b, _ in one.tried) for one in attacked.smallest]
    assert [len(one) for one in tried] == [3, 3, 5]
    # The first one's 8 levels once more, from the 9 that worked
    assert sum(map(len, radii)) == 2 + 1 + 3


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
    smallest = find_smallest(member, found, CurveConfig(within=1.1), EXACT, "linf")
    assert not problem.judge.cost(problem.judge.hear(smallest.delta)).any()
    for row, one in enumerate(smallest.smallest):
        ball = make_ball("linf", one.budget, problem.ball.clean, problem.ball.lengths)
        size = ball.size(smallest.delta)[row]
        assert size <= one.budget * 1.00001
        assert one.budget <= 1.1 * one.resisted
        grid = [budget for budget, cost in one.tried if cost == 0]
        assert one.budget == min(grid) and len(one.tried) > 3
        is_broken = [cost == 0 for _, cost in one.tried]
        assert is_broken == sorted(is_broken)  # what breaks it, more of it does, too


def test_of_budgets_that_change_no_word_the_largest_is_gone_on_from():
    curve = CurveConfig(halvings=0, doublings=0)
    attacked, radii = search((0.01, 0.02), curve, judge=Known((9.0,) * 3))
    assert radii == []
    assert torch.allclose(attacked.delta.abs().amax(dim=1), torch.tensor(0.02))
    assert [one.budget for one in attacked.smallest] == [None] * 3
    assert [one.saved for one in attacked.smallest] == pytest.approx([0.02] * 3)


def test_what_the_search_takes_is_counted_by_utterance():
    """Each budget of the grid is listened to, and each that is tried beside it."""
    pgd, found = PGD(steps=7), []
    for budget in (0.02, 0.08):
        problem = make_problem(budget=budget)
        found.append(Found(budget, problem.ball.radius, pgd(problem).delta))
    about = Member(attack="pgd", attacker="me", kind="white_box")
    problem = replace(problem, judge=Known((0.05, 0.0061, 0.011)))
    member = SuiteMember(about, pgd, problem)
    attacked = find_smallest(member, found, CurveConfig(), EXACT, "linf")
    attempts = [one.gradients / 7 for one in attacked.smallest]
    assert [one.decodings for one in attacked.smallest] == [2 + n for n in attempts]
    assert attempts == [len(one.tried) - 2 for one in attacked.smallest]
    assert len(set(attempts)) > 1


@pytest.mark.parametrize(
    "norm, budgets, needed",
    [("linf", (1.1e-4, 4e-4), 2e-4), ("l2", (1e-3, 4e-3), 2e-3)],
)
def test_the_saved_file_stays_in_the_ball_of_the_smallest_budget(norm, budgets, needed):
    """Rounding leaves an L2 ball, and L-inf where clean audio is between levels."""

    class Sized(Known):
        def hear(self, delta):
            sizes = make_problem(norm=norm).ball.size(delta)
            return [Heard("yes" if size >= 0.9 * needed else "no") for size in sizes]

        def rows(self, rows):
            return self

    file = FileFormat()
    problem = make_problem((400,), norm=norm, budget=budgets[-1])
    clean = problem.ball.clean + 0.3 / FULL_SCALE
    balls = [make_ball(norm, one, clean, problem.ball.lengths) for one in budgets]
    found = [
        Found(budget, ball.radius, file.batch(ball, ball.random([1])) - clean)
        for budget, ball in zip(budgets, balls, strict=True)
    ]
    fill = _FillSphere([]) if norm == "l2" else Fill([])
    about = Member(attack="fill", attacker="me", kind="white_box")
    problem = replace(problem, ball=balls[-1], judge=Sized())
    member = SuiteMember(about, fill, problem)
    attacked = find_smallest(member, found, CurveConfig(), file, norm)
    (one,) = attacked.smallest
    assert budgets[0] < one.budget < budgets[-1]
    saved = file.batch(balls[-1], attacked.delta)
    assert problem.ball.size(saved - clean) <= 1.0001 * one.budget


@dataclass(frozen=True)
class Cautious(_FillSphere):
    """Take no more of the ball than a norm of 1."""

    traits = PGD.traits

    def __call__(self, problem):
        radius = problem.ball.radius.clamp(max=1.0)
        return super().__call__(replace(problem, ball=problem.ball.with_radius(radius)))


def test_a_perturbation_smaller_than_its_ball_is_what_counts():
    found = []
    for budget in (0.5, 5.0):
        problem = make_problem(norm="l2", budget=budget)
        ball = problem.ball
        delta = Cautious([])(problem).delta
        found.append(Found(budget, ball.radius, delta))
    problem = replace(problem, judge=Power(torch.tensor([0.7, 0.95, 0.99])))
    about = Member(attack="cautious", attacker="me", kind="white_box")
    member = SuiteMember(about, Cautious([]), problem)
    attacked = find_smallest(member, found, CurveConfig(), EXACT, "l2")
    sizes = attacked.delta.norm(dim=1).tolist()
    for one, size in zip(attacked.smallest, sizes, strict=True):
        assert one.budget == pytest.approx(size) and one.budget <= 1.0
        assert one.resisted < one.budget <= 1.1 * one.resisted


def test_all_halvings_are_tried_where_perturbations_are_smaller_than_balls():
    class Less(Cautious):
        traits = PGD.traits

        def __call__(self, problem):
            ball = problem.ball.with_radius(0.9 * problem.ball.radius)
            return _FillSphere.__call__(self, replace(problem, ball=ball))

    problem = make_problem(norm="l2", budget=1.0)
    found = [Found(1.0, problem.ball.radius, Less([])(problem).delta)]
    problem = replace(problem, judge=Power(torch.zeros(3)))
    about = Member(attack="less", attacker="me", kind="white_box")
    member = SuiteMember(about, Less([]), problem)
    curve = CurveConfig(halvings=2)
    attacked = find_smallest(member, found, curve, EXACT, "l2")
    for one in attacked.smallest:
        assert one.resisted is None and one.budget <= 0.25


def test_budgets_are_those_of_the_levels_that_a_file_can_hold():
    level = 1 / FULL_SCALE
    attacked, _ = search(
        [0.00002, 0.00004],
        CurveConfig(),
        judge=Known([3 * level] * 3),
        file=FileFormat(),
    )
    for one in attacked.smallest:
        assert one.budget == pytest.approx(3 * level, rel=1e-5)
        assert one.resisted == pytest.approx(2 * level, rel=1e-5)
