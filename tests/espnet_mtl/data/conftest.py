"""A small data directory, and a disk that fills up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_mtl.data.datadir import write_data_dir
from espnet_mtl.data.tables import read_table, write_table

RATE = 8000


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Four utterances of two speakers, 0.5 to 0.8 s each, 16 bits at 8 kHz."""
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    keys = ["ann-1", "ann-2", "bob-1", "bob-2"]
    paths = {key: str(folder / f"{key}.wav") for key in keys}
    for i, path in enumerate(paths.values()):
        noise = rng.uniform(-0.5, 0.5, 4000 + 800 * i)
        soundfile.write(path, noise, RATE, subtype="PCM_16")
    write_data_dir(
        folder,
        {
            "wav.scp": paths,
            "text": {key: f"say {key[-1]} again" for key in keys},
            "utt2spk": {key: key[:3] for key in keys},
            "utt2accent": {key: {"a": "north", "b": "south"}[key[0]] for key in keys},
        },
    )
    return folder


@pytest.fixture
def segmented_dir(data_dir: Path) -> Path:
    """The same utterances as parts of two recordings."""
    (data_dir / "wav.scp").write_text("rec/1 1.wav\nrec/2 2.wav\n")
    (data_dir / "segments").write_text(
        "ann-1 rec/1 0 0.2\nann-2 rec/1 0.2 -1\nbob-1 rec/2 0 1\nbob-2 rec/2 1 1.5\n"
    )
    return data_dir


@pytest.fixture
def add_tables() -> Callable[[Path], None]:
    """Add tables of all kinds, and what is no table."""

    def add(folder: Path) -> None:
        utts = list(read_table(folder / "utt2spk"))
        tables = {
            "utt2age": dict.fromkeys(utts[1:], "30"),
            "utt2num_samples": dict.fromkeys(utts, "4000"),
            "text_target": dict.fromkeys(utts, "other words"),
            "text.de": dict.fromkeys(utts, "sag es noch einmal"),
            "spk2gender": {"ann": "f", "bob": "m"},
            "reco2dur": dict.fromkeys(read_table(folder / "wav.scp"), "2.0"),
        }
        for name, table in tables.items():
            write_table(folder / name, table)
        (folder / "accent2utt").write_text("north ann-1 ann-2\nsouth bob-1 bob-2\n")
        (folder / "feats_type").write_text("raw\n")
        (folder / "text.bak").write_text("bob-2 an\nann-1 earlier\nbob-1 text\n")
        (folder / "text.txt").write_text("Prose.\nMore of it.\n")
        (folder / "logdir").mkdir()

    return add


@pytest.fixture
def files_of() -> Callable[[Path], dict[str, bytes]]:
    """Read all of a formatted directory; places as in a folder of one name."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes().replace(
                str(folder).encode(), b"FOLDER"
            )
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.parent.name != "logdir"
        }

    return read


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    """Replace a part of a file that must be there."""

    def replace(path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return replace
