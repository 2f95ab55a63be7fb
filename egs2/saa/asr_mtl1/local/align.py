"""Where each word of a text is in a reading of it: forced alignment by pocketsphinx."""

import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np
import soxr

from espnet_mtl.data.channels import MIX, merge_channels
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.data.samples import check_samples
from espnet_mtl.data.sources import read_source, source_version
from espnet_mtl.errors import UserError
from espnet_mtl.journal import Journal, read_journals
from espnet_mtl.provenance import hash_file, hash_value

FS = 8000  # of the corpus, in Hz
_MODEL_FS = 16000
_FRAMES_A_SECOND = 100
_PEAK = 0.5
# Between words, what is at most so much below the median of the words is loud.
_LOUD_DB = 12.0
# With the aligner's own beams, a third of the accented readings fails or loses words.
_BEAMS = {"beam": 1e-150, "pbeam": 1e-150, "wbeam": 1e-120}
_REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"


class Word(msgspec.Struct, frozen=True, array_like=True):
    """A word of a reading.

    Attributes:
        start: In seconds.
        end: In seconds.
        score: How well it fits the acoustic model, 0 at best: a log likelihood for each
            frame, relative to that of the sounds that would fit best.
        loud_before: Seconds between it and the word before that are as loud as words.
    """

    start: float
    end: float
    score: float
    loud_before: float


class Alignment(msgspec.Struct, frozen=True):
    """The words of a reading; none where no path through the text was found.

    Attributes:
        seconds: Length of the reading.
        why: Why there is no word.
    """

    words: tuple[Word, ...]
    seconds: float
    why: str = ""


def read_reading(path: str) -> np.ndarray:
    """Read a recording as the corpus has it: one channel at 8 kHz.

    Returns:
        Samples, full scale is 1, float32, (Samples,).

    Raises:
        DataDirError: If it cannot be decoded, is empty or silent.
    """
    samples, rate = read_source(path, path)
    mono = check_samples(merge_channels(samples, MIX, path), path)
    if rate != FS:
        mono = soxr.resample(mono, rate, FS).clip(-1.0, 1.0)
    return mono


class Aligner:
    """Aligns readings of one text; what it says of one depends on no other.

    Raises:
        UserError: If pocketsphinx is not installed, or does not know a word.
    """

    def __init__(self, text: Sequence[str]) -> None:
        try:
            import pocketsphinx
        except ImportError as error:
            raise UserError(
                "saa: readings are aligned by pocketsphinx, which is not installed in "
                "the environment in use. Install it with 'python3 -m pip install "
                f"--no-deps -r {_REQUIREMENTS}'."
            ) from error
        self._text = list(text)
        self._decoder = pocketsphinx.Decoder(
            lm=None, bestpath=False, cmn="batch", loglevel="FATAL", **_BEAMS
        )
        unknown = sorted({w for w in text if self._decoder.lookup_word(w) is None})
        if unknown:
            raise UserError(
                "saa: the aligner's dictionary of English does not have "
                f"{', '.join(unknown)}; correct reading-passage.txt."
            )
        self._decoder.set_align_text(" ".join(text))

    def align(self, samples: np.ndarray) -> Alignment:
        """Find the words in samples at 8 kHz, float32, (Samples,)."""
        seconds = len(samples) / FS
        decoder = self._decoder
        # Else it goes on with the noise that it has heard in the reading before.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(_for_model(samples).tobytes(), full_utt=True)
        decoder.end_utt()
        names, spans, scores = [], [], []
        for part in decoder.seg() or ():
            name = part.word.split("(")[0]  # (2): the second pronunciation
            if name and name[0] not in "<[":  # silence, noise
                begin, end = part.start_frame, part.end_frame + 1
                names.append(name)
                spans.append((begin, end))
                scores.append(math.log(max(part.ascore, 1e-30)) / (end - begin))
        if not names:
            return Alignment((), seconds, "no path through the text")
        if names != self._text:
            why = f"the path ends after {len(names)} of {len(self._text)} words"
            return Alignment((), seconds, why)
        loud = _measure_loud(samples, spans)
        words = tuple(
            Word(
                start=begin / _FRAMES_A_SECOND,
                end=min(end / _FRAMES_A_SECOND, seconds),
                score=round(score, 6),
                loud_before=frames / _FRAMES_A_SECOND,
            )
            for (begin, end), score, frames in zip(spans, scores, loud, strict=True)
        )
        return Alignment(words, seconds)


def _measure_loud(samples: np.ndarray, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Count the loud frames before each word, whose spans are in frames."""
    size = FS // _FRAMES_A_SECOND
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    level = 10 * np.log10(np.square(frames, dtype=np.float64).mean(axis=1) + 1e-12)
    said = np.concatenate([level[begin:end] for begin, end in spans])
    loud = level > np.median(said) - _LOUD_DB
    befores = [0, *(end for _, end in spans[:-1])]
    return [
        int(loud[before:begin].sum())
        for before, (begin, _) in zip(befores, spans, strict=True)
    ]


def _for_model(samples: np.ndarray) -> np.ndarray:
    """Bring 8 kHz to the model's 16 kHz: int16, (2 * Samples,).

    The model has learnt wide-band speech, and takes 4 to 8 kHz without any energy for
    something else. So half of the spectral image stays, which plain resampling removes:
    the mean of the resampled signal and of one with zeros in between.
    """
    doubled = soxr.resample(samples, FS, _MODEL_FS)
    doubled = np.resize(doubled, 2 * len(samples)) / 2
    doubled[::2] += samples
    scale = _PEAK / max(float(np.abs(doubled).max(initial=0.0)), 1e-9)
    return np.rint(doubled * (scale * 32767)).astype("<i2")


def align_all(
    paths: Sequence[str], text: Sequence[str], journal: Path
) -> dict[str, Alignment | str]:
    """Align readings; what was aligned is kept, so that a killed run goes on.

    Args:
        paths: The recordings.
        text: The words that are read.
        journal: File to keep alignments in. An alignment counts while the recording,
            the text and the aligner are the same.

    Returns:
        By recording, its alignment, or why it cannot be heard.

    Raises:
        UserError: If pocketsphinx is missing, or another process writes the journal.
    """
    aligner = Aligner(text)
    maker = [hash_file(__file__), version("pocketsphinx"), list(text)]
    known = read_journals([journal], Alignment)
    progress = LoopProgress(len(paths), "aligning", "readings")
    found: dict[str, Alignment | str] = {}
    with Journal(journal) as notes:
        for path in paths:
            made_of = hash_value([*source_version(path)[1:], *maker])
            alignment: Alignment | str | None = known.get((path, made_of))
            if alignment is None:
                try:
                    alignment = aligner.align(read_reading(path))
                    notes.append(made_of, {path: alignment})
                except DataDirError as error:
                    alignment = str(error)
            found[path] = alignment
            progress.add()
    if paths:
        progress.report()
    return found
