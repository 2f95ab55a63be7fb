"""Data directories: tables over the same utterances, and the files beside them."""

import logging
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from pathlib import Path

from espnet_mtl.atomic import write_files
from espnet_mtl.data.checks import check_agreement, some
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import (
    COMPLETE,
    UNKNOWN_ACCENT,
    WHOLE,
    Kind,
    inverse_of,
    is_inverse,
    kind_of,
)
from espnet_mtl.data.segments import Segment, parse_segments
from espnet_mtl.data.tables import (
    Table,
    read_lines,
    read_loose_table,
    read_table,
    render_table,
    sort_keys,
    split_line,
)

REQUIRED_FILES = ("wav.scp", "text", "utt2spk", "utt2accent")
# What stages leave in their directories: it never belongs to another one.
_OF_STAGES = ("data/", "logdir/", "bad_audio", "left_out.tsv")


@dataclass(frozen=True)
class DataDir:
    """A data directory in memory.

    Attributes:
        path: The directory that it was read from, for messages.
        tables: Tables by file name: values by utterance, speaker or recording.
        kinds: What the keys of each table are, by file name.
        inverses: Names of files that list the keys of a table by its values, as
            ``spk2utt`` does for ``utt2spk``. They are always made again.
        whole: Content of the files about the directory as a whole, by name.
        unknown: Names of all other files that are not hidden; folders end with '/'.
    """

    path: Path
    tables: dict[str, Table]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    inverses: tuple[str, ...] = ()
    whole: Mapping[str, bytes] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        path: Path | str,
        files: Collection[str] = REQUIRED_FILES,
        *,
        may_be_empty: Collection[str] = (),
    ) -> "DataDir":
        """Read some tables, strictly: they have to name the same utterances.

        Where ``wav.scp`` is asked for and there is a file ``segments``, that is read
        too, and ``wav.scp`` is by recording. Formatted directories (``dump``, an
        attack's output) have no ``segments``: there, every table is by utterance.

        Args:
            files: Names of the tables; the others are compared with ``segments``,
                ``wav.scp`` or the first one.
            may_be_empty: Those of them in which a line may be a key alone.

        Raises:
            DataDirError: If a table is faulty or they do not agree.
        """
        path = Path(path)
        if not path.is_dir():
            raise DataDirError(f"{path}: no such data directory")
        names = dict.fromkeys(files)
        if "utt2accent" in names:
            _check_has_accents(path)
        if "wav.scp" in names and (path / "segments").exists():
            names["segments"] = None
        tables = {
            name: read_table(path / name, allow_empty_value=name in may_be_empty)
            for name in names
        }
        loaded = cls(path, tables)
        check_agreement(path, tables, loaded.segments)
        return loaded

    @classmethod
    def read(
        cls,
        path: Path | str,
        extra: Mapping[str, Kind] | None = None,
        *,
        without: Collection[str] = (),
        read: Callable[[Path], Table] = read_loose_table,
    ) -> "DataDir":
        """Read every file that belongs to a directory; they need not agree.

        A table of the user's own that names no utterance, speaker or recording of the
        directory counts as unknown. Names in ``extra`` are further tables; those in
        ``without`` are not read.

        Raises:
            DataDirError: If there is no directory, no ``utt2spk`` in it, or a table is
                faulty.
        """
        path = Path(path)
        if not path.is_dir():
            raise DataDirError(f"{path}: no such data directory")
        if not (path / "utt2spk").is_file():
            raise DataDirError(
                f"{path / 'utt2spk'}: no such file; write '<utterance> <speaker>' on "
                "each line"
            )
        kinds: dict[str, Kind] = {}
        inverses, whole, unknown = [], {}, []
        subjects = _find_subjects(path)
        has_segments = (path / "segments").is_file()
        for file in sorted(path.glob("[!.]*")):
            name = file.name
            kind = kind_of(name, has_segments) or (extra or {}).get(name)
            if not file.is_file():
                unknown.append(f"{name}/" if file.is_dir() else name)
            elif name in WHOLE:
                whole[name] = file.read_bytes()
            elif is_inverse(name):
                inverses.append(name)
            elif kind and (name in COMPLETE or _names_any(file, subjects[kind])):
                kinds[name] = kind
            else:
                unknown.append(name)
        tables = {name: read(path / name) for name in kinds if name not in without}
        return cls(path, tables, kinds, tuple(inverses), whole, tuple(unknown))

    @property
    def has_segments(self) -> bool:
        """Whether utterances are parts of recordings."""
        return "segments" in self.tables

    @cached_property
    def segments(self) -> dict[str, Segment]:
        """The parts, by utterance; none where utterances are whole recordings."""
        return parse_segments(self.path / "segments", self.tables.get("segments", {}))

    @property
    def utts(self) -> list[str]:
        """The utterances, as ``utt2spk`` has them."""
        return list(self.tables["utt2spk"])

    def recording_of(self, utt: str) -> str:
        """Name the recording that an utterance is, or is a part of."""
        if not self.has_segments:
            return utt
        return split_line(self.tables["segments"].get(utt, ""))[0]

    def cut(self, parts: Sequence[Collection[str]]) -> "list[DataDir]":
        """Give each part of the directory its lines of every table.

        Speakers and recordings that a part does not use are not in it, nor are tables
        that have no line for it.

        Raises:
            DataDirError: If an utterance is not there.
        """
        owners = self._find_owners(parts)
        tables: list[dict[str, Table]] = [{} for _ in parts]
        for name, table in self.tables.items():
            for key, value in table.items():
                for part in owners[self.kinds[name]].get(key, ()):
                    tables[part].setdefault(name, {})[key] = value
        return [replace(self, tables=own, unknown=()) for own in tables]

    def rename(self, new: Mapping[Kind, Callable[[str], str]]) -> "DataDir":
        """Give every line another key, by a function for each kind of key."""
        tables = {
            name: {new[self.kinds[name]](key): value for key, value in table.items()}
            for name, table in self.tables.items()
        }
        name_speaker = new[Kind.SPEAKER]
        tables["utt2spk"] = {u: name_speaker(s) for u, s in tables["utt2spk"].items()}
        return replace(self, tables=tables, unknown=())

    def render(self) -> dict[str, bytes]:
        """Return the content of each file, ``spk2utt`` beside ``utt2spk``.

        Raises:
            DataDirError: If a line could not be read back.
        """
        files = dict(self.whole)
        for name, table in self.tables.items():
            files[name] = render_table(self.path / name, table).encode()
            inverse = inverse_of(name)
            if inverse == "spk2utt" or inverse in self.inverses:
                inverted = render_table(self.path / inverse, invert(name, table))
                files[inverse] = inverted.encode()
        return files

    def write(self, target: Path) -> list[str]:
        """Write the directory, all of its files or none, and return their names.

        Tables in the target that this directory lacks would be about utterances of an
        earlier one: they go to its ``.backup``.

        Raises:
            DataDirError: If a line could not be read back.
        """
        files = self.render()
        stale = [name for name in _table_names(target) if name not in files]
        if stale:
            back_up(target, stale)
        write_files({target / name: content for name, content in files.items()})
        for name in stale:
            (target / name).unlink()
        return list(files)

    def tell_left_out(self, written: Collection[str]) -> None:
        """Log which of the files that were read are not among the names written."""
        names = [*self.tables, *self.inverses, *self.whole, *self.unknown]
        left_out = [name for name in names if name not in (*written, *_OF_STAGES)]
        if left_out:
            logging.info("%s: not copied: %s", self.path, some(left_out, "file"))

    def _find_owners(
        self, parts: Sequence[Collection[str]]
    ) -> dict[Kind, Mapping[str, Iterable[int]]]:
        """Tell in which parts an utterance, a speaker and a recording are."""
        utt2spk = self.tables["utt2spk"]
        utts: dict[str, Iterable[int]] = {}
        speakers: dict[str, dict[int, None]] = {}
        recordings: dict[str, dict[int, None]] = {}
        for number, part in enumerate(parts):
            for utt in part:
                if utt not in utt2spk:
                    raise DataDirError(
                        f"{self.path / 'utt2spk'}: no line for utterance '{utt}', "
                        "which was asked for; add it, or ask for others"
                    )
                utts[utt] = (number,)
                speakers.setdefault(utt2spk[utt], {})[number] = None
                recordings.setdefault(self.recording_of(utt), {})[number] = None
        return {
            Kind.UTTERANCE: utts,
            Kind.SPEAKER: speakers,
            Kind.RECORDING: recordings,
        }


def load_data_dir(
    path: Path | str,
    files: Collection[str] = REQUIRED_FILES,
    *,
    may_be_empty: Collection[str] = (),
) -> dict[str, Table]:
    """Read tables that have to agree; see :meth:`DataDir.load`.

    Returns:
        Tables by name: values by utterance, but ``wav.scp`` by recording where there
        is ``segments``.
    """
    return DataDir.load(path, files, may_be_empty=may_be_empty).tables


def write_data_dir(path: Path | str, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Write tables, and ``spk2utt`` beside ``utt2spk``; all of them or none.

    Other files of the directory stay.

    Raises:
        DataDirError: If a line could not be read back.
    """
    write_files(render_data_dir(path, tables))


def render_data_dir(
    path: Path | str, tables: Mapping[str, Mapping[str, str]]
) -> dict[Path, bytes]:
    """Return the content of each file that :func:`write_data_dir` writes."""
    path = Path(path)
    files = DataDir(path, {name: dict(table) for name, table in tables.items()})
    return {path / name: content for name, content in files.render().items()}


def invert(name: str, table: Mapping[str, str]) -> Table:
    """Turn a table such as ``utt2spk`` into one such as ``spk2utt``.

    Of ``segments``, the recordings count. Keys are joined by blanks.
    """
    keys: dict[str, list[str]] = {}
    for key in sort_keys(table):
        value = table[key]
        if name == "segments":
            value, _ = split_line(value)
        keys.setdefault(value, []).append(key)
    return {value: " ".join(own) for value, own in keys.items()}


def back_up(directory: Path, names: Iterable[str]) -> None:
    """Copy files to ``<directory>/.backup``, or ``.backup.1`` and so on."""
    backup = directory / ".backup"
    for number in count(1):
        if not backup.exists():
            break
        backup = directory / f".backup.{number}"
    backup.mkdir()
    for name in names:
        shutil.copyfile(directory / name, backup / name)
    logging.info("%s: the tables as they were", backup)


def _table_names(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    names = sorted(path.name for path in directory.iterdir() if path.is_file())
    return [name for name in names if is_inverse(name) or kind_of(name, False)]


def _check_has_accents(path: Path) -> None:
    # The one table that Kaldi and ESPnet do not make.
    table = path / "utt2accent"
    if not table.exists():
        raise DataDirError(
            f"{table}: no such file; write '<utterance> <accent>' on each line, "
            f"'{UNKNOWN_ACCENT}' where an accent is not known (training without "
            'any needs --asr_args "--accent_weight 0"). For all of them: '
            f"awk '{{print $1, \"{UNKNOWN_ACCENT}\"}}' {path / 'utt2spk'} > {table}"
        )


def _names_any(path: Path, subjects: Collection[str]) -> bool:
    return any(split_line(line)[0] in subjects for line in read_lines(path))


def _find_subjects(path: Path) -> dict[Kind, set[str]]:
    """Find the utterances, speakers and recordings of a directory."""
    lines = [split_line(line) for line in read_lines(path / "utt2spk")]
    utts = {utt for utt, _ in lines}
    recordings = utts
    if (path / "segments").is_file():
        parts = map(split_line, read_lines(path / "segments"))
        recordings = {split_line(part)[0] for _, part in parts}
    return {
        Kind.UTTERANCE: utts,
        Kind.SPEAKER: {speaker for _, speaker in lines},
        Kind.RECORDING: recordings,
    }
