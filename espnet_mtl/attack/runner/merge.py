"""Make one data directory of what all jobs of an attack have finished."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import msgspec

from espnet_mtl.atomic import remove_unfinished
from espnet_mtl.attack.bound import PlannedTrial
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.runner import log
from espnet_mtl.attack.runner.made_of import Inputs, MadeOf
from espnet_mtl.attack.runner.test_set import TestSet
from espnet_mtl.attack.runner.writer import audio_path, find_record
from espnet_mtl.data.tables import sort_keys
from espnet_mtl.errors import UserError
from espnet_mtl.provenance import hash_value
from espnet_mtl.results.attack import AttackRun, write_attack
from espnet_mtl.results.files import ATTACK_VERSION
from espnet_mtl.results.infeasible import count_reasons, list_reasons
from espnet_mtl.results.record import Record


def merge(
    config: AttackConfig, test_set: TestSet, output_dir: Path, inputs: Inputs
) -> None:
    """Write the tables of the attacked audio, ``attack.json`` and ``records.jsonl``.

    Raises:
        UserError: If an utterance is not finished yet.
    """
    made_of = MadeOf(config, test_set, inputs)
    plan = log.read_plan(output_dir, made_of.plan())
    if plan is None:
        raise UserError(
            f"{output_dir}: not attacked yet with these models and this "
            "configuration; run the attack (stage 15). What it has in common with an "
            "earlier attack is not repeated"
        )
    found = _collect(plan, made_of, output_dir)
    trials = tuple(one.trial for one in plan)
    heard = any(one.needs.decoder for one in plan)
    run = AttackRun(
        version=ATTACK_VERSION,
        package=inputs.package,
        config=asdict(config),
        trials=trials,
        decoder=log.read_decoder(output_dir, made_of.decoder()) if heard else None,
        seconds=_sum_seconds(found, output_dir),
        made_of=hash_value(
            [
                msgspec.to_builtins(trials),
                [(r.key, digest, r.sha256) for r, digest in found.values()],
            ]
        ),
    )
    records = [found[key][0] for key in sort_keys(found)]
    for folder in output_dir.glob("wav/*"):
        remove_unfinished(folder)
    tables = _make_tables(test_set, output_dir, run, records)
    write_attack(output_dir, run, records, tables)
    logging.info(
        "%s: %d utterances attacked in %d trials: %d files",
        output_dir,
        len(test_set.utterances),
        len(trials),
        len(records),
    )
    infeasible = count_reasons({one.utt: one.infeasible for one in records}.values())
    if infeasible:
        logging.warning(
            "%d of the %d utterances have a target that no attack can reach (%s). They "
            "are counted separately",
            sum(infeasible.values()),
            len(test_set.utterances),
            list_reasons(infeasible),
        )


def _collect(
    plan: list[PlannedTrial], made_of: MadeOf, output_dir: Path
) -> dict[str, tuple[Record, str]]:
    """Find every utterance's record, and the digest of what it was made of, by key."""
    finished = log.read_records(output_dir)
    found: dict[str, tuple[Record, str]] = {}
    missing = 0
    for batch in made_of.batches:
        for one in plan:
            digest = made_of.batch(one, batch, plan)
            for utt in made_of.treated(one.trial, batch):
                record = find_record(finished, output_dir, utt, one.trial, digest)
                if record is None:
                    missing += 1
                else:
                    found[record.key] = record, digest
    if missing:
        raise UserError(
            f"{output_dir}: {missing} of {missing + len(found)} files (each utterance "
            f"in {len(plan)} trials) are not attacked yet with this model, data and "
            "configuration; run the attack (stage 15) again, which continues where it "
            "stopped"
        )
    return found


def _sum_seconds(
    found: Mapping[str, tuple[Record, str]], output_dir: Path
) -> dict[str, float]:
    """Sum the time of each trial over all jobs; a batch done twice counts once."""
    trials = {record.trial for record, _ in found.values()}
    seconds = log.read_seconds(output_dir, trials)
    total: dict[str, float] = {}
    # In the order of the batches, so that the sum is the same each time.
    for key in dict.fromkeys(
        (record.trial, digest) for record, digest in found.values()
    ):
        total[key[0]] = total.get(key[0], 0.0) + seconds.get(key, 0.0)
    return {trial: round(value, 4) for trial, value in total.items()}


def _make_tables(
    test_set: TestSet, output_dir: Path, run: AttackRun, records: list[Record]
) -> dict[str, dict[str, str]]:
    """Make the data directory's tables by name."""
    tables: dict[str, dict[str, str]] = {}
    for record in records:
        utt, snr = record.utt, record.snr_db
        path = audio_path(output_dir, utt, run.trial(record.trial)).absolute()
        row = {
            "wav.scp": str(path),
            "text": test_set.tables["text"][utt],
            "utt2spk": test_set.tables["utt2spk"][utt],
            "utt2accent": test_set.tables["utt2accent"][utt],
            "text_target": record.target,
            "utt2orig": utt,
            "utt2trial": record.trial,
            "utt2snr": "inf" if snr is None else f"{snr:.4f}",
            "utt2linf": f"{record.linf:.8f}",
        }
        for name, value in row.items():
            tables.setdefault(name, {})[record.key] = value
    return tables
