"""Our PGD goes where ART's and asr-attacks' go, sample for sample.

Sign descent is chaotic: one rounding error, and after some steps a third of the samples
differ. So the model calculates in float64, and where samples have to be equal, audio,
radius and steps are multiples of a power of two: no addition is rounded then.
"""

import numpy as np
import peers
import pytest
import torch

from espnet_mtl.attack.balls import make_ball
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.problem import Problem

STEPS = 8
TEXTS = [[1, 2, 3], [4, 4], [5, 6]]
RAGGED = (1600, 1285, 970)


class SmallCTC(torch.nn.Module):
    """A recogniser that hears no padding: windows lie inside the audio."""

    WINDOW, HOP = 160, 80

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.windows = torch.nn.Conv1d(1, 24, self.WINDOW, self.HOP)
            self.tokens = torch.nn.Linear(24, 8)
        self.double().requires_grad_(False)

    def forward(self, audio):
        hidden = self.windows(3.0 * audio.double()[:, None])
        return 5.0 * self.tokens(torch.tanh(hidden).transpose(1, 2))

    def losses(self, audio, lengths, texts):
        return torch.nn.functional.ctc_loss(
            self(audio).log_softmax(2).transpose(0, 1),
            torch.tensor([token for text in texts for token in text]),
            (lengths - self.WINDOW) // self.HOP + 1,
            torch.tensor([len(text) for text in texts]),
            reduction="none",
        )


@pytest.fixture(scope="module")
def model():
    return SmallCTC()


def make_audios(lengths, peak, dtype=np.float32):
    """Noise on the levels of 16-bit audio."""
    rng = np.random.default_rng(0)
    top = int(peak * 32767)
    levels = [rng.integers(-top, top + 1, length) for length in lengths]
    return [(row / 32768).astype(dtype) for row in levels]


def pad(audios):
    return torch.nn.utils.rnn.pad_sequence(
        [torch.from_numpy(audio) for audio in audios], batch_first=True
    )


def our_iterates(model, audios, norm, budget, **settings):
    """Attacked audio before each step and after the last, cut to its length."""
    lengths = torch.tensor([len(audio) for audio in audios])
    seen = []

    def loss(speech):
        seen.append(speech.detach().clone())
        return model.losses(speech, lengths, TEXTS[: len(audios)])

    ball = make_ball(norm, budget, pad(audios), lengths)
    attack = PGD(**{"momentum": 0.0, "random_start": False, **settings})
    attack(Problem(loss, ball, judge=None, seeds=range(len(audios)), rate=8000))
    assert len(seen) == attack.steps + 2  # The first is of the clean audio.
    return [
        [row[:length].numpy() for row, length in zip(batch, lengths, strict=True)]
        for batch in seen[1:]
    ]


def step_lengths(radius, step_size, steps=STEPS):
    """Lengths of our steps, for toolkits whose steps are all of the same."""
    return [step_size * (1 - step / steps) * radius for step in range(steps)]


def art_iterates(model, audios, eps, sizes, ragged=True, **options):
    seen = []

    def gradients(rows, texts):
        seen.append([row.copy() for row in rows])
        # Has been read for this step already, and is read again for the next
        attack.eps_step = sizes[min(len(seen), len(sizes) - 1)]
        found = []
        for row, text in zip(rows, texts, strict=True):
            audio = torch.from_numpy(row)[None].requires_grad_(True)
            loss = model.losses(audio, torch.tensor([len(row)]), [text])
            found.append(torch.autograd.grad(loss.sum(), audio)[0][0].numpy())
        return found

    recogniser = peers.ArtRecogniser(gradients)
    attack = peers.art_attack(recogniser, eps, sizes[0], len(sizes), **options)
    x = peers.boxed(audios) if ragged else np.stack(audios)
    attacked = attack.generate(x, peers.boxed(TEXTS[: len(audios)]))
    return [*seen, list(attacked)]


def asr_attacks_iterates(model, audios, radii, step_size, steps=STEPS, **options):
    """Each utterance alone: asr-attacks knows no batches."""
    found = []
    for audio, text, radius in zip(audios, TEXTS, radii, strict=False):
        sizes = step_lengths(radius, step_size, steps)
        alpha, seen = torch.tensor(sizes[0]), []

        def logits(speech, sizes=sizes, alpha=alpha, seen=seen):
            if speech.requires_grad:
                alpha.fill_(sizes[len(seen)])
                seen.append(speech.detach()[0].numpy().copy())
            return model(speech)

        last = peers.asr_attacks_attack(
            peers.Backend(logits),
            audio,
            text,
            epsilon=radius,
            alpha=alpha,
            num_iter=steps,
            **options,
        )
        found.append([*seen, last])
    return [list(batch) for batch in zip(*found, strict=True)]


def assert_same(ours, theirs, **tolerance):
    assert len(ours) == len(theirs)
    for step, (our_batch, their_batch) in enumerate(zip(ours, theirs, strict=True)):
        for row, (our, their) in enumerate(zip(our_batch, their_batch, strict=True)):
            message = f"step {step}, utterance {row}"
            if tolerance:
                np.testing.assert_allclose(our, their, err_msg=message, **tolerance)
            else:
                np.testing.assert_array_equal(our, their, err_msg=message)


@pytest.mark.parametrize("peak", [0.5, 1.0])  # far from full scale, and clipped by it
@pytest.mark.parametrize("steps", [1, STEPS])
def test_linf_on_a_ragged_batch_is_equal_to_both(model, steps, peak):
    eps, step_size = 2**-5, 0.5
    audios = make_audios(RAGGED, peak)
    ours = our_iterates(model, audios, "linf", eps, steps=steps, step_size=step_size)
    sizes = step_lengths(eps, step_size, steps)
    assert_same(ours, art_iterates(model, audios, eps, sizes))
    radii = [eps] * len(audios)
    assert_same(ours, asr_attacks_iterates(model, audios, radii, step_size, steps))
    # It went somewhere, and to the bounds where there is time for it.
    change = np.abs(np.concatenate(ours[-1]) - np.concatenate(audios))
    assert change.max() == (eps if steps > 1 else step_size * eps)
    if steps > 1:
        assert (change == eps).mean() > 0.1


def test_one_step_of_the_whole_radius_is_equal_to_both(model):
    """The fast gradient sign method."""
    eps = 2**-6
    audios = make_audios(RAGGED, 0.5)
    ours = our_iterates(model, audios, "linf", eps, steps=1, step_size=1.0)
    assert_same(ours, art_iterates(model, audios, eps, [eps]))
    assert_same(ours, asr_attacks_iterates(model, audios, [eps] * 3, 1.0, 1))


def test_linf_in_float64_is_arts_for_any_radius(model):
    eps, step_size = 0.0137, 0.3
    audios = make_audios(RAGGED, 0.97, np.float64)
    ours = our_iterates(model, audios, "linf", eps, steps=STEPS, step_size=step_size)
    assert ours[-1][0].dtype == np.float64
    sizes = step_lengths(eps, step_size)
    assert_same(ours, art_iterates(model, audios, eps, sizes), atol=1e-12, rtol=0)


def test_momentum_is_arts(model):
    """ART knows none for ragged audio."""
    eps, step_size = 2**-5, 0.25
    audios = make_audios((1200, 1200, 1200), 0.9)
    ours = our_iterates(
        model, audios, "linf", eps, steps=STEPS, step_size=step_size, momentum=0.75
    )
    sizes = step_lengths(eps, step_size)
    theirs = art_iterates(model, audios, eps, sizes, ragged=False, decay=0.75)
    assert_same(ours, theirs)
    plain = our_iterates(model, audios, "linf", eps, steps=STEPS, step_size=step_size)
    assert any((a != b).any() for a, b in zip(ours[-1], plain[-1], strict=True))


@pytest.mark.parametrize("peak", [0.5, 1.0])
def test_l2_on_a_ragged_batch_is_asr_attacks(model, peak):
    radius, step_size = 0.75, 0.5
    audios = make_audios(RAGGED, peak)
    ours = our_iterates(model, audios, "l2", radius, steps=STEPS, step_size=step_size)
    radii = [radius] * len(audios)
    theirs = asr_attacks_iterates(model, audios, radii, step_size, norm=2)
    assert_same(ours, theirs, atol=2e-6, rtol=0)
    if peak < 1.0:
        for audio, attacked in zip(audios, ours[-1], strict=True):
            assert np.linalg.norm(attacked - audio) == pytest.approx(radius, rel=1e-3)


def test_l2_is_arts_for_one_utterance(model):
    """On ragged audio ART cuts each sample to the radius, which is no L2 ball."""
    radius, step_size = 0.75, 0.5
    sizes = step_lengths(radius, step_size)
    for audio in make_audios(RAGGED, 0.5)[:1]:
        ours = our_iterates(
            model, [audio], "l2", radius, steps=STEPS, step_size=step_size
        )
        theirs = art_iterates(model, [audio], radius, sizes, ragged=False, norm=2)
        assert_same(ours, theirs, atol=2e-6, rtol=0)


def test_a_bound_in_db_is_asr_attacks_l2_of_each_utterances_own_radius(model):
    snr_db, step_size = 18.0, 0.5
    audios = [
        (audio * scale).astype(np.float32)
        for audio, scale in zip(
            make_audios(RAGGED, 0.5), (1.0, 0.25, 0.03), strict=True
        )
    ]
    ours = our_iterates(model, audios, "snr", snr_db, steps=STEPS, step_size=step_size)
    radii = [float(np.linalg.norm(a)) * 10 ** (-snr_db / 20) for a in audios]
    theirs = asr_attacks_iterates(model, audios, radii, step_size, norm=2)
    assert_same(ours, theirs, atol=2e-6, rtol=0)
    for audio, attacked in zip(audios, ours[-1], strict=True):
        noise = np.linalg.norm(attacked.astype(np.float64) - audio)
        assert 20 * np.log10(np.linalg.norm(audio) / noise) >= snr_db - 1e-3
