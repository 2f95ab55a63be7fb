"""An attacked utterance on the disk: its file, and the record that tells of it."""

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from espnet_mtl.attack.bound import BoundTrial
from espnet_mtl.attack.problem import Attacked, finite
from espnet_mtl.attack.problem_maker import Batch
from espnet_mtl.attack.quantise import FULL_SCALE, FileFormat
from espnet_mtl.attack.runner.feasibility import explain_infeasible
from espnet_mtl.attack.victim import Victim
from espnet_mtl.data.audio import write_audio
from espnet_mtl.metrics.distortion import measure_distortion
from espnet_mtl.metrics.wish import Wish
from espnet_mtl.provenance import hash_file
from espnet_mtl.results.record import Record
from espnet_mtl.results.trial import Trial

T = TypeVar("T")


def attacked_key(utt: str, trial: Trial) -> str:
    """Name an attacked utterance: ``<utterance>-<trial>``."""
    return f"{utt}-{trial.name}"


def audio_path(output_dir: Path, utt: str, trial: Trial) -> Path:
    """Return ``<output_dir>/wav/<trial>/<utterance>.wav``.

    Characters of an utterance id that file names cannot have, such as a slash, are
    written as in a URL.
    """
    name = urllib.parse.quote(utt, safe="+=@,:")
    return output_dir / "wav" / trial.name / f"{name}.wav"


def find_record(
    finished: Mapping[tuple[str, str], Record],
    output_dir: Path,
    utt: str,
    trial: Trial,
    made_of: str,
) -> Record | None:
    """Find the record of an utterance that needs no attack any more.

    ``None`` where there is none that was made of this, or where the audio is gone or
    has been replaced by an attack with other settings.
    """
    record = finished.get((attacked_key(utt, trial), made_of))
    path = audio_path(output_dir, utt, trial)
    if record is None or not path.is_file() or hash_file(path) != record.sha256:
        return None
    return record


@dataclass(frozen=True)
class Writer:
    """Writes attacked audio, and says what is in the files."""

    output_dir: Path
    file: FileFormat
    victim: Victim

    def write(
        self, bound: BoundTrial, batch: Batch, row: int, attacked: Attacked, goal: Wish
    ) -> Record:
        """Write an attacked utterance, which is a row of a batch."""
        # 1. The samples: with what is played before, and as the file will hold them
        utt, length = batch.utterances[row], int(batch.lengths[row])
        clean = batch.clean[row, :length].cpu().numpy()
        delta = attacked.delta[row, :length].cpu().numpy()
        prefix = attacked.prefix.cpu().numpy().astype(clean.dtype)
        clean = np.concatenate([np.zeros_like(prefix), clean])
        change = np.concatenate([prefix, delta])
        lengths = torch.tensor([len(clean)])
        ball = bound.ball(torch.from_numpy(clean)[None], lengths)
        saved = self.file.keep(clean, clean + change, ball.norm, float(ball.radius))

        # 2. The file
        path = audio_path(self.output_dir, utt, bound.trial)
        if self.file.name == "float32":
            write_audio(path, saved, self.victim.rate, "FLOAT")
        else:
            levels = np.rint(saved * FULL_SCALE).astype(np.int16)
            write_audio(path, levels, self.victim.rate)

        # 3. The record
        return Record(
            key=attacked_key(utt, bound.trial),
            utt=utt,
            trial=bound.trial.name,
            target=goal.target,
            accent_wish=goal.accent,
            infeasible=explain_infeasible(self.victim, len(clean), goal.target),
            **measure_distortion(clean, saved.astype(np.float64), self.victim.rate),
            loss_start=finite(attacked.loss_start[row]),
            loss_end=finite(attacked.loss_end[row]),
            sha256=hash_file(path),
            heard=_at(attacked.heard, row),
            attempts=_at(attacked.attempts, row),
            doubled=_at(attacked.doubled, row),
            smallest=_at(attacked.smallest, row),
            planted=_at(attacked.planted, row),
            health=_at(attacked.health, row),
            notes=_at(attacked.notes, row) or {},
        )


def _at(values: Sequence[T], row: int) -> T | None:
    return values[row] if len(values) else None
