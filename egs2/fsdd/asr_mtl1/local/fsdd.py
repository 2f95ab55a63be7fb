"""Find and read the Free Spoken Digit Dataset, and say what is wrong with it."""

import ast
import os
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.prepare.root import find_root
from espnet_mtl.errors import UserError

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset"
FS = 8000
DIGITS = "zero one two three four five six seven eight nine".split()

MIN_INDICES = 11  # recordings of a digit by a speaker, for three sets


@dataclass(frozen=True)
class Corpus:
    """What a copy of the corpus holds.

    Attributes:
        recordings: Speaker -> set -> its recordings, as (digit, path), sorted.
        accents: Speaker -> accent label.
    """

    recordings: dict[str, dict[str, list[tuple[int, Path]]]]
    accents: dict[str, str]


def find_corpus(root: str) -> Corpus:
    """Look at a copy of the corpus.

    Raises:
        UserError: If it is not there or not whole; names what is missing.
    """
    get_it = (
        f"Get the corpus by 'git clone {URL}', and name its folder by --fsdd_root, by "
        "FSDD=/path/to/free-spoken-digit-dataset in the environment, or in db.sh"
    )
    folder = find_root("fsdd", "the Free Spoken Digit Dataset", root, get_it)
    parts = ("metadata.py", "recordings/")
    missing = [part for part in parts if not os.path.exists(f"{folder}/{part}")]
    if missing:
        raise UserError(
            f"fsdd: {folder} does not look like the Free Spoken Digit Dataset: "
            f"{' and '.join(missing)} missing. {get_it}."
        )
    accents = read_accents(folder / "metadata.py")
    return Corpus(_find_recordings(folder / "recordings", set(accents)), accents)


def read_accents(path: Path) -> dict[str, str]:
    """Read the speakers' accents, such as ``usa_neutral``, without running the file.

    Raises:
        UserError: If they are not there.
    """
    fix = f"copy the file again from {URL}"
    try:
        tree = ast.parse(path.read_bytes(), str(path))
        values = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and [getattr(target, "id", None) for target in node.targets] == ["metadata"]
        ]
        accents = {s: entry["accent"] for s, entry in values[-1].items()}
    except (SyntaxError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: no table 'metadata' of speakers and their accents in it "
            f"({type(error).__name__}: {error}); {fix}."
        ) from error
    labels = {s: make_label(str(accent)) for s, accent in accents.items()}
    for speaker, label in labels.items():
        if not label:
            raise UserError(f"{path}: speaker '{speaker}' has no accent; {fix}.")
    if not labels:
        raise UserError(f"{path}: no speaker in it; {fix}.")
    return labels


def choose_set(index: int) -> str:
    """Tell which set a recording is for, by the last number in its name.

    ``test`` is 0 to 4, by the corpus's own rule; ``valid`` the next five of a speaker
    and digit; all others are ``train``.
    """
    return "test" if index < 5 else "valid" if index < 10 else "train"


def make_label(accent: str) -> str:
    """Make an accent's name one safe word: ``USA/neutral`` becomes ``usa_neutral``.

    It is empty where no letter or digit is left.
    """
    return re.sub(r"[^a-z0-9]+", "_", accent.lower()).strip("_")


def _find_recordings(
    folder: Path, speakers: set[str]
) -> dict[str, dict[str, list[tuple[int, Path]]]]:
    # 1. Names: <digit>_<speaker>_<index>.wav
    names, last = set(), MIN_INDICES - 1
    for path in sorted(folder.glob("*.wav")):
        match = re.fullmatch(r"[0-9]_(\S+)_([0-9]+)\.wav", path.name)
        if not match:
            raise UserError(
                f"{path}: a recording is named <digit>_<speaker>_<index>.wav; rename "
                "or remove the file."
            )
        if match[1] not in speakers:
            raise UserError(
                f"{path}: '{match[1]}' is not a speaker of "
                f"{folder.parent / 'metadata.py'}; correct that, or remove the file."
            )
        names.add(path.name)
        last = max(last, int(match[2]))

    # 2. Each speaker said each digit as often as any
    recordings, missing = {}, []
    for speaker in sorted(speakers):
        recordings[speaker] = {name: [] for name in ("train", "valid", "test")}
        for digit, index in product(range(10), range(last + 1)):
            path = folder / f"{digit}_{speaker}_{index}.wav"
            recordings[speaker][choose_set(index)].append((digit, path))
            if path.name not in names:
                missing.append(path)
    if missing:
        raise UserError(
            f"fsdd: {len(missing)} of {len(speakers) * 10 * (last + 1)} recordings are "
            f"missing, the first is {missing[0]}; copy the corpus again from {URL}."
        )
    return recordings


def read_recording(path: Path) -> np.ndarray:
    """Read one recording, float32, (Samples,), in [-1, 1], at 8 kHz.

    Raises:
        UserError: If it is unreadable, empty, silent, not mono or not at 8 kHz.
    """
    try:
        return read_audio(path, FS)
    except UserError as error:
        raise UserError(
            f"fsdd: a recording cannot be used: {error}. Copy it again from {URL}."
        ) from error
