"""Planted examples: there, hidden, and found by an attack that searches well."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from toy_problem import make_problem

from espnet_mtl.attack.balls import UNBOUNDED
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.methods.fgsm import FGSM
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.unbounded import Unbounded
from espnet_mtl.attack.planted import (
    DIFFICULTIES,
    TOLERANCE,
    Lock,
    Plant,
    PlantedJudge,
    choose_way,
    draw_key,
    find_planted,
    go_beyond,
    is_there,
)
from espnet_mtl.attack.problem import loss_and_gradient
from espnet_mtl.attack.quantise import FULL_SCALE, FileFormat
from espnet_mtl.attack.suite import SuiteMember
from espnet_mtl.results.trial import Member

BUDGETS = {"linf": 0.002, "l2": 0.03}


def loud_audio(problem):
    wide = problem.with_ball(
        problem.ball.with_radius(torch.full_like(problem.ball.radius, UNBOUNDED))
    )
    return problem.ball.clean + Unbounded(steps=30)(wide).delta


def plant(problem, wheels, file=None):
    """The problem of the victim with an example, its key, and its judge."""
    ball = problem.ball
    key = draw_key(ball, problem.seeds_for("planted"))
    way = choose_way(problem, go_beyond(problem, loud_audio(problem)))
    example = Plant(Lock(ball.clean, key, wheels), *way)
    file = file or FileFormat()
    judge = PlantedJudge(problem.judge, example, ball, file)
    return example.in_front_of(problem, judge), key, judge


def found_by(problem, delta):
    return (problem.judge.cost(problem.judge.hear(delta)) == 0).tolist()


@pytest.fixture(params=["linf", "l2"])
def narrow(request):
    """Utterances in a ball in which the toy victim resists."""
    problem = make_problem(norm=request.param, budget=BUDGETS[request.param])
    assert not any(found_by(problem, PGD(steps=100)(problem).delta))
    return problem


@pytest.mark.parametrize("wheels", DIFFICULTIES.values())
def test_it_is_there(narrow, wheels):
    problem, key, judge = plant(narrow, wheels)
    assert is_there(judge, key).all()
    assert found_by(problem, key) == [True, True, True]
    assert (narrow.ball.size(key) <= narrow.ball.radius * 0.6).all()
    assert judge.opened(key).tolist() == [1.0, 1.0, 1.0]
    kept = judge.in_file(key) - narrow.ball.clean
    assert torch.equal((kept * FULL_SCALE).round(), (key * FULL_SCALE).round())


@pytest.mark.parametrize("wheels", DIFFICULTIES.values())
def test_it_is_not_found_by_chance(wheels):
    narrow = make_problem(budget=BUDGETS["linf"])
    _, _, judge = plant(narrow, wheels)
    lock, ball = judge.plant.lock, narrow.ball
    generator = torch.Generator().manual_seed(0)
    most = torch.zeros(len(narrow))
    for _ in range(1000):
        signs = torch.randint(0, 2, ball.clean.shape, generator=generator) * 2.0 - 1.0
        delta = ball.project_(signs * ball.radius[:, None])
        most = torch.maximum(most, lock.opened(ball.clean + delta))
    assert (most < 0.5).all()
    assert (most > 0).all()  # there is a direction all the same


def test_a_rounded_key_is_refused_where_no_file_can_hold_it():
    narrow = make_problem(budget=0.5 / FULL_SCALE)
    _, key, judge = plant(narrow, 2)
    assert not is_there(judge, key).any()
    _, key, judge = plant(narrow, 2, FileFormat("float32"))
    assert judge.opened(key).tolist() == [1.0, 1.0, 1.0]


def test_audio_that_does_not_deceive_cannot_be_planted():
    narrow = make_problem(budget=BUDGETS["linf"])
    key = draw_key(narrow.ball, narrow.seeds)
    way = choose_way(narrow, 0.9 * narrow.ball.clean)
    example = Plant(Lock(narrow.ball.clean, key, 2), *way)
    judge = PlantedJudge(narrow.judge, example, narrow.ball, FileFormat())
    assert not is_there(judge, key).any()


@pytest.mark.parametrize("where", [0.0, 0.4, 1.5])
def test_the_gradient_is_that_of_finite_differences(where):
    narrow = make_problem(budget=BUDGETS["linf"])
    planted, key, judge = plant(narrow, 3)
    lock = judge.plant.lock
    exact = Lock(lock.clean.double(), lock.key.double(), lock.wheels)
    generator = torch.Generator().manual_seed(1)
    noise = 0.001 * torch.randn(key.shape, generator=generator, dtype=torch.double)
    speech = (exact.clean + where * key + noise * narrow.ball.mask).requires_grad_(True)
    direction = torch.randn(key.shape, generator=generator, dtype=torch.double)
    (gradient,) = torch.autograd.grad(exact.opened(speech).sum(), speech)
    with torch.no_grad():
        step = 1e-7 * direction
        rise = (exact.opened(speech + step) - exact.opened(speech - step)) / 2e-7
    assert torch.allclose((gradient * direction).sum(1), rise, rtol=1e-4, atol=1e-4)
    assert (gradient.abs().sum(1) > 0).all()


def test_the_wheels_come_one_after_another():
    narrow = make_problem(lengths=(800,), budget=BUDGETS["linf"])
    _, key, judge = plant(narrow, 4)
    lock = judge.plant.lock
    place = torch.arange(key.shape[1]) % 4
    opened = [
        float(lock.opened(lock.clean + key * (place < turned))) for turned in range(5)
    ]
    assert opened == sorted(opened) and opened[-1] == 1.0
    # Without those before it, a wheel in place changes nothing.
    out_of_turn = lock.opened(lock.clean + key * (place > 0))
    assert float(out_of_turn) == pytest.approx(opened[0])


def test_the_tolerance_is_a_part_of_the_way():
    narrow = make_problem(budget=BUDGETS["linf"])
    _, key, judge = plant(narrow, 6)
    for off, is_open in ((0.99 * TOLERANCE, True), (1.3 * TOLERANCE, False)):
        opened = judge.plant.lock.opened(narrow.ball.clean + (1 - off) * key)
        assert ((opened == 1) == is_open).all()


def test_the_way_is_where_the_loss_falls():
    """A loss that is flat, falls, and is flat again: from 0.41 to 0.61 of the way."""

    class Stub:
        """Hears what is wanted from a share on, which utterances have of their own."""

        ball = SimpleNamespace(clean=torch.zeros(3, 1))

        @property
        def judge(self):
            return self

        def __init__(self, needed):
            self.needed = needed

        def rows(self, rows):
            return Stub(self.needed[rows])

        def loss(self, speech):
            return (1.0 - (speech[:, 0] - 0.41) / 0.2).clamp(0.0, 1.0)

        def hear(self, delta):
            return delta[:, 0]

        def cost(self, heard):
            return (heard < self.needed).float()

    end, start = choose_way(Stub(torch.tensor([0.52, 0.62, 0.9])), torch.ones(3, 1))
    assert end[:, 0].tolist() == pytest.approx([0.7, 0.75, 1.0])
    assert (start * end[:, 0]).tolist() == pytest.approx([0.45, 0.45, 0.45])


def test_audio_that_just_deceives_is_made_to_deceive_surely(narrow):
    loud = loud_audio(narrow)
    beyond = go_beyond(narrow, loud)
    assert (narrow.loss(beyond) < narrow.loss(loud)).all()
    size = narrow.ball.size(loud - narrow.ball.clean)
    assert (narrow.ball.size(beyond - narrow.ball.clean) <= 2.001 * size).all()
    assert found_by(narrow, beyond - narrow.ball.clean) == [True, True, True]


def test_what_is_heard_lies_between_the_clean_and_the_loud_audio(narrow):
    """A perturbation is heard by how far it opens the lock, and by nothing else."""
    _, key, judge = plant(narrow, 4)
    clean, way = narrow.ball.clean, judge.plant.loud - narrow.ball.clean
    for delta in (narrow.ball.random(narrow.seeds), 0.7 * key):
        speech = clean + delta
        heard = judge.plant.hear(speech)
        opened = judge.plant.lock.opened(speech)
        share = judge.plant.start + (1 - judge.plant.start) * opened
        assert torch.allclose(heard, clean + share[:, None] * way, atol=1e-5)


def test_rows_are_those_of_the_batch(narrow):
    problem, _, _ = plant(narrow, 2)
    rows = torch.tensor([2, 0])
    speech = narrow.ball.clean + narrow.ball.random(narrow.seeds)
    assert torch.allclose(
        problem.loss.rows(rows)(speech[rows]), problem.loss(speech)[rows]
    )
    delta = speech - narrow.ball.clean
    heard = problem.judge.hear(delta)
    assert problem.rows(rows).judge.hear(delta[rows]) == [heard[2], heard[0]]


def test_padding_plays_no_part():
    narrow = make_problem(lengths=(800, 400), budget=BUDGETS["linf"])
    problem, _, _ = plant(narrow, 2)
    _, gradient = loss_and_gradient(problem, torch.zeros_like(narrow.ball.clean))
    assert gradient[0].abs().sum() > 0
    assert not gradient[1, 400:].any()


def test_it_belongs_to_its_own_utterances(narrow):
    problem, _, _ = plant(narrow, 2)
    with pytest.raises(NotImplementedError, match="audio of its own length"):
        problem.loss.longer(80)
    with pytest.raises(NotImplementedError, match="its own audio"):
        problem.judge.around(0.5 * narrow.ball.clean)


def about(attack="chain"):
    return Member(attack=attack, attacker="accent_blind", kind="white_box")


def results_of(method, narrow):
    loud = loud_audio(narrow)
    members = [SuiteMember(about(), method, narrow)]
    return find_planted(members, loud, FileFormat())


def count(attacked, difficulty):
    return sum(
        one.found
        for each in attacked.planted
        for one in each
        if one.difficulty == difficulty
    )


class Flipped(PGD):
    """With the wrong sign in every tenth sample."""

    traits = PGD.traits

    def __call__(self, problem):
        sign = torch.ones_like(problem.ball.clean)
        sign[:, ::10] = -1.0

        class Wrong:
            def __call__(self, speech):
                part = sign * speech
                return problem.loss(part + (speech - part).detach())

        # Its best is what it ends with: the loss is as it should be.
        return super().__call__(replace(problem, loss=Wrong()))


def test_a_strong_attack_finds_what_weak_and_faulty_ones_miss(narrow):
    def found(method):
        attacked = results_of(method, narrow)
        return [count(attacked, name) for name in DIFFICULTIES]

    chain, pgd = found(Chain()), found(PGD(steps=75))
    assert chain[:2] == [3, 3] and pgd[0] == 3
    assert all(a >= b for a, b in zip(chain, pgd, strict=True))
    assert found(PGD(steps=20))[1:] == [0, 0]
    assert found(PGD(steps=5)) == [0, 0, 0]
    assert found(FGSM()) == [0, 0, 0]
    assert found(Flipped()) == [0, 0, 0]


def test_what_is_told(narrow):
    attacked = results_of(PGD(steps=75), narrow)
    assert len(attacked.planted) == len(narrow)
    for each in attacked.planted:
        assert [(one.difficulty, one.wheels) for one in each] == [*DIFFICULTIES.items()]
        assert all(one.exists and one.gradients == 75 for one in each)
        assert all(0 <= one.opened <= 1 for one in each)
    assert (narrow.ball.size(attacked.delta) <= narrow.ball.radius * 1.001).all()


def test_an_attack_that_cannot_see_the_lock_misses(narrow):
    class Detached:
        def __init__(self, loss):
            self.loss = loss

        def __call__(self, speech):
            return self.loss(speech.detach())

    class Blind(PGD):
        traits = PGD.traits

        def __call__(self, problem):
            return super().__call__(replace(problem, loss=Detached(problem.loss)))

    assert count(results_of(Blind(), narrow), "easy") == 0
