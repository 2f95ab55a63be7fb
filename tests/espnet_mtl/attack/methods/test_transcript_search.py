from dataclasses import replace

import pytest
import torch
from toy_problem import make_problem, transcribe

from espnet_mtl.attack.methods.noise import RandomSign
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.transcript_search import TranscriptSearch

BALLS = [("linf", 0.1), ("linf", 0.2), ("l2", 1.5)]


def costs(problem, delta, unit="word"):
    return problem.judge.cost(problem.judge.hear(delta), unit)


@pytest.mark.parametrize("ball", BALLS)
def test_it_comes_nearer_than_noise_and_not_as_near_as_pgd(ball):
    problem = make_problem((800, 640, 400, 800, 800, 800), *ball)
    found = costs(problem, TranscriptSearch(150)(problem).delta, "char")
    assert (found < costs(problem, torch.zeros_like(problem.ball.clean), "char")).any()
    draws = [
        replace(problem, seeds=problem.seeds_for("draw", number))
        for number in range(150)
    ]
    noise = torch.stack([costs(p, RandomSign()(p).delta, "char") for p in draws])
    assert found.sum() < noise.min(dim=0).values.sum()
    # With gradients all wishes are fulfilled in these balls.
    assert (costs(problem, PGD()(problem).delta) <= found).all()


def test_it_can_fulfil_a_wish_and_then_asks_no_more():
    problem = make_problem((800, 640, 400), budget=0.3)
    attacked = TranscriptSearch(2000)(problem)
    words = costs(problem, attacked.delta)
    asked = [note["queries"] for note in attacked.notes]
    assert (words == 0).any()
    for cost, number in zip(words.tolist(), asked, strict=True):
        assert number < 2000 if cost == 0 else number == 2000


def test_who_has_what_he_wishes_sends_nothing_but_the_clean_audio():
    problem = make_problem((800, 640))
    heard = transcribe(problem.loss.victim, problem.ball.clean, problem.ball.lengths)
    problem.judge.targets[0] = heard[0]
    attacked = TranscriptSearch(20)(problem)
    assert not attacked.delta[0].any()
    assert attacked.notes == [{"queries": 1}, {"queries": 20}]
    # Only those still searching are heard.
    assert problem.judge.num_heard == [21]


def test_the_result_is_never_farther_from_the_wish_than_clean_audio():
    problem = make_problem((800, 640, 400), budget=0.001)
    clean = torch.zeros_like(problem.ball.clean)
    found = TranscriptSearch(10)(problem).delta
    assert (costs(problem, found) <= costs(problem, clean)).all()


class Recorder:
    """Notes what each transcript costs in words and in characters."""

    def __init__(self, judge):
        self.judge = judge
        self.seen = []

    def hear(self, delta):
        heard = self.judge.hear(delta)
        self.seen.append(
            tuple(self.cost(heard, unit).item() for unit in ("word", "char"))
        )
        return heard

    def cost(self, heard, unit):
        return self.judge.cost(heard, unit)

    def rows(self, rows):
        return self


def test_of_all_that_was_heard_the_best_is_kept_by_words_and_then_characters():
    ties = 0
    for seed in range(6):
        problem = make_problem((800,), budget=0.1, seed=seed)
        recorder = Recorder(problem.judge)
        found = TranscriptSearch(40)(replace(problem, judge=recorder)).delta
        words, chars = (costs(problem, found, unit).item() for unit in ("word", "char"))
        assert (words, chars) == min(recorder.seen)
        ties += any(w == words and c > chars for w, c in recorder.seen)
    assert ties


def test_more_queries_come_nearer():
    problem = make_problem((800, 640, 400), budget=0.2)
    few, many = (costs(problem, TranscriptSearch(n)(problem).delta) for n in (10, 300))
    assert many.sum() < few.sum()


def test_it_looks_at_no_loss_and_leaves_gradients_on():
    problem = make_problem()
    attacked = TranscriptSearch(5)(problem)
    assert problem.loss.victim.num_calls == 0
    assert attacked.loss_start.isnan().all() and attacked.loss_end.isnan().all()
    assert torch.is_grad_enabled()
