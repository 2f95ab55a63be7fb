"""Stage 3: bring audio to one rate and format, and the tables along."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from espnet_mtl.data.channels import ERROR
from espnet_mtl.data.checks import check_apart, check_file_names
from espnet_mtl.data.datadir import DataDir
from espnet_mtl.data.file_kinds import Kind, kind_of
from espnet_mtl.data.kept import Fate, find_losses, format_kept
from espnet_mtl.data.stages.audio_jobs import AudioJobs
from espnet_mtl.data.stages.utterances import Utterances


def plan_format(
    source: Path,
    target: Path,
    rate: int,
    audio_format: str,
    num_jobs: int = 1,
    derived: Sequence[Path] = (),
    channels: str = ERROR,
) -> AudioJobs:
    """Plan to write every utterance at one rate, in one format and one channel.

    Raises:
        DataDirError: If a table is faulty. Text may be empty: stage 4 leaves out such
            utterances.
    """
    check_apart(source, target)
    directory = DataDir.load(source, may_be_empty=("text",))
    check_file_names(source / "utt2spk", directory.utts)
    return AudioJobs(
        Utterances(directory, channels),
        target,
        rate=rate,
        audio_format=audio_format,
        num_jobs=num_jobs,
        derived=derived,
    )


def write_formatted(
    source: Path, target: Path, audio_format: str, made: AudioJobs, max_bad: float
) -> None:
    """Write the tables of a formatted data directory, once its audio is there.

    Utterances with unusable audio leave every table.

    Raises:
        DataDirError: If the work is not finished, or more than the share ``max_bad`` of
            the audio is unusable.
    """
    values, lengths = made.collect(max_bad)
    directory = DataDir.read(source)
    [part] = directory.cut([values])
    # Utterances are whole recordings from here on.
    replaced = [
        name
        for name in [*part.tables, *part.inverses]
        if name in ("segments", "reco2utt") or kind_of(name, True) == Kind.RECORDING
    ]
    tables = {n: table for n, table in part.tables.items() if n not in replaced}
    # ESPnet's tokens would tell a no-break space from a blank; its scoring does not.
    tables["text"] = {u: " ".join(text.split()) for u, text in tables["text"].items()}
    name_for_espnet = "wav.ark" if audio_format == "ark" else audio_format
    formatted = replace(
        part,
        tables=tables | {"wav.scp": values, "utt2num_samples": lengths},
        inverses=tuple(name for name in part.inverses if name not in replaced),
        whole={
            **part.whole,
            "feats_type": b"raw\n",
            "audio_format": f"{name_for_espnet}\n".encode(),
        },
    )
    if "text_target" not in tables:
        # Targets that were drawn for other data. One's own come along.
        (target / "text_target").unlink(missing_ok=True)
    written = formatted.write(target)
    directory.tell_left_out([*written, *replaced])
    made.remove_unused(values.values())
    _tell_losses(target, directory, lengths, made.rate)


def _tell_losses(
    target: Path, directory: DataDir, lengths: Mapping[str, str], rate: int
) -> None:
    """Tell whose utterances were left out because of their audio."""
    if len(lengths) == len(directory.utts):
        return
    fates = [
        Fate(utt, directory.tables["utt2accent"][utt], int(lengths[utt]) / rate)
        if utt in lengths
        else Fate(utt, directory.tables["utt2accent"][utt], None, "audio")
        for utt in directory.utts
    ]
    print(format_kept({target.name: fates}), flush=True)
    if losses := find_losses(str(target), fates):
        logging.warning(
            "Much is left out because of its audio; %s has the reasons:%s",
            target / "bad_audio",
            "".join(f"\n    {loss}" for loss in losses),
        )
