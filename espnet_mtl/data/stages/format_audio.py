"""Stage 3: bring audio to one rate and format, and the tables along."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from espnet_mtl.data.audio import read_rate, to_16_bit
from espnet_mtl.data.datadir import check_apart, check_file_names, load_data_dir
from espnet_mtl.data.directory import cut, render, tell_left_out, write_directory
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import Kind, kind_of, list_files
from espnet_mtl.data.stages.audio_jobs import AudioJobs, add_job_options, run_jobs
from espnet_mtl.data.stages.audio_stores import FORMATS
from espnet_mtl.data.stages.utterances import Utterances
from espnet_mtl.errors import run_main, setup_logging


def plan_format(
    source: Path,
    target: Path,
    rate: int,
    audio_format: str,
    num_jobs: int,
    derived: Sequence[Path] = (),
) -> AudioJobs:
    """Plan to write every utterance at one rate and in one format.

    Args:
        source: Data directory to read.
        target: Data directory to write; audio goes to ``<target>/data/<rate>``.
        rate: Sampling rate in Hz.
        audio_format: One of ``audio_stores.FORMATS``.
        num_jobs: How many jobs share the work.
        derived: Data directories made of the target; see :class:`AudioJobs`.

    Returns:
        The work.

    Raises:
        DataDirError: If a table is faulty. Text may be empty: stage 4 leaves out such
            utterances.
    """
    check_apart(source, target)
    tables = load_data_dir(source, may_be_empty=("text",))
    check_file_names(source / "utt2spk", tables["utt2spk"])
    utterances = Utterances(source, tables)

    def convert(key: str, samples: np.ndarray, found: int) -> tuple[np.ndarray, int]:
        if found != rate:
            samples = soxr.resample(samples, found, rate)
        levels = to_16_bit(samples)
        if not levels.any():
            raise DataDirError(
                f"{utterances.place(key)}: so quiet or short that nothing is left at "
                f"{rate} Hz and 16 bits; remove the utterance"
            )
        return levels, rate

    return AudioJobs(
        "format_audio",
        utterances,
        {utt: utt for utt in utterances.order()},
        convert,
        target=target,
        audio_format=audio_format,
        settings=f"{rate} Hz",
        num_jobs=num_jobs,
        folder=str(rate),
        derived=derived,
    )


def write_formatted(
    source: Path, target: Path, audio_format: str, made: AudioJobs, max_bad: float
) -> None:
    """Write the tables of a formatted data directory, once its audio is there.

    Args:
        source: Data directory that was read.
        target: Data directory to write.
        audio_format: One of ``audio_stores.FORMATS``.
        made: The work, finished.
        max_bad: Largest share of utterances that may have unusable audio; they leave
            every table.

    Raises:
        DataDirError: If the work is not finished, or too much audio is unusable.
    """
    values, lengths = made.collect(max_bad)
    files = list_files(source)
    [tables] = cut(files, [values])
    # Utterances are whole recordings from here on.
    replaced = [name for name in tables if _is_about_recordings(name)]
    for name in replaced:
        del tables[name]
    tables |= render("wav.scp", values, ())
    tables |= render("utt2num_samples", lengths, ())
    audio_format = "wav.ark" if audio_format == "ark" else audio_format
    tables |= {"feats_type": b"raw\n", "audio_format": f"{audio_format}\n".encode()}
    if "text_target" not in tables:
        # Targets that were drawn for other data. One's own come along.
        (target / "text_target").unlink(missing_ok=True)
    write_directory(target, tables)
    tell_left_out(files, [*tables, *replaced])
    made.remove_unused(values.values())


def _is_about_recordings(name: str) -> bool:
    return name in ("segments", "reco2utt") or kind_of(name, True) == Kind.RECORDING


def main(cmd: list[str] | None = None) -> None:
    """Run the command.

    Args:
        cmd: Command-line arguments; ``sys.argv`` when not given.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fs", default="16k", help="16k or 16000")
    parser.add_argument("--audio_format", choices=FORMATS, default="flac")
    parser.add_argument(
        "--derived_dir",
        type=Path,
        action="append",
        default=[],
        help="A directory made of the target: its wav.scp goes when audio changes",
    )
    add_job_options(parser)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args(cmd)
    setup_logging()
    work = plan_format(
        args.source,
        args.target,
        read_rate(args.fs),
        args.audio_format,
        args.num_jobs,
        args.derived_dir,
    )
    if run_jobs(work, args):
        write_formatted(
            args.source, args.target, args.audio_format, work, args.max_bad_audio
        )


if __name__ == "__main__":
    run_main(main)
