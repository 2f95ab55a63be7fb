"""Removal of what is hardly heard: signal processing instead of gradients."""

from dataclasses import dataclass

import torch

from espnet_mtl.attack.methods.base import Method, Traits
from espnet_mtl.attack.problem import Attacked, Problem


@dataclass(frozen=True)
class Kenansville(Method):
    """Remove the weakest components of an utterance's Fourier transform.

    The DFT attack of Abdullah et al. 2021 ("Hear 'No Evil', See 'Kenansville'", arXiv
    1910.05262): the components of lowest power go first. It needs no gradient and no
    query, aims at any transcript but the true one, and uses the whole budget: in an L2
    ball (or one of an SNR) the energy that is removed is that of the ball's radius.

    Deviations: the threshold comes from the budget, once, and not from a search that
    asks the victim; whole utterances rather than words or phonemes. The last component
    is only weakened, as far as the budget goes. For an L-inf ball, which the paper does
    not have, bisection finds how many components can go until a sample changes by more
    than the radius.
    """

    traits = Traits(
        kind="control", listens=False, blind="away", needs=None, in_suites=True
    )

    @torch.no_grad()
    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch; see ``Method``."""
        ball = problem.ball
        remove = _remove_peak if ball.norm == "linf" else _remove_energy
        delta = torch.zeros_like(ball.clean)
        # One by one: a transform over the true length, which padding would change.
        limits = zip(ball.lengths.tolist(), ball.radius.tolist(), strict=True)
        for row, (length, radius) in enumerate(limits):
            if length > 0:
                removed = remove(_Spectrum(ball.clean[row, :length]), radius)
                delta[row, :length] = -removed.to(delta)
        return Attacked.without_loss(ball.project_(delta))


class _Spectrum:
    """Fourier components of a signal, (Samples,), the weakest first.

    The ``energy`` of the components, ascending, has the signal's energy as its sum.
    """

    def __init__(self, signal: torch.Tensor):
        self._num_samples = len(signal)
        # In double precision: radii are small, and components are many.
        self._bins = torch.fft.rfft(signal.double())
        # All but 0 Hz and, at even length, the highest stand for two of the whole DFT.
        twice = torch.full_like(self._bins.real, 2.0)
        twice[0] = 1.0
        if self._num_samples % 2 == 0:
            twice[-1] = 1.0
        energy = self._bins.abs().square() * twice / self._num_samples
        self.energy, self._order = energy.sort(stable=True)

    def weakest(self, number: int, share_of_next: float = 0.0) -> torch.Tensor:
        """Add up the weakest components, and a share of the next, (Samples,)."""
        bins = torch.zeros_like(self._bins)
        chosen = self._order[:number]
        bins[chosen] = self._bins[chosen]
        if share_of_next > 0.0:
            following = self._order[number]
            bins[following] = share_of_next * self._bins[following]
        signal: torch.Tensor = torch.fft.irfft(bins, n=self._num_samples)
        return signal


def _remove_energy(spectrum: _Spectrum, radius: float) -> torch.Tensor:
    """Return as many of the weakest components as have the energy of the radius."""
    total = spectrum.energy.cumsum(0)
    number = int((total <= radius**2).sum())
    if number == len(total):
        return spectrum.weakest(number)
    left = radius**2 - (total[number - 1].item() if number else 0.0)
    return spectrum.weakest(number, (left / spectrum.energy[number].item()) ** 0.5)


def _remove_peak(spectrum: _Spectrum, radius: float) -> torch.Tensor:
    """Return as many of the weakest components as no sample of exceeds the radius."""
    enough, too_many = 0, len(spectrum.energy) + 1
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        if spectrum.weakest(middle).abs().max().item() <= radius:
            enough = middle
        else:
            too_many = middle
    return spectrum.weakest(enough)
