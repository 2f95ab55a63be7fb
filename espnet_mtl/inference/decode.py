"""Decode a data directory: text as stock ESPnet does, and accent."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch

from espnet_mtl.data.audio import read_audio_headers, read_model_rate
from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.sources import source_version
from espnet_mtl.data.tables import read_lines, read_table, split_line
from espnet_mtl.errors import UserError
from espnet_mtl.inference.speech2text import Hypothesis, Recognised, Speech2TextAccent
from espnet_mtl.journal import Journal, read_journals
from espnet_mtl.provenance import hash_value
from espnet_mtl.tasks.asr_mtl import ASRMTLTask

_PROGRESS_SECONDS = 5.0
# ESPnet's types that are audio, in files or in archives.
_AUDIO_KINDS = ("sound", "kaldi_ark")


@dataclass(frozen=True, kw_only=True)
class Utterances:
    """What to decode, in the terms of ESPnet's ``asr_inference``.

    Attributes:
        tables: File, name and type of each table; the first is that of the audio.
        key_file: A table of the keys to decode; ``None`` for all.
    """

    tables: Sequence[tuple[str, str, str]]
    key_file: str | None
    dtype: str
    num_workers: int
    allow_variable_data_keys: bool

    def keys(self) -> list[str]:
        """Return the keys to decode, in order; having none is a ``UserError``."""
        path = Path(self.key_file or self.tables[0][0])
        if not path.is_file():
            raise UserError(f"{path}: no such file")
        keys = [split_line(line)[0] for line in read_lines(path) if line.strip()]
        if not keys:
            raise UserError(f"{path}: there is no utterance in it")
        return keys

    def versions(self) -> dict[str, list]:
        """Tell one state of each utterance's audio from another, by key."""
        table = read_table(self.tables[0][0])
        return {key: source_version(value) for key, value in table.items()}

    def check(self, keys: Sequence[str], rate: int) -> None:
        """Check the headers of audio files before ESPnet reads them.

        ESPnet reads audio at any rate, with several channels, or cut short, and the
        model hears something in it.

        Args:
            keys: The utterances to look at.
            rate: The sampling rate in Hz that the model takes.

        Raises:
            UserError: If some cannot be what the model was trained on.
        """
        path, _, kind = self.tables[0]
        if kind not in _AUDIO_KINDS:
            return
        table = read_table(path)
        read_audio_headers({key: table[key] for key in keys if key in table}, rate)

    def read(
        self, speech2text: Speech2TextAccent, keys: Sequence[str], folder: Path
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield key and samples, (Samples,), through ESPnet's own data iterator.

        ESPnet takes the keys from a file, which is in ``folder`` meanwhile.
        """
        if not keys:
            return
        key_file = folder / "keys.remaining"
        key_file.write_text("".join(f"{key} -\n" for key in keys), encoding="utf-8")
        train_args = speech2text.train_args
        loader = ASRMTLTask.build_streaming_iterator(
            self.tables,
            dtype=self.dtype,
            batch_size=1,
            key_file=str(key_file),
            num_workers=self.num_workers,
            preprocess_fn=ASRMTLTask.build_preprocess_fn(train_args, False),
            collate_fn=ASRMTLTask.build_collate_fn(train_args, False),
            allow_variable_data_keys=self.allow_variable_data_keys,
            inference=True,
        )
        for batch_keys, batch in loader:
            yield batch_keys[0], batch["speech"][0]
        key_file.unlink()


def decode(
    speech2text: Speech2TextAccent,
    recognise: Callable[[str, torch.Tensor], Recognised],
    utterances: Utterances,
    made_of: Mapping[str, Any],
    output_dir: Path,
) -> None:
    """Decode utterances; one that was decoded from the same is not decoded again.

    Writes ``<output_dir>/<n>best_recog/{text,token,token_int,score}`` for n up to
    ``nbest``, and ``<output_dir>/1best_recog/{accent,accent_score}`` where the model
    has an accent head: ``accent_score`` holds the posteriors in the order of
    ``<output_dir>/accents``.

    ``recognise`` gets key and samples of each: the recogniser's own method, or one that
    defends it. ``made_of`` is a stamp of all that the results depend on, but for the
    audio.

    Raises:
        UserError: If a table is missing, empty or faulty, or audio cannot be what the
            model was trained on.
    """
    keys = utterances.keys()
    versions = utterances.versions()
    digests = {key: hash_value([made_of, versions.get(key)]) for key in keys}
    path = output_dir / "journal.jsonl"
    with Journal(path) as journal:
        finished = read_journals([path], Recognised)
        results = {k: finished[k, d] for k, d in digests.items() if (k, d) in finished}
        remaining = [key for key in keys if key not in results]
        if results:
            logging.info("Continuing after %d decoded utterances", len(results))
        frontend = getattr(speech2text.train_args, "frontend_conf", None)
        utterances.check(remaining, read_model_rate(frontend))
        reported = time.monotonic()
        for key, speech in utterances.read(speech2text, remaining, output_dir):
            results[key] = recognise(key, speech)
            journal.append(digests[key], {key: results[key]})
            if time.monotonic() - reported > _PROGRESS_SECONDS:
                reported = time.monotonic()
                _log_progress(len(results), len(keys))
        _log_progress(len(results), len(keys))
        ordered = {key: results[key] for key in keys}
        _write_hypotheses(output_dir, ordered)
        if speech2text.accents:
            _write_accents(output_dir, ordered, speech2text)


def _log_progress(done: int, total: int) -> None:
    logging.info("progress: %d/%d utterances (decoding)", done, total)


def _write_hypotheses(output_dir: Path, results: Mapping[str, Recognised]) -> None:
    """Write ESPnet's files: one line an utterance, empty where nothing was heard."""
    # Files of another model, which had an accent branch, or gave more hypotheses
    names = [field.name for field in fields(Hypothesis)]
    for old in output_dir.glob("*best_recog"):
        for name in (*names, "accent", "accent_score"):
            (old / name).unlink(missing_ok=True)
    (output_dir / "accents").unlink(missing_ok=True)
    depth = max(len(result.nbest) for result in results.values())
    for n in range(max(depth, 1)):
        for name in names:
            lines = []
            for key, result in results.items():
                heard = result.nbest[n] if n < len(result.nbest) else None
                lines.append(f"{key} {getattr(heard, name, '')}\n")
            _write(output_dir / f"{n + 1}best_recog" / name, lines)


def _write_accents(
    output_dir: Path, results: Mapping[str, Recognised], speech2text: Speech2TextAccent
) -> None:
    """Write the most probable accents, all probabilities, and what these stand for."""
    labels, scores = [], []
    for key, result in results.items():
        if result.posteriors is None:
            label, values = UNKNOWN_ACCENT, ["nan"] * len(speech2text.accents)
        else:
            label = speech2text.best_accent(result.posteriors)
            values = [f"{p:.6f}" for p in result.posteriors]
        labels.append(f"{key} {label}\n")
        scores.append(f"{key} {' '.join(values)}\n")
    _write(output_dir / "accents", [f"{accent}\n" for accent in speech2text.accents])
    _write(output_dir / "1best_recog" / "accent", labels)
    _write(output_dir / "1best_recog" / "accent_score", scores)


def _write(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")
