"""Stage 5: the accent classes, and a table of utterances and speakers per accent."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.kept import LEFT_OUT, count_left_out
from espnet_mtl.data.speed import voice_of
from espnet_mtl.data.tables import read_lines

_TABLES = ("wav.scp", "utt2accent", "utt2spk", "utt2num_samples")


def write_accent_list(
    train_dir: Path, check_dirs: list[Path], output: Path, given: Path | None = None
) -> list[str]:
    """List the accents of the training set, in order.

    If there are fewer than two, no list is written: a recogniser without an accent
    branch needs none.

    Args:
        output: File to write, one accent a line.
        given: A list to use instead of the training set's.

    Raises:
        DataDirError: If a given list has fewer than two accents, or a set has an accent
            that is not in the list.
    """
    tables = {
        directory: load_data_dir(directory, _TABLES)["utt2accent"]
        for directory in [train_dir, *check_dirs]
    }
    trained = sorted(set(tables[train_dir].values()) - {UNKNOWN_ACCENT})
    source, fix = train_dir / "utt2accent", "add speakers of it to training"
    accents = trained
    if given is not None:
        source, fix = given, f"add it to {given}"
        accents = _read_given(given)
        untrained = [accent for accent in accents if accent not in trained]
        if untrained:
            logging.warning("%s: not in training: %s", given, ", ".join(untrained))
    if len(accents) < 2:
        few = f"{source}: {len(accents)} accent(s) besides {UNKNOWN_ACCENT}"
        if given is not None:
            raise DataDirError(f"{few}; an accent branch needs at least two")
        logging.warning(
            "%s, and an accent branch needs at least two, so there is no accent list. "
            "Label more of training, or train without the branch: "
            '--asr_args "--accent_weight 0"',
            few,
        )
        output.unlink(missing_ok=True)  # that of former data
        return []
    for directory, table in tables.items():
        for number, (utt, accent) in enumerate(table.items(), start=1):
            if accent not in accents and accent != UNKNOWN_ACCENT:
                lost = count_left_out(train_dir, accent)
                why = f"; {lost} of it are in {train_dir / LEFT_OUT}" if lost else ""
                raise DataDirError(
                    f"{directory / 'utt2accent'}:{number}: '{utt}' has the accent "
                    f"'{accent}', which is not in {source} ({', '.join(accents)}"
                    f"{why}); {fix}, or write {UNKNOWN_ACCENT}"
                )
    _warn_of_few({path: tables[path] for path in check_dirs})
    write_text(output, "".join(f"{accent}\n" for accent in accents))
    return accents


def _warn_of_few(tables: Mapping[Path, Mapping[str, str]]) -> None:
    """Warn of sets that cannot show how good the accent branch is."""
    for path, table in tables.items():
        accents = sorted(set(table.values()) - {UNKNOWN_ACCENT})
        if len(accents) < 2:
            logging.warning(
                "%s: %s: this set cannot show how well accents are recognised",
                path / "utt2accent",
                f"all are '{accents[0]}'" if accents else "no accent is known",
            )


def _read_given(path: Path) -> list[str]:
    lines = [line.strip() for line in read_lines(path)]
    accents = [line for line in lines if line]
    for number, accent in enumerate(lines, start=1):
        if accent == UNKNOWN_ACCENT or (accent and accents.count(accent) > 1):
            raise DataDirError(
                f"{path}:{number}: remove '{accent}': write each accent once, and "
                f"leave {UNKNOWN_ACCENT} out"
            )
    return accents


def format_table(directories: list[Path], rate: int) -> str:
    """Count utterances, speakers and hours per accent and set.

    A speaker at several speeds (stage 2) is one, and so is a directory named twice.
    """
    rows = [f"{'set':<16}{'accent':<20}{'utts':>8}{'speakers':>10}{'hours':>8}"]
    for directory in dict.fromkeys(directories):
        tables = load_data_dir(directory, _TABLES)
        utts: dict[str, list[str]] = defaultdict(list)
        for utt, accent in tables["utt2accent"].items():
            utts[accent].append(utt)
        for accent in sorted(utts):
            speakers = {voice_of(utt, tables["utt2spk"][utt]) for utt in utts[accent]}
            samples = sum(int(tables["utt2num_samples"][u]) for u in utts[accent])
            rows.append(
                f"{directory.name:<16}{accent:<20}{len(utts[accent]):>8}"
                f"{len(speakers):>10}{samples / rate / 3600:>8.2f}"
            )
    return "\n".join(rows)
