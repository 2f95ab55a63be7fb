from dataclasses import dataclass, replace

import torch
from toy_problem import make_problem

from espnet_mtl.attack.judge import FileJudge
from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.methods.noise import RandomSign
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.transcript_search import TranscriptSearch
from espnet_mtl.attack.methods.unbounded import Unbounded
from espnet_mtl.attack.problem import Attacked
from espnet_mtl.attack.quantise import FileFormat
from espnet_mtl.attack.suite import SuiteMember, worst_case
from espnet_mtl.metrics.wish import Heard, Wish
from espnet_mtl.results.trial import Member


@dataclass(frozen=True)
class Seen(Method):
    """An attack that remembers how many utterances it was given."""

    traits = PGD.traits

    method: Method
    rows: list

    def __call__(self, problem):
        self.rows.append(len(problem))
        return self.method(problem)


def members(problem, *methods, kind="white_box", everyone=False):
    return [
        SuiteMember(
            Member(attack=f"a{n}", attacker="me", kind=kind, everyone=everyone),
            method,
            problem,
        )
        for n, method in enumerate(methods)
    ]


def test_only_what_resists_goes_on_and_the_worst_is_kept():
    problem = make_problem(norm="snr", budget=20)
    rows = []
    first, second = PGD(steps=50), PGD(steps=200)
    alone = problem.judge.cost(problem.judge.hear(first(problem).delta))
    attacked = worst_case(members(problem, first, Seen(second, rows)))
    assert 0 < (alone > 0).sum() < 3
    assert rows == [int((alone > 0).sum())]
    cost = problem.judge.cost(problem.judge.hear(attacked.delta))
    assert (cost <= alone).all()
    for row, attempts in enumerate(attacked.attempts):
        costs = [attempt.cost for attempt in attempts]
        assert len(costs) == (1 if alone[row] == 0 else 2)
        assert cost[row] == min(costs)
        assert attempts[0].success == (alone[row] == 0)


@dataclass(frozen=True)
class Fill(Method):
    """Change every sample by a part of the radius."""

    traits = PGD.traits

    part: float

    def __call__(self, problem):
        radius = self.part * problem.ball.radius[:, None]
        return Attacked.without_loss(radius * problem.ball.mask)


def test_who_wants_other_words_goes_on_until_none_is_right():
    """A single wrong word is a success already, and not the worst case."""
    problem = make_problem(budget=0.1)
    words = ["one two", "one nine", "nine nine"]

    def listener(speech):
        return Heard(words[min(round(20 * float(speech.max() - low)), 2)])

    low = float(problem.ball.clean[0].max())
    problem = problem.rows(torch.tensor([0]))
    wish = Wish("away", "x", "one two")
    judge = FileJudge(listener, problem.ball, FileFormat("float32"), [wish])
    problem = replace(problem, judge=judge)
    rows: list[int] = []
    each = [Seen(Fill(part), rows) for part in (0.5, 1.0, 0.7)]
    attacked = worst_case(members(problem, *each))
    (attempts,) = attacked.attempts
    assert [(one.cost, one.success) for one in attempts] == [(1.0, False), (0.0, True)]
    assert wish.is_fulfilled(Heard("one nine"))
    assert rows == [1, 1] and attacked.heard == ["nine nine"]


def test_a_member_for_everyone_attacks_everyone():
    problem = make_problem(budget=0.2)
    rows = []
    both = members(problem, PGD(steps=50), Seen(PGD(steps=1), rows), everyone=True)
    attacked = worst_case(both)
    assert rows == [3]
    assert not problem.judge.cost(problem.judge.hear(attacked.delta)).any()


def test_as_many_gradients_again_are_told_and_are_not_in_the_worst_case():
    problem = make_problem(norm="snr", budget=20)
    chains = members(problem, Chain(steps=(2,), step_sizes=(0.1,)), PGD(steps=3))
    both = [*chains, *members(problem, RandomSign(), kind="control")]
    plain, doubled = worst_case(both), worst_case(both, doubled=True)
    assert torch.equal(plain.delta, doubled.delta)
    assert plain.attempts == doubled.attempts
    assert plain.doubled == [None] * 3
    costs = problem.judge.cost(problem.judge.hear(plain.delta)).tolist()
    assert all(costs)
    for about, cost in zip(doubled.doubled, costs, strict=True):
        assert (about.gradients, about.more_gradients) == (5, 5)
        assert about.cost_before == cost >= about.cost
        assert about.success == (about.cost == 0)


@dataclass(frozen=True)
class GivesUp(Method):
    """Takes 12 steps at first, and 5 each further time."""

    traits = PGD.traits

    times: list

    def __call__(self, problem):
        self.times.append(len(problem))
        return PGD(steps=12 if len(self.times) == 1 else 5)(problem)


def test_an_attack_that_gives_up_early_goes_on_until_it_has_spent_as_much():
    problem = make_problem(budget=0.02)  # nobody gets there
    attacked = worst_case(members(problem, GivesUp([])), doubled=True)
    spent = [(one.gradients, one.more_gradients) for one in attacked.doubled]
    assert spent == [(12, 15)] * 3


def test_more_gradients_break_what_too_few_did_not():
    problem = make_problem(budget=0.1)
    few = members(problem, Chain(steps=(5,), step_sizes=(0.25,)))
    found = worst_case(few, doubled=True)
    assert any(one is not None and one.success for one in found.doubled)


def test_what_a_smaller_budget_has_broken_is_not_attacked_any_further():
    small = make_problem(budget=0.2)
    broken = worst_case(members(small, PGD(steps=50)))
    half = broken.delta.clone()
    half[1] = 0.0
    larger = replace(make_problem(budget=0.3), start=half)
    rows = []
    attacked = worst_case(members(larger, Seen(Chain(), rows)))
    assert rows == [1]
    assert torch.equal(attacked.delta[[0, 2]], half[[0, 2]])
    assert [len(one) for one in attacked.attempts] == [0, 1, 0]
    assert attacked.attempts[1][0].success


def test_a_larger_budget_never_leaves_a_higher_cost():
    small = make_problem(budget=0.05)
    first = worst_case(members(small, PGD(steps=20)))
    costs = small.judge.cost(small.judge.hear(first.delta))
    larger = replace(make_problem(budget=0.06), start=first.delta)
    second = worst_case(members(larger, PGD(steps=1, step_size=1.0)))
    assert (larger.judge.cost(larger.judge.hear(second.delta)) <= costs).all()


@dataclass(frozen=True)
class Returns(Method):
    """An attack that finds what it is told, and keeps what it was to start from."""

    traits = PGD.traits

    found: Attacked
    starts: list

    def __call__(self, problem):
        self.starts.append(problem.start)
        problem.effort.add(gradients=1)
        return self.found


class Unmoved:
    """A judge who always hears the same, three words from the goal."""

    def hear(self, delta):
        return [Heard("something else")] * len(delta)

    def cost(self, heard, unit="word"):
        return torch.full((len(heard),), 3)

    def rows(self, rows):
        return self


def found(delta, lowest=None):
    nothing = torch.full((len(delta),), torch.nan)
    return Attacked(delta, nothing, nothing, lowest=lowest)


def test_the_loss_goes_on_where_no_word_has_changed():
    chain = Chain(steps=(20,), step_sizes=(0.25,))
    small = replace(make_problem(budget=0.01), judge=Unmoved())
    first = worst_case(members(small, chain))
    larger = make_problem(budget=0.02)
    larger = replace(larger, judge=Unmoved(), start=first.delta)
    second = worst_case(members(larger, chain))
    assert (second.loss_end < first.loss_end).all()
    assert (second.delta.abs().amax(dim=1) > 0.011).all()


def test_the_next_attack_goes_on_from_the_lowest_loss():
    problem = replace(make_problem(budget=0.02), judge=Unmoved())
    nearest, lowest = (problem.ball.random([n] * 3) for n in (1, 2))
    starts = []
    attacked = worst_case(
        members(
            problem,
            Returns(found(nearest, lowest), []),
            Returns(found(nearest), starts),
        )
    )
    assert torch.equal(starts[0], lowest)
    assert torch.equal(attacked.delta, nearest)


def test_a_black_box_that_comes_as_near_changes_nothing():
    problem = replace(make_problem(budget=0.02), judge=Unmoved())
    first, second = (problem.ball.random([n] * 3) for n in (1, 2))
    starts = []
    queue = [
        *members(problem, Returns(found(first), [])),
        *members(problem, Returns(found(second), []), kind="black_box"),
        *members(problem, Returns(found(first), starts)),
    ]
    assert torch.equal(worst_case(queue[:2]).delta, first)
    worst_case(queue)
    assert torch.equal(starts[0], first)


def test_twice_the_gradients_go_on_from_the_lowest_loss():
    problem = replace(make_problem(budget=0.02), judge=Unmoved())
    nearest, lowest = (problem.ball.random([n] * 3) for n in (1, 2))
    starts = []
    queue = members(problem, Returns(found(nearest, lowest), starts))
    attacked = worst_case(queue, doubled=True)
    assert len(starts) == 2
    assert torch.equal(starts[1], lowest)
    assert torch.equal(attacked.delta, nearest)


def test_effort_is_counted_for_each_utterance():
    problem = make_problem(budget=0.02)
    attacked = worst_case(members(problem, PGD(steps=5), TranscriptSearch(queries=3)))
    for first, second in attacked.attempts:
        assert (first.gradients, first.decodings) == (5, 1)
        assert (second.gradients, second.decodings) == (0, 4)


def test_an_attack_that_knows_no_loss_has_none_in_the_notes():
    problem = make_problem(budget=0.02)
    attacked = worst_case(members(problem, RandomSign(), kind="control"))
    assert [attempts[0].loss for attempts in attacked.attempts] == [None] * 3


def test_the_unbounded_attack_always_succeeds_on_a_plain_victim():
    problem = make_problem(budget=2.0, peak=0.9)
    attacked = Unbounded(steps=40)(problem)
    assert not problem.judge.cost(problem.judge.hear(attacked.delta)).any()
    assert (problem.ball.clean + attacked.delta).abs().max() <= 1.0
    # It is no louder than it has to be: the first ball that does is the last.
    for row, note in enumerate(attacked.notes):
        assert problem.ball.size(attacked.delta)[row] <= note["radius"] + 1e-6
        assert note["radius"] < 1.0


def test_the_unbounded_attack_fails_on_a_victim_that_hides_its_gradient():
    problem = make_problem(budget=2.0)
    hidden = replace(problem, loss=_Hidden(problem.loss))
    attacked = Unbounded(steps=10)(hidden)
    assert isinstance(attacked, Attacked)
    assert problem.judge.cost(problem.judge.hear(attacked.delta)).all()


class _Hidden:
    def __init__(self, loss):
        self.loss = loss

    def __call__(self, speech):
        return self.loss(speech.detach())

    def rows(self, rows):
        return _Hidden(self.loss.rows(rows))
