"""What the makers of the recipes' own corpora share (``egs2/*/asr_mtl1/local``)."""

import argparse
import hashlib
import logging
import wave
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from espnet_mtl import provenance
from espnet_mtl.data import joining
from espnet_mtl.data.datadir import load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.errors import UserError
from espnet_mtl.grouped_help import add_help, group, make_parser

DEFAULT_SIZES = {"train": 2400, "valid": 200, "test": 192}


class Planned(Protocol):
    """An utterance of a plan, as far as its data directory is concerned."""

    key: str
    speaker: str
    accent: str
    text: str


def get_corpus_parser(description: str | None) -> argparse.ArgumentParser:
    """Build a command line with the options that every maker has."""
    parser = make_parser(description)
    add = group(parser, "the corpus")
    add("--output", type=Path, required=True, help="data directory")
    about = "where the audio goes (default: <output>/audio)"
    add("--audio_dir", type=Path, help=about)
    for name, size in DEFAULT_SIZES.items():
        add(
            f"--num_{name}",
            type=int,
            default=size,
            help=f"utterances of the {name} set",
        )
    add("--seed", type=int, default=0, help="seed of its choices")
    add_help(parser)
    return parser


def read_sizes(args: argparse.Namespace) -> dict[str, int]:
    """Check the sizes asked for.

    Raises:
        UserError: If a set would be empty.
    """
    sizes = {name: getattr(args, f"num_{name}") for name in DEFAULT_SIZES}
    for name, size in sizes.items():
        if size < 1:
            raise UserError(f"--num_{name} {size}: a set needs at least 1 utterance.")
    return sizes


def make_once(
    output: Path, settings: Mapping[str, Any], make: Callable[[], None]
) -> None:
    """Make a corpus, unless the same settings have made it and it is still whole."""
    before = provenance.read_stamp(output)
    changes = [] if before is None else provenance.find_changes(before, settings)
    if before is not None and not changes and _is_whole(output):
        logging.info("%s: already made with the same options; kept", output)
        return
    if changes:
        logging.info("%s: made again: changed: %s", output, ", ".join(changes))
    # If a kill comes in between, no set looks complete: new audio may have old names.
    for old in (provenance.STAMP_NAME, *(f"{name}/wav.scp" for name in DEFAULT_SIZES)):
        (output / old).unlink(missing_ok=True)
    make()
    provenance.write_stamp(output, settings)


def _is_whole(output: Path) -> bool:
    try:
        return all(
            Path(path).is_file()
            for name in DEFAULT_SIZES
            for path in load_data_dir(output / name)["wav.scp"].values()
        )
    except DataDirError:
        return False


def hash_sources(folder: Path) -> dict[str, str]:
    """Digest a folder's Python files, and ours that corpora are made with.

    A corpus is made again when its maker changes.
    """
    files = [*sorted(folder.glob("*.py")), Path(__file__), Path(joining.__file__)]
    return {path.name: provenance.hash_file(path) for path in files}


def seed_with(rng: np.random.RandomState, text: str) -> None:
    """Seed a generator with a text; different texts give independent streams.

    RandomState, because its stream is frozen for good. Seeding takes a tenth of the
    time of making a new one.
    """
    rng.seed(np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype="<u4"))


def write_set(directory: Path, audio_dir: Path, plan: Sequence[Planned]) -> None:
    """Write the data directory of one set, with audio ``<audio_dir>/<key>.wav``."""
    write_data_dir(
        directory,
        {
            "wav.scp": {u.key: str(audio_dir.resolve() / f"{u.key}.wav") for u in plan},
            "text": {u.key: u.text for u in plan},
            "utt2spk": {u.key: u.speaker for u in plan},
            "utt2accent": {u.key: u.accent for u in plan},
        },
    )


def write_wav(path: Path, samples: np.ndarray, fs: int) -> None:
    """Write 16-bit mono audio (in a tenth of the time that soundfile takes).

    The samples are little-endian int16, (Samples,).
    """
    with path.open("wb") as file, wave.open(file) as audio:
        audio.setparams((1, 2, fs, len(samples), "NONE", ""))
        audio.writeframes(samples.tobytes())
