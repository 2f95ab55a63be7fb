"""Transcript files as ``sclite`` reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet_mtl.atomic import write_text


def write_trn(
    path: Path | str, sentences: Mapping[str, Sequence[str]], utt2spk: Mapping[str, str]
) -> None:
    """Write ``words<TAB>(speaker-utterance)`` lines, as ESPnet's scoring does.

    ``sentences`` are words, characters or tokens by utterance; lines keep their order.
    """
    lines = [
        f"{' '.join(words)}\t({utt2spk[utt]}-{utt})\n"
        for utt, words in sentences.items()
    ]
    write_text(path, "".join(lines))
