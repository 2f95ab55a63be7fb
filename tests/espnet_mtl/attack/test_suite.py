from dataclasses import dataclass, replace

import pytest
from toy_problem import make_problem

from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.methods.noise import RandomSign
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.unbounded import Unbounded
from espnet_mtl.attack.problem import Attacked
from espnet_mtl.attack.suite import SuiteMember, worst_case
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


def test_a_member_for_everyone_attacks_everyone():
    problem = make_problem(budget=0.2)
    rows = []
    both = members(problem, PGD(steps=50), Seen(PGD(steps=1), rows), everyone=True)
    attacked = worst_case(both)
    assert rows == [3]
    assert not problem.judge.cost(problem.judge.hear(attacked.delta)).any()


def test_doubled_steps_are_one_more_attack_and_are_compared_with_what_was_before():
    problem = make_problem(budget=0.02)  # nobody gets there
    both = members(problem, PGD(steps=5))
    both += members(problem, RandomSign(), kind="control")
    plain, doubled = worst_case(both), worst_case(both, doubled=True)
    longer = PGD(steps=10)(problem)
    for row, about in enumerate(doubled.doubled):
        assert plain.doubled[row] is None
        attempts = doubled.attempts[row]
        assert about.loss == pytest.approx(float(longer.loss_end[row]))
        assert about.loss_before == attempts[0].loss > about.loss
        assert about.loss_start == float(longer.loss_start[row])
        assert not about.success
        assert len(attempts) == len(plain.attempts[row]) + 1


def test_a_doubled_attack_is_compared_with_itself_and_not_with_a_better_one():
    problem = make_problem(budget=0.02)
    attacked = worst_case(members(problem, PGD(steps=60), PGD(steps=2)), doubled=True)
    for attempts, about in zip(attacked.attempts, attacked.doubled, strict=True):
        better, own, twice = (attempt.loss for attempt in attempts)
        assert better < own
        assert (about.loss_before, about.loss) == (own, twice)


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
