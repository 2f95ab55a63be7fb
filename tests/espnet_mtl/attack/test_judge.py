import numpy as np
import torch

from espnet_mtl.attack.balls import LinfBall
from espnet_mtl.attack.judge import FileJudge
from espnet_mtl.attack.quantise import FULL_SCALE, FileFormat
from espnet_mtl.metrics.wish import Heard, Wish


def make_judge(listener, draws=()):
    clean = torch.tensor([[0.1, 0.2, 0.3], [0.5, 0.0, 0.0]])
    return FileJudge(
        listener,
        LinfBall(clean, torch.tensor([3, 1]), torch.tensor([0.01, 0.01])),
        FileFormat(),
        [Wish("target", "a b", "x"), Wish("target", "a b", "x")],
        draws,
    )


def test_a_lucky_draw_is_no_success():
    """Of what is heard in five draws, what is furthest from the target counts."""
    given, texts = [], iter(["a b", "a b", "a b", "a", "c", "a b"])

    def listener(speech):
        given.append(speech)
        return Heard(next(texts))

    judge = make_judge(listener, [5, 1])
    heard = judge.hear(torch.full((2, 3), 0.004))
    assert [one.text for one in heard] == ["c", "a b"]
    assert judge.cost(heard).tolist() == [2, 0]
    # A victim that draws by a digest of its input has to draw afresh, too.
    levels = [
        tuple((one * FULL_SCALE).round().astype(int)) for one in [given[0], *given[2:]]
    ]
    assert len(set(levels)) == 4  # three samples, one of them a level lower
    first = np.array(levels[0])
    assert all(np.abs(first - other).sum() <= 1 for other in levels)
    assert judge.rows(torch.tensor([1])).draws == [1]


def test_untouched_audio_is_heard_as_it_is_in_every_draw():
    given = []

    def listener(speech):
        given.append(speech.tolist())
        return Heard("a")

    clean = torch.tensor([[100.0, 200.0, 300.0], [50.0, 0.0, 0.0]]) / FULL_SCALE
    judge = make_judge(listener, [3, 3]).around(clean)
    judge.hear(torch.zeros(2, 3))
    assert given[0] == given[2] == given[3] and given[1] == given[4] == given[5]
    assert len(given) == 6


def test_what_is_heard_is_what_the_file_would_hold_at_its_true_length():
    given = []

    def listener(speech):
        given.append(speech)
        return Heard(str(len(speech)))

    clean = torch.tensor([[0.1, 0.2, 0.3], [0.5, 0.0, 0.0]])
    judge = FileJudge(
        listener,
        LinfBall(clean, torch.tensor([3, 1]), torch.tensor([0.01, 0.01])),
        FileFormat(),
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
