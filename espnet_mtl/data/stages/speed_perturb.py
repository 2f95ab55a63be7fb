"""Stage 2: more training data, by playing it slower and faster."""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soxr

from espnet_mtl.data.audio import to_16_bit
from espnet_mtl.data.datadir import check_apart, check_file_names, load_data_dir
from espnet_mtl.data.directory import (
    read_loose_table,
    render,
    tell_left_out,
    write_directory,
)
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import Kind, list_files
from espnet_mtl.data.stages.audio_jobs import AudioJobs, add_job_options, run_jobs
from espnet_mtl.data.stages.utterances import Utterances
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import run_main, setup_logging

# What they say is not so of audio at another speed.
_OF_THE_OLD_AUDIO = (
    "wav.scp",
    "segments",
    "utt2dur",
    "utt2num_samples",
    "utt2num_frames",
    "feats.scp",
    "vad.scp",
    "cmvn.scp",
)


def change_speed(samples: np.ndarray, rate: int, factor: float) -> np.ndarray:
    """Play faster or slower: tempo and pitch change alike (Ko et al. 2015, section 3).

    Args:
        samples: Samples in [-1, 1], (Samples,).
        rate: Their sampling rate in Hz.
        factor: Speed; above 1 is faster.

    Returns:
        Samples at the same rate, about ``Samples / factor`` of them, in [-1, 1].
    """
    return soxr.resample(samples, rate * factor, rate).clip(-1.0, 1.0)


def plan_perturbation(
    source: Path, target: Path, factors: list[float], num_jobs: int
) -> tuple[AudioJobs, dict[str, tuple[float, str]]]:
    """Plan to write one copy of each utterance for each speed.

    A copy at speed 0.9 is named ``sp0.9-<utterance>`` and has a speaker of its own,
    ``sp0.9-<speaker>``, since its pitch is another; its text and accent stay. At speed
    1 the utterance itself is kept, and its audio where it is, but for parts of
    recordings.

    Args:
        source: Data directory to read.
        target: Data directory to write; new audio goes to ``<target>/data``.
        factors: Speeds.
        num_jobs: How many jobs share the work.

    Returns:
        The work; and speed and utterance of each new utterance, also of those whose
        audio is kept.

    Raises:
        DataDirError: If a table is faulty, or the name of a copy is taken.
    """
    check_apart(source, target)
    tables = load_data_dir(source, may_be_empty=("text",))
    longest = max((_prefix(factor) for factor in factors), key=len)
    check_file_names(source / "utt2spk", tables["utt2spk"], prefix=longest)
    utterances = Utterances(source, tables)
    copies = {
        _prefix(factor) + utt: (factor, utt)
        for utt in utterances.order()
        for factor in factors
    }
    _check_names_are_free(source / "utt2spk", tables["utt2spk"], factors)

    def convert(key: str, samples: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
        factor, _ = copies[key]
        if factor != 1.0:
            samples = change_speed(samples, rate, factor)
        return to_16_bit(samples), rate

    is_cut = "segments" in tables
    made = {key: utt for key, (factor, utt) in copies.items() if is_cut or factor != 1}
    work = AudioJobs(
        "speed_perturb",
        utterances,
        made,
        convert,
        target=target,
        audio_format="wav",
        settings="",
        num_jobs=num_jobs,
    )
    return work, copies


def _check_names_are_free(
    path: Path, utt2spk: Mapping[str, str], factors: list[float]
) -> None:
    """Refuse names of which one of two utterances would be lost."""
    owners: dict[str, str] = {}
    for number, utt in enumerate(utt2spk, start=1):
        for factor in factors:
            key = _prefix(factor) + utt
            owner = owners.setdefault(key, utt)
            if owner != utt:
                raise DataDirError(
                    f"{path}:{number}: '{utt}' and '{owner}' would both give '{key}' "
                    f"at the speeds {', '.join(f'{f:g}' for f in factors)}; give one "
                    "another name in every file, or leave out "
                    "--speed_perturb_factors if the data are perturbed already"
                )


def write_perturbed(
    source: Path,
    target: Path,
    work: AudioJobs,
    copies: Mapping[str, tuple[float, str]],
    max_bad: float,
) -> None:
    """Write the tables of a perturbed data directory, once its audio is there.

    Args:
        source: Data directory that was read.
        target: Data directory to write.
        work: The work, finished.
        copies: Speed and utterance of each new utterance.
        max_bad: Largest share of copies that may have unusable audio; such utterances
            leave every table, at every speed.

    Raises:
        DataDirError: If the work is not finished, or too much audio is unusable.
    """
    values, _ = work.collect(max_bad)
    files = list_files(source)
    tables = {
        name: read_loose_table(source / name)
        for name, kind in files.tables.items()
        if kind != Kind.RECORDING and name not in _OF_THE_OLD_AUDIO
    }
    bad = {copies[key][1] for key in work.origins if key not in values}
    kept = {key: copy for key, copy in copies.items() if copy[1] not in bad}
    old_values = read_table(source / "wav.scp")
    values = {key: values.get(key) or old_values[utt] for key, (_, utt) in kept.items()}
    contents = render("wav.scp", values, ())
    for name, table in tables.items():
        new = _perturb_table(name, table, files.tables[name], kept, tables["utt2spk"])
        contents |= render(name, new, files.inverses)
    write_directory(target, contents)
    tell_left_out(files, [*contents, *_OF_THE_OLD_AUDIO])
    work.remove_unused(values.values())


def _perturb_table(
    name: str,
    table: Mapping[str, str],
    kind: Kind,
    copies: Mapping[str, tuple[float, str]],
    utt2spk: Mapping[str, str],
) -> dict[str, str]:
    new = {}
    for key, (factor, utt) in copies.items():
        prefix = _prefix(factor)
        old = utt
        if kind == Kind.SPEAKER:
            old = utt2spk[utt]
            key = prefix + old
        if old in table:
            new[key] = prefix + table[old] if name == "utt2spk" else table[old]
    return new


def _prefix(factor: float) -> str:
    return "" if factor == 1.0 else f"sp{factor:g}-"


def read_factors(text: str) -> list[float]:
    """Read speeds as ``--speed_perturb_factors`` takes them.

    Args:
        text: Numbers with blanks between, such as ``0.9 1.0 1.1``.

    Returns:
        The speeds.

    Raises:
        DataDirError: If one is no speed, or is there twice.
    """
    try:
        factors = [float(word) for word in text.split()]
    except ValueError:
        factors = []
    if (
        not factors
        or len(set(map(_prefix, factors))) < len(factors)
        or not all(0.1 <= factor <= 10 for factor in factors)
    ):
        raise DataDirError(
            f"--speed_perturb_factors '{text}': write different speeds between 0.1 and "
            "10, such as '0.9 1.0 1.1'"
        )
    return factors


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factors", required=True, help="Such as '0.9 1.0 1.1'")
    add_job_options(parser)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    work, copies = plan_perturbation(
        args.source, args.target, read_factors(args.factors), args.num_jobs
    )
    if run_jobs(work, args):
        write_perturbed(args.source, args.target, work, copies, args.max_bad_audio)


if __name__ == "__main__":
    run_main(main)
