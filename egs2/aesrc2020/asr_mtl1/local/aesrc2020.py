"""Find and read AESRC2020 as DataTang publishes it, and say what is wrong with it."""

import os
from collections.abc import Mapping
from pathlib import Path

from espnet_mtl.data.prepare.clip import Clip, give_keys, open_clips
from espnet_mtl.data.prepare.names import fold, make_id
from espnet_mtl.data.prepare.options import Options
from espnet_mtl.data.prepare.root import find_root
from espnet_mtl.data.prepare.transcripts import read_transcripts
from espnet_mtl.errors import UserError

# Where archives have the folders of the accents.
UNPACKED = ("", "Datatang-English/data", "data")
AUDIO, TEXT = ".wav", ".txt"
_SHOWN = 5


def find_corpus(root: str, classes: Mapping[str, str]) -> Path:
    """Look for the folder of the accents' folders: the one named, or one inside it.

    Raises:
        UserError: If it is not there.
    """
    get_it = (
        "Ask DataTang for the corpus (services@datatang.com), unpack it, and name its "
        "folder by --root, by AESRC2020=/path/to/it in the environment, or in db.sh"
    )
    given = find_root("aesrc2020", "AESRC2020", root, get_it)
    for name in UNPACKED:
        folder = given / name
        if folder.is_dir() and any(fold(p.name) in classes for p in folder.iterdir()):
            return folder
    raise UserError(
        f"aesrc2020: {given} has no folder of an accent, such as 'American English "
        f"Speech Data', and neither has {UNPACKED[1]} in it. {get_it}."
    )


def read_corpus(
    folder: Path,
    classes: Mapping[str, str],
    codes: Mapping[str, str],
    options: Options,
    *,
    is_strict: bool,
) -> list[Clip]:
    """Read the clips: whatever has audio, a text, or both.

    Those that lack one of both have a fate already.

    Args:
        codes: What speakers' ids begin with, also by folder; no two folders may share
            one, whatever classes the user makes of them.
        is_strict: Whether a folder that the map does not know is a mistake.

    Raises:
        UserError: If there is none, or audio is not in the folder of a speaker.
    """
    clips, files = [], []
    for accent in sorted(path for path in folder.iterdir() if path.is_dir()):
        prefix = make_id(codes.get(fold(accent.name), accent.name))
        audio, texts = _list_files(accent)
        for speaker, stem in sorted(audio | texts):
            name = f"{accent.name}/{speaker}/{stem}{AUDIO}"
            # Numbers of speakers are looked upon as numbers within an accent.
            clip = Clip(len(clips) + 1, name, f"{folder}/{name}", "", "")
            clip.speaker = f"{prefix}_{make_id(speaker)}"
            clip.labels = (accent.name,)
            if (speaker, stem) not in audio:
                clip.fate, clip.why = "missing", "no such file"
            clips.append(clip)
            files.append(accent / speaker / f"{stem}{TEXT}")
    if not clips:
        raise UserError(
            f"aesrc2020: {folder} has no <accent>/<speaker>/<clip>{AUDIO}. Unpack the "
            "corpus again."
        )
    if is_strict:
        _refuse_unknown_folders(folder, clips, classes, options.accent_map)
    read_transcripts(clips, files, options)
    give_keys(open_clips(clips))
    return clips


def _list_files(accent: Path) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """List audio and texts, as speaker and name without the suffix."""
    found: dict[str, set[tuple[str, str]]] = {AUDIO: set(), TEXT: set()}
    for place, _, names in os.walk(accent):
        inside = Path(place).relative_to(accent).parts
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix not in found or name.startswith("."):
                continue
            if len(inside) == 1:
                found[suffix].add((inside[0], stem))
            elif suffix == AUDIO:
                raise UserError(
                    f"aesrc2020: {place}/{name}: whose voice is it? Audio belongs to "
                    f"<accent>/<speaker>/<clip>{AUDIO}; move it, or unpack the corpus "
                    "again."
                )
    return found[AUDIO], found[TEXT]


def _refuse_unknown_folders(
    folder: Path, clips: list[Clip], classes: Mapping[str, str], accent_map: Path | None
) -> None:
    """A folder without a class is a mistake, unless the user says what it means."""
    names = dict.fromkeys(clip.labels[0] for clip in clips)
    unknown = [name for name in names if fold(name) not in classes]
    if unknown:
        shown = ", ".join(f"'{name}'" for name in unknown[:_SHOWN])
        raise UserError(
            f"aesrc2020: {folder}: the accent map ({accent_map}) does not know "
            f"{shown}{' and more' if len(unknown) > _SHOWN else ''}. Move away what is "
            "no accent; else give a map that has a line for it by --accent_map, or say "
            "by --free_text what to do."
        )
