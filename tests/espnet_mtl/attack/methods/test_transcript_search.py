from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_problem import make_problem, transcribe

from espnet_mtl.attack.methods.noise import RandomSign
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.transcript_search import TranscriptSearch
from espnet_mtl.errors import UserError

BALLS = [("linf", 0.1), ("linf", 0.2), ("l2", 1.5)]


def costs(problem, delta, unit="word"):
    return problem.judge.cost(problem.judge.hear(delta), unit)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(400, 900), min_size=1, max_size=3),
    ball=st.sampled_from([*BALLS, ("snr", 20.0), ("linf", 0.0), ("linf", 2.0)]),
    peak=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
    queries=st.integers(1, 12),
)
def test_the_perturbation_stays_in_the_ball_and_in_the_audio(
    lengths, ball, peak, queries
):
    problem = make_problem(lengths, *ball, peak=peak)
    delta = TranscriptSearch(queries)(problem).delta
    assert delta.isfinite().all()
    assert (problem.ball.size(delta) <= problem.ball.radius * (1 + 1e-5) + 1e-6).all()
    assert (problem.ball.clean + delta).abs().max() <= 1.0 + 1e-6
    for row, length in enumerate(lengths):
        assert not delta[row, length:].any()


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


def test_a_result_does_not_depend_on_batch_mates():
    problem = make_problem((800, 640, 400), budget=0.2)
    together = TranscriptSearch(60)(problem)
    for row in range(3):
        alone = TranscriptSearch(60)(problem.rows(torch.tensor([row])))
        torch.testing.assert_close(alone.delta[0], together.delta[row])
        assert alone.notes[0] == together.notes[row]


def test_senseless_settings_are_refused():
    with pytest.raises(UserError, match="queries: 0"):
        TranscriptSearch(queries=0)
