"""A small corpus of one table, and clips without one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin import prepare_own_corpus
from espnet_mtl.data.prepare.clip import Clip

HEADER = "path,text,speaker,accent"
SPEAKERS = {s: "north" if s in "abc" else "south" for s in "abcdef"}


@pytest.fixture
def rows() -> list[str]:
    """Two clips each of six speakers, three of either accent."""
    return [
        f"audio/{speaker}{i}.wav,say {i},{speaker},{accent}"
        for speaker, accent in SPEAKERS.items()
        for i in range(2)
    ]


@pytest.fixture
def root(tmp_path: Path, rows: list[str]) -> Path:
    """The folder of their audio, 0.1 s each."""
    root = tmp_path / "corpus"
    (root / "audio").mkdir(parents=True)
    samples = np.random.RandomState(0).uniform(-0.5, 0.5, 800)
    for row in rows:
        soundfile.write(root / row.split(",")[0], samples, 8000)
    return root


@pytest.fixture
def make(root: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a table, run the command on it, return where the data directories are."""

    def run(lines: list[str] | bytes, *options: str) -> Path:
        path = root / "corpus.csv"
        content = lines if isinstance(lines, bytes) else "\n".join(lines).encode()
        path.write_bytes(content)
        data = tmp_path / "data"
        prepare_own_corpus.main(["--table", str(path), "--output", str(data), *options])
        return data

    return run


@pytest.fixture
def make_clips() -> Callable[..., list[Clip]]:
    """Make clips of speakers: ``make_clips(ann=(3, "north"))``."""

    def run(**speakers: tuple[int, str]) -> list[Clip]:
        return [
            Clip(0, f"{speaker}{i}", "", "hi", speaker, (label,) if label else ())
            for speaker, (count, label) in speakers.items()
            for i in range(count)
        ]

    return run
