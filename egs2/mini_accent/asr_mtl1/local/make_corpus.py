#!/usr/bin/env python3
"""Synthesise mini_accent: Kaldi-style data directories and their audio.

The same options give the same bytes. Who says what is planned in design.py.
"""

from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path

import numpy as np
import soxr
from design import ACCENTS, Utterance, plan_set
from espeak import Espeak, linked_data

from espnet_mtl.data.audio import read_rate
from espnet_mtl.data.corpus import (
    get_corpus_parser,
    hash_sources,
    make_once,
    read_sizes,
    seed_with,
    write_set,
    write_wav,
)
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.errors import UserError, run_main, setup_logging

EDGE_THRESHOLD = 0.01  # of the peak: what is quieter at either end is cut
EDGE_SECONDS = (0.03, 0.08)
PEAK = (0.3, 0.9)  # of full scale
NOISE = (2e-4, 2e-3)  # largest sample of full scale: -74 to -54 dB


class Recorder:
    """Speaks utterances as if into a microphone: trimmed, levelled, a little noisy."""

    def __init__(self, fs: int, seed: int) -> None:
        self._fs, self._seed = fs, seed
        self._rng = np.random.RandomState()
        self._resampler: soxr.ResampleStream | None = None

    def record(self, utterance: Utterance, espeak: Espeak) -> np.ndarray:
        """Record one utterance, spoken by its voice: int16, (Samples,).

        Raises:
            UserError: If the synthesiser fails.
        """
        # 1. Draw all that varies
        rng, fs = self._rng, self._fs
        seed_with(rng, f"{self._seed} {utterance.key} {utterance.text}")
        noise_seed = rng.randint(1, 2**31 - 1)
        peak = rng.uniform(*PEAK)
        before, after = (int(seconds * fs) for seconds in rng.uniform(*EDGE_SECONDS, 2))
        noise = np.float32(NOISE[0] * (NOISE[1] / NOISE[0]) ** rng.uniform() / 32768)

        # 2. Speak
        speech = espeak.say(utterance.text, utterance.pitch, utterance.rate, noise_seed)
        speech = self._resample(speech.astype(np.float32), espeak.fs)

        # 3. Short edges, a level
        loudness = np.abs(speech)
        loud = np.flatnonzero(loudness > EDGE_THRESHOLD * loudness.max())
        speech = speech[loud[0] : loud[-1] + 1] * (peak / loudness.max())

        # 4. No recording is digitally silent between words; the features of such
        # silence would change beyond recognition with the least perturbation
        num_samples = before + len(speech) + after
        samples = np.frombuffer(rng.bytes(2 * num_samples), dtype="<i2") * noise
        samples[before : before + len(speech)] += speech
        return np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")

    def _resample(self, speech: np.ndarray, fs: int) -> np.ndarray:
        # As soxr.resample does, but its filter is designed once only.
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(fs, self._fs, 1, dtype="float32")
        self._resampler.clear()
        return self._resampler.resample_chunk(speech, last=True)


def make_corpus(
    output: Path, audio_dir: Path, sizes: dict[str, int], fs: int, seed: int
) -> None:
    """Make the three sets.

    Raises:
        UserError: If the synthesiser fails.
    """
    recorder = Recorder(fs, seed)
    progress = LoopProgress(sum(sizes.values()), "synthesis")
    with linked_data(ACCENTS.values()) as data_path:
        for name, size in sizes.items():
            folder = audio_dir / name
            folder.mkdir(parents=True, exist_ok=True)
            plan = plan_set(name, size, seed)
            # A voice speaks its utterances in the order of their indices, so that a
            # larger set begins with the same bytes.
            by_voice = sorted(plan, key=lambda u: (u.voice, u.index))
            for voice, utterances in groupby(by_voice, key=lambda u: u.voice):
                with Espeak(voice, data_path) as espeak:
                    for utterance in utterances:
                        samples = recorder.record(utterance, espeak)
                        write_wav(folder / f"{utterance.key}.wav", samples, fs)
                        progress.add(len(samples) / fs)
            write_set(output / name, folder, plan)
    progress.finish()


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = get_corpus_parser(__doc__)
    parser.add_argument("--fs", default="16000", help="sampling rate, 16k or 16000")
    args = parser.parse_args(cmd)
    setup_logging()
    sizes, fs = read_sizes(args), read_rate(args.fs)
    if fs < 8000:
        raise UserError(f"--fs {args.fs}: speech needs at least 8000 Hz.")
    audio_dir = args.audio_dir or args.output / "audio"
    settings = {
        **sizes,
        "fs": fs,
        "seed": args.seed,
        "audio_dir": str(audio_dir.resolve()),
        "sources": hash_sources(Path(__file__).parent),
        "espeakng-loader": _find_version("espeakng-loader"),
    }
    make_once(
        args.output,
        settings,
        lambda: make_corpus(args.output, audio_dir, sizes, fs, args.seed),
    )


def _find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    run_main(main)
