"""The audio of an utterance: pieces of a reading, joined."""

from collections.abc import Sequence

import numpy as np
from align import FS, Alignment
from cutting import Piece

from espnet_mtl.data.corpus import seed_with
from espnet_mtl.data.joining import join_on_noise

MARGIN_SECONDS = 0.05  # of the pause that a piece keeps at either end
GAP_SECONDS = (0.05, 0.2)  # between pieces
EDGE_SECONDS = (0.05, 0.15)  # before the first and after the last
PEAK = (0.3, 0.9)  # of an utterance, of full scale
NOISE = (2e-4, 2e-3)  # largest sample of full scale: -74 to -54 dB


def cut(samples: np.ndarray, alignment: Alignment, piece: Piece) -> np.ndarray:
    """Cut a piece out of its reading, with a little of the pauses around it.

    Samples at 8 kHz, float32, (Samples,).
    """
    words = alignment.words
    start, end = words[piece.first].start, words[piece.end - 1].end
    before = words[piece.first - 1].end if piece.first else 0.0
    after = words[piece.end].start if piece.end < len(words) else alignment.seconds
    # A pause on both sides of which there are pieces is shared.
    start -= min((start - before) / 2, MARGIN_SECONDS)
    end += min((after - end) / 2, MARGIN_SECONDS)
    return samples[round(start * FS) : round(end * FS)]


def join(pieces: Sequence[np.ndarray], seed: str) -> np.ndarray:
    """Join pieces to one utterance, int16, (Samples,).

    Recordings differ in level; each utterance is brought to one, so that an attack's
    budget means the same for all. The seed is that of level, gaps and noise.
    """
    # 1. Draw all that varies
    rng = np.random.RandomState()
    seed_with(rng, seed)
    peak = rng.uniform(*PEAK)
    pauses = np.empty(len(pieces) + 1)
    pauses[1:-1] = rng.uniform(*GAP_SECONDS, len(pieces) - 1)
    pauses[[0, -1]] = rng.uniform(*EDGE_SECONDS, 2)
    noise = NOISE[0] * (NOISE[1] / NOISE[0]) ** rng.uniform()

    # 2. Place the pieces, which keep their levels among each other
    loudest = max(float(np.abs(samples).max(initial=0.0)) for samples in pieces)
    gains = [peak / max(loudest, 1e-6)] * len(pieces)
    return join_on_noise(pieces, gains, pauses, noise, rng, FS)
