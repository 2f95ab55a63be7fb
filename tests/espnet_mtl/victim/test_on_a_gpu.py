"""What would slow an attack on a GPU, or make its results differ there.

No GPU is needed: host copies are found on any machine.
"""

import sys
from pathlib import Path

import pytest
import torch
from model_factory import make_args, pack_tiny
from torch.overrides import TorchFunctionMode

import espnet_mtl
from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.losses import WeightedLoss
from espnet_mtl.attack.methods import chain
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import Problem
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.victim.espnet_victim import ESPnetVictim, load_victim
from espnet_mtl.victim.loader import Export

OURS = str(Path(espnet_mtl.__file__).parent)
LENGTHS = [3900, 6400, 3100, 4700]
TEXTS = [[4], [2, 5, 3], [2, 2, 3], [3, 5, 4, 2]]
# What needs a value on the host: a GPU is waited for, and has nothing to do meanwhile.
COPIES = (
    "item tolist cpu numpy __bool__ __int__ __float__ __index__ nonzero equal"
).split()


class HostCopies(TorchFunctionMode):
    """Lists where our own code copies values to the host, or tensors to the device."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in COPIES or name in ("tensor", "as_tensor"):
            frame = sys._getframe(1)
            while frame and "/torch/" in frame.f_code.co_filename:
                frame = frame.f_back
            if frame and frame.f_code.co_filename.startswith(OURS):
                self.found.append((name, frame.f_code.co_qualname))
        return func(*args, **(kwargs or {}))


class Distance:
    """A loss on any device: the squared distance to silence."""

    def __call__(self, speech):
        return speech.square().sum(dim=1)

    def rows(self, rows):
        return self


def make_meta_problem(norm):
    """A batch that has shapes and no values: whoever asks for one fails."""
    clean = torch.zeros(3, 400, device="meta")
    lengths = torch.zeros(3, dtype=torch.long, device="meta")
    ball = make_ball(norm, 0.01, clean, lengths)
    start = torch.zeros_like(clean)
    return Problem(Distance(), ball, None, [0, 1, 2], 8000, start=start)


@pytest.mark.parametrize("norm", ["linf", "l2", "snr"])
def test_no_step_of_pgd_asks_for_a_value(norm):
    problem = make_meta_problem(norm)
    found = PGD(steps=3, random_start=False)(problem)
    assert found.delta.device.type == "meta"
    assert found.delta.shape == problem.ball.clean.shape


@pytest.mark.parametrize("wide", [1.0, 2.0])
def test_no_step_of_a_chain_asks_for_a_value(wide, monkeypatch):
    """Listening does, which is why it is rare."""
    listened = []
    monkeypatch.setattr(chain._Search, "listen", lambda self: listened.append(self))
    attack = Chain(steps=(3, 2), step_sizes=(0.25, 0.05), wide=wide)
    assert Chain(steps=(3, 2), step_sizes=(0.25, 0.05)).listen_every > 3
    assert attack(make_meta_problem("linf")).delta.shape == (3, 400)
    assert len(listened) == 2  # at the end of each stage


@pytest.fixture
def victim():
    torch.manual_seed(0)
    args = make_args(model_conf={"ctc_weight": 0.5})
    model = ASRMTLTask.build_model(args).eval()
    return ESPnetVictim(Export(model, args, None, None, ""))


def test_after_the_first_step_no_target_is_copied_again(victim):
    lengths = torch.tensor(LENGTHS)
    loss = WeightedLoss(victim, victim.weights, lengths, TEXTS, [0, 1, 2, 0])
    speech = 0.1 * torch.randn(4, max(LENGTHS))
    with HostCopies() as first:
        loss(speech)
    with HostCopies() as later:
        loss(speech.requires_grad_()).sum().backward()
    assert any("Target" in place for _, place in first.found), first.found
    assert not [one for one in later.found if one[0] in ("tensor", "as_tensor")]
    assert len(later.found) <= 3, later.found


def test_targets_are_those_that_are_asked_for(victim):
    """Also where a list is changed after it was used."""
    texts, lengths = [list(text) for text in TEXTS], torch.tensor(LENGTHS)
    speech = 0.1 * torch.randn(4, max(LENGTHS))

    def losses(accents):
        return victim.losses(speech, lengths, texts, accents, tuple(victim.weights))

    before, others = losses([0, 1, 2, 0]), losses([1, 1, 2, 0])
    assert before["accent"][0] != others["accent"][0]
    assert torch.equal(before["ctc"], others["ctc"])
    texts[1][0] = 3
    after = losses([0, 1, 2, 0])
    for branch in ("ctc", "att"):
        changed = before[branch] != after[branch]
        assert changed.tolist() == [False, True, False, False]


@pytest.fixture
def tf32():
    """TF32 is on, as cuDNN has it by default."""
    flags = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [one.allow_tf32 for one in flags]
    for one in flags:
        one.allow_tf32 = True
    yield flags
    for one, value in zip(flags, before, strict=True):
        one.allow_tf32 = value


@pytest.mark.parametrize("load", ["victim", "listener"])
def test_float32_is_not_rounded_to_tf32(tmp_path, load, tf32):
    zip_file = pack_tiny(tmp_path)
    assert all(one.allow_tf32 for one in tf32)
    if load == "victim":
        load_victim(zip_file)
    else:
        PackedListener(zip_file, Decoding())
    assert not any(one.allow_tf32 for one in tf32)
