"""What cannot be heard beside given audio: its global masking threshold.

The psychoacoustic model is that of Lin and Abdulla 2015 (Audio Watermark), after
model 1 of MPEG-1 (ISO/IEC 11172-3, annex D), as Qin et al. 2019 (arXiv 1903.10346,
section 4.1) use it: a tone makes others inaudible that are near it in frequency and not
too loud.
"""

import math

import torch

WINDOW_SECONDS = 0.128
LOUDEST = 96.0  # level in dB that the loudest point of an utterance is taken to have
_HOPS = 4  # in a window
_LOWEST_HZ = 20.0
_NEAR_BARK = 0.5
_MAX_MASKERS = 4096  # at once, for the memory's sake

# Peak of the power spectrum of a sine of full scale: half of its amplitude is at
# positive frequencies, and the window has a mean of 1/2.
_SINE_PEAK = 8.0 / 3.0 / 16.0


class Masking:
    """The masking threshold of a batch of audio.

    Deviations: windows begin half a window before the audio and end half of one after
    it, with zeros where there is none, so that all of the audio counts and none is too
    short. Frequencies below 20 Hz have the threshold in quiet of 20 Hz, and that
    threshold has no offset. In silent audio, a sine of full scale has 96 dB.

    Args:
        clean: Waveforms, zero beyond their lengths, (Batch, Samples).
        lengths: Samples of each, (Batch,).
        rate: Sampling rate in Hz.

    Attributes:
        threshold: In dB, (Batch, Frames, Bins).
        frames: 1 for a frame of the audio and 0 for one of padding, (Batch, Frames).
    """

    def __init__(self, clean: torch.Tensor, lengths: torch.Tensor, rate: int):
        self._window_size = window_size(rate)
        hop = self._window_size // _HOPS
        position = torch.arange(clean.shape[1] // hop + 1, device=clean.device)
        self.frames = (position <= (lengths // hop)[:, None]).to(clean.dtype)
        power = self._spectrum(clean.detach().double().cpu())
        power = power * self.frames.double().cpu()[:, :, None]
        loudest = power.amax(dim=(1, 2), keepdim=True)
        loudest = torch.where(loudest > 0, loudest, _SINE_PEAK)
        gain = 10.0 ** (LOUDEST / 10.0) / loudest
        levels = 10.0 * (power * gain).clamp(min=1e-20).log10()
        frequencies = torch.arange(levels.shape[2]) * (rate / self._window_size)
        threshold = torch.stack([global_threshold(row, frequencies) for row in levels])
        self.threshold = threshold.to(clean)
        # In this form nothing overflows, however loud or silent an audio is.
        self._scale = (gain / 10.0 ** (threshold / 10.0)).to(clean)

    def excess(self, delta: torch.Tensor) -> torch.Tensor:
        """Measure how audible perturbations are, differentiably.

        Args:
            delta: Perturbations, zero in the padding, (Batch, Samples).

        Returns:
            Mean over frames and frequencies of how far the perturbation's level is
            above the threshold, in dB, (Batch,); 0 where nothing is heard.
        """
        ratio = self._spectrum(delta) * self._scale
        above: torch.Tensor = 10.0 * ratio.clamp(min=1.0).log10().mean(dim=2)
        return (above * self.frames).sum(dim=1) / self.frames.sum(dim=1)

    def levels(self, delta: torch.Tensor) -> torch.Tensor:
        """Return levels of perturbations (Batch, Samples) in dB, (Batch, Frames, Bins).

        They are measured as those of the audio.
        """
        ratio = self._spectrum(delta) * self._scale
        tiny = torch.finfo(ratio.dtype).tiny
        levels: torch.Tensor = 10.0 * ratio.clamp(min=tiny).log10() + self.threshold
        return levels

    def _spectrum(self, audio: torch.Tensor) -> torch.Tensor:
        """Return the power spectrum of windowed audio, (Batch, Frames, Bins)."""
        size = self._window_size
        window = torch.hann_window(size, dtype=audio.dtype, device=audio.device)
        spectrum = torch.stft(
            audio,
            size,
            hop_length=size // _HOPS,
            window=window * (math.sqrt(8.0 / 3.0) / size),
            pad_mode="constant",
            return_complex=True,
        )
        return (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)


def global_threshold(levels: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Return the threshold in dB, (Frames, Bins), of all maskers and of the ear itself.

    Args:
        levels: Levels in dB, (Frames, Bins).
        frequencies: Frequency of each bin in Hz, (Bins,).
    """
    bark = hertz_to_bark(frequencies.to(levels))
    quiet = threshold_in_quiet(frequencies.to(levels))
    maskers = find_maskers(levels, bark, quiet)
    total = (10.0 ** (quiet / 10.0)).expand_as(levels).clone()
    for chunk in torch.split(maskers.isfinite().nonzero(), _MAX_MASKERS):
        frame, place = chunk.unbind(dim=1)
        level, own = maskers[frame, place][:, None], bark[place][:, None]
        masked = level - 6.025 - 0.275 * own + spread(bark - own, level)
        total.index_add_(0, frame, 10.0 ** (masked / 10.0))
    return 10.0 * total.log10()


def find_maskers(
    levels: torch.Tensor, bark: torch.Tensor, quiet: torch.Tensor
) -> torch.Tensor:
    """Find the tones that mask others.

    They are peaks of the spectrum which the ear hears in quiet, and the loudest of
    those half a Bark around. A masker has its neighbours' power, too.

    Args:
        levels: Levels in dB, (Frames, Bins).
        bark: Each bin's place, (Bins,).
        quiet: Threshold in quiet in dB, (Bins,).

    Returns:
        Level of the masker at each bin in dB, minus infinity where there is none,
        (Frames, Bins).
    """
    none = levels.new_full((), -torch.inf)
    left, middle, right = levels[:, :-2], levels[:, 1:-1], levels[:, 2:]
    low, own, high = (10.0 ** (part / 10.0) for part in (left, middle, right))
    powers = low + own + high
    level = 10.0 * powers.log10()
    peak = (middle > left) & (middle >= right) & (level > quiet[1:-1])
    found = torch.where(peak, level, none)
    found = torch.nn.functional.pad(found, (1, 1), value=-math.inf)
    # The bins around each, half a Bark to both sides
    first = torch.searchsorted(bark, bark - _NEAR_BARK, right=True)
    last = torch.searchsorted(bark, bark + _NEAR_BARK)
    loudest = torch.stack(
        [
            found[:, begin:end].amax(dim=1)
            for begin, end in zip(first.tolist(), last.tolist(), strict=True)
        ],
        dim=1,
    )
    return torch.where(found == loudest, found, none)


def spread(distance: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Return how masking changes with the distance from the masker, in dB; 0 at it.

    Args:
        distance: Distance in Bark, below 0 towards lower frequencies.
        level: Level of the masker in dB; the louder, the farther up it masks.
    """
    upward = -27.0 + 0.37 * (level - 40.0).clamp(min=0.0)
    return distance * torch.where(distance > 0, upward, 27.0)


def hertz_to_bark(frequency: torch.Tensor) -> torch.Tensor:
    """Map Hz to Bark, the ear's scale of critical bands (Zwicker, Terhardt 1980)."""
    return (
        13.0 * (0.00076 * frequency).atan() + 3.5 * (frequency / 7500).square().atan()
    )


def threshold_in_quiet(frequency: torch.Tensor) -> torch.Tensor:
    """Return the level in dB that a tone needs to be heard at all (Terhardt 1979).

    Args:
        frequency: In Hz; what is below 20 counts as 20.
    """
    kilohertz = frequency.clamp(min=_LOWEST_HZ) / 1000.0
    return (
        3.64 * kilohertz**-0.8
        - 6.5 * (-0.6 * (kilohertz - 3.3).square()).exp()
        + 0.001 * kilohertz**4
    )


def window_size(rate: int) -> int:
    """Return samples in a window: a power of two, 2048 at 16 kHz as in Qin et al."""
    return 1 << max(round(math.log2(WINDOW_SECONDS * rate)), 3)
