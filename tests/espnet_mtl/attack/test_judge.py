import numpy as np
import torch

from espnet_mtl.attack.judge import FileJudge
from espnet_mtl.attack.quantise import FULL_SCALE, quantise
from espnet_mtl.metrics.wish import Heard, Wish


def test_what_is_heard_is_what_the_file_would_hold_at_its_true_length():
    given = []

    def listener(speech):
        given.append(speech)
        return Heard(str(len(speech)))

    clean = torch.tensor([[0.1, 0.2, 0.3], [0.5, 0.0, 0.0]])
    judge = FileJudge(
        listener,
        clean,
        torch.tensor([3, 1]),
        torch.tensor([0.01, 0.01]),
        lambda a, b, radius: quantise(a, b, "linf", radius) / FULL_SCALE,
        [Wish("target", "3", "x"), Wish("target", "1", "x")],
    )
    delta = torch.tensor([[0.004, -0.004, 0.004], [0.5, 0.9, 0.9]])
    heard = judge.hear(delta)
    assert [one.text for one in heard] == ["3", "1"]
    assert judge.cost(heard).tolist() == [0, 0]
    assert all((speech * FULL_SCALE % 1 == 0).all() for speech in given)
    assert np.abs(given[1] - 0.5).max() <= 0.01  # the budget holds for the file
    other = judge.rows(torch.tensor([1]))
    assert [one.text for one in other.hear(delta[1:])] == ["1"]
