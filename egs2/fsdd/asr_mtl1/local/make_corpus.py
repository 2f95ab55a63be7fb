#!/usr/bin/env python3
"""Join the Free Spoken Digit Dataset's recordings to strings of digits.

The same options give the same bytes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fsdd import DIGITS, FS, Corpus, find_corpus, read_recording

from espnet_mtl.data.corpus import (
    get_corpus_parser,
    hash_sources,
    make_once,
    read_sizes,
    seed_with,
    write_set,
    write_wav,
)
from espnet_mtl.data.joining import join_on_noise
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.sources import source_version
from espnet_mtl.errors import run_main, setup_logging
from espnet_mtl.provenance import hash_value

NUM_DIGITS = (3, 6)
GAP_SECONDS = (0.05, 0.25)  # between digits
EDGE_SECONDS = (0.05, 0.15)  # before the first and after the last
PEAK = (0.3, 0.9)  # of a string, of full scale
DIGIT_PEAK = (0.7, 1.0)  # of a digit, of its string's
NOISE = (2e-4, 2e-3)  # largest sample of full scale: -74 to -54 dB


@dataclass(frozen=True)
class DigitString:
    """One utterance, before its audio is joined."""

    key: str
    speaker: str
    accent: str
    text: str
    recordings: tuple[Path, ...]


def plan_set(corpus: Corpus, name: str, num_utts: int, seed: int) -> list[DigitString]:
    """Plan one set: speakers take turns, a string holds no recording twice.

    A larger set begins with a smaller one.
    """
    rng = np.random.RandomState()
    speakers = list(corpus.recordings)
    plan = []
    for index in range(num_utts):
        speaker = speakers[index % len(speakers)]
        pool = corpus.recordings[speaker][name]
        key = f"{speaker}-{name}-{index:06d}"
        seed_with(rng, f"{seed} {key} digits")
        length = rng.randint(NUM_DIGITS[0], NUM_DIGITS[1] + 1)
        chosen = [pool[i] for i in rng.permutation(len(pool))[:length]]
        plan.append(
            DigitString(
                key=key,
                speaker=speaker,
                accent=corpus.accents[speaker],
                text=" ".join(DIGITS[digit] for digit, _ in chosen),
                recordings=tuple(path for _, path in chosen),
            )
        )
    return plan


def join(recordings: list[np.ndarray], seed: str) -> np.ndarray:
    """Join recordings to one, int16, (Samples,), as if spoken at one sitting.

    The corpus's recordings are up to 30 dB apart in level, also those of one speaker.
    Each is brought to one level, so that an attack's budget means the same for all.
    The seed is that of levels, gaps and noise.
    """
    # 1. Draw all that varies
    rng = np.random.RandomState()
    seed_with(rng, seed)
    num = len(recordings)
    peaks = rng.uniform(*PEAK) * rng.uniform(*DIGIT_PEAK, num)
    pauses = np.empty(num + 1)
    pauses[1:-1] = rng.uniform(*GAP_SECONDS, num - 1)
    pauses[[0, -1]] = rng.uniform(*EDGE_SECONDS, 2)
    noise = NOISE[0] * (NOISE[1] / NOISE[0]) ** rng.uniform()

    # 2. Place the digits
    loudest = np.array([np.abs(samples).max() for samples in recordings])
    gains = peaks / loudest
    return join_on_noise(recordings, gains, pauses, noise, rng, FS)


def make_corpus(
    corpus: Corpus, output: Path, audio_dir: Path, sizes: dict[str, int], seed: int
) -> None:
    """Make the three sets.

    Raises:
        UserError: If a recording is unusable.
    """
    progress = LoopProgress(sum(sizes.values()), "joining")
    for name, size in sizes.items():
        folder = audio_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        samples = {
            path: read_recording(path)
            for sets in corpus.recordings.values()
            for _, path in sets[name]
        }
        plan = plan_set(corpus, name, size, seed)
        for utt in plan:
            recordings = [samples[path] for path in utt.recordings]
            joined = join(recordings, f"{seed} {utt.key} audio")
            write_wav(folder / f"{utt.key}.wav", joined, FS)
            progress.add(len(joined) / FS)
        write_set(output / name, folder, plan)
    progress.finish()


def _describe(corpus: Corpus) -> list[Any]:
    """Describe the dataset's recordings, wherever they lie, without reading them."""
    return [
        [path.name, *source_version(str(path))[1:]]
        for sets in corpus.recordings.values()
        for recordings in sets.values()
        for _, path in recordings
    ]


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    parser = get_corpus_parser(__doc__)
    parser.add_argument("--fsdd_root", default="", help="the dataset's folder")
    args = parser.parse_args(cmd)
    setup_logging()
    sizes = read_sizes(args)
    corpus = find_corpus(args.fsdd_root)
    audio_dir = args.audio_dir or args.output / "audio"
    settings = {
        **sizes,
        "seed": args.seed,
        "recordings": hash_value(_describe(corpus)),
        "audio_dir": str(audio_dir.resolve()),
        "sources": hash_sources(Path(__file__).parent),
    }
    make_once(
        args.output,
        settings,
        lambda: make_corpus(corpus, args.output, audio_dir, sizes, args.seed),
    )


if __name__ == "__main__":
    run_main(main)
