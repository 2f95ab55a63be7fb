"""Corpora that have the text of every clip in a file of its own."""

import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.options import Options
from espnet_mtl.data.prepare.symbols import Symbols
from espnet_mtl.data.progress import LoopProgress

_SPEAKERS_SHOWN = 10


def read_transcripts(
    clips: Sequence[Clip], files: Sequence[Path], options: Options
) -> None:
    """Read what is said in each clip from the file of the same place in the list.

    Sets ``text``, and ``fate`` and ``why`` of the clips that have none.
    """
    progress = LoopProgress(len(clips), "texts", unit="clips")
    symbols = Symbols()
    with ThreadPoolExecutor(options.nj) as pool:
        found = zip(clips, files, pool.map(_read, files), strict=True)
        for clip, path, (text, why) in found:
            symbols.look(text, path)
            clip.text = options.normalise(text)
            if why:
                clip.fate, clip.why = "no_transcript", why
            elif not clip.text:
                clip.fate = "no_text"
            progress.add()
    _report(clips)
    symbols.report(options)


def _read(path: Path) -> tuple[str, str]:
    """Return the text; if it cannot be read, return why."""
    try:
        return path.read_text(encoding="utf-8-sig"), ""
    except FileNotFoundError:
        return "", f"no file {path}"
    except UnicodeDecodeError:
        return "", f"{path} is not UTF-8"
    except OSError as error:
        return "", f"{path}: {error.strerror}"


def _report(clips: Sequence[Clip]) -> None:
    without = [clip for clip in clips if clip.fate == "no_transcript"]
    if not without:
        return
    speakers = Counter(clip.speaker for clip in without).most_common()
    shown = ", ".join(f"{name} ({n} clips)" for name, n in speakers[:_SPEAKERS_SHOWN])
    more = len(speakers) - _SPEAKERS_SHOWN
    logging.warning(
        "%d clips have no text that can be read, and are left out: %s%s; the first: %s",
        len(without),
        shown,
        f" and {more} more speakers" if more > 0 else "",
        without[0].why,
    )
