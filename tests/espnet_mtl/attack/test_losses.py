import torch
from toy_problem import TEXTS, make_problem
from toy_victim import ToyVictim


def test_an_attacker_pays_only_for_the_branches_it_attacks():
    victim = ToyVictim()
    weights = {"ctc": 2.0, "accent": -0.5}
    problem = make_problem([800], victim=victim, weights=weights)
    clean, lengths = problem.ball.clean, problem.ball.lengths
    parts = victim.losses(clean, lengths, [TEXTS[0]], [0], ("ctc", "att", "accent"))
    expected = 2.0 * parts["ctc"] - 0.5 * parts["accent"]
    torch.testing.assert_close(problem.loss(clean), expected)


def test_some_rows_have_the_losses_that_they_have_among_all():
    problem = make_problem([800, 640, 480], victim=ToyVictim())
    rows = torch.tensor([2, 0])
    part = problem.rows(rows)
    torch.testing.assert_close(
        part.loss(part.ball.clean), problem.loss(problem.ball.clean)[rows]
    )
    assert part.seeds == [problem.seeds[2], problem.seeds[0]]
