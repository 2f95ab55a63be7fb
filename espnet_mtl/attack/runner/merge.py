"""Make one data directory of what all jobs of an attack have finished."""

import json
import logging
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.attack.conditions import Condition
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.runner.inputs import Inputs
from espnet_mtl.attack.runner.layout import (
    attacked_key,
    audio_path,
    forget_tables,
    has_config,
    is_whole,
    read_conditions,
)
from espnet_mtl.attack.runner.plan import (
    TestSet,
    cache_key,
    make_batches,
    read_audios,
)
from espnet_mtl.attack.runner.records import Record, read_lines, read_records
from espnet_mtl.data.datadir import write_data_dir
from espnet_mtl.data.tables import sort_keys
from espnet_mtl.errors import UserError


def merge(
    model_sha256: str,
    config: AttackConfig,
    test_set: TestSet,
    output_dir: Path,
    inputs: Inputs,
) -> None:
    """Write the tables of the attacked audio, and ``records.jsonl``.

    Args:
        model_sha256: Hash of the packed model.
        config: The attack.
        test_set: What was attacked.
        output_dir: The attack's directory.
        inputs: What else the attack depends on.

    Raises:
        UserError: If an utterance is not finished yet.
    """
    conditions = read_conditions(output_dir)
    if not has_config(output_dir, config):
        raise UserError(
            f"{output_dir}: what was attacked last had another configuration; run the "
            "attack (stage 15) again, which keeps what is the same in both"
        )
    finished = read_records(output_dir / "logdir")
    audios = read_audios(test_set, None)
    tables: dict[str, dict[str, str]] = {name: {} for name in _TABLES}
    records: dict[str, Record] = {}
    cache: set[str] = set()
    total = missing = 0
    for batch in make_batches(test_set.utterances, audios, config.batch_bins):
        for condition in conditions:
            key = cache_key(
                model_sha256, config, condition, batch, audios, test_set, inputs
            )
            cache.add(key)
            for utt in batch:
                total += 1
                record = finished.get((attacked_key(utt, condition), key))
                path = audio_path(output_dir, utt, condition).absolute()
                if record is None or not is_whole(record, path):
                    missing += 1
                    continue
                records[record["key"]] = record
                for name, value in _row(test_set, utt, condition, record, path).items():
                    tables[name][record["key"]] = value
    if missing:
        raise UserError(
            f"{output_dir}: {missing} of {total} utterances are not attacked yet with "
            "this model, data and configuration; run the attack (stage 15) again, "
            "which continues where it stopped"
        )
    write_text(
        output_dir / "seconds.json",
        json.dumps(_seconds(output_dir / "logdir", cache), indent=1) + "\n",
    )
    for torn in output_dir.glob("wav/*/.*"):  # what a kill left half written
        torn.unlink()
    # Records last: where they are, all is whole.
    forget_tables(output_dir)
    write_data_dir(output_dir, tables)
    lines = [json.dumps(records[key]) + "\n" for key in sort_keys(records)]
    write_text(output_dir / "records.jsonl", "".join(lines))
    infeasible = sum(not record["feasible"] for record in records.values())
    logging.info("%s: %d attacked utterances", output_dir, total)
    if infeasible:
        logging.warning(
            "%d of them have a target that cannot be heard whatever is done: too long "
            "for CTC's frames, or with a token that the model does not know. They are "
            "counted apart",
            infeasible,
        )


_TABLES = (
    "wav.scp",
    "text",
    "utt2spk",
    "utt2accent",
    "text_target",
    "utt2orig",
    "utt2cond",
    "utt2snr",
    "utt2linf",
)


def _seconds(logdir: Path, cache: set[str]) -> dict[str, float]:
    """Time that each condition took, over all jobs; a batch done twice counts once."""
    timings = {
        line["cache"]: line
        for line in read_lines(logdir, "timing.*.jsonl")
        if line["cache"] in cache
    }
    seconds: dict[str, float] = {}
    for line in timings.values():
        name = line["condition"]
        seconds[name] = round(seconds.get(name, 0.0) + line["seconds"], 4)
    return seconds


def _row(
    test_set: TestSet, utt: str, condition: Condition, record: Record, path: Path
) -> dict[str, str]:
    """An attacked utterance's value in every table."""
    snr = record["snr_db"]
    return {
        "wav.scp": str(path),
        "text": test_set.tables["text"][utt],
        "utt2spk": test_set.tables["utt2spk"][utt],
        "utt2accent": test_set.tables["utt2accent"][utt],
        "text_target": test_set.targets[utt],
        "utt2orig": utt,
        "utt2cond": condition.name,
        "utt2snr": "inf" if snr is None else f"{snr:.4f}",
        "utt2linf": f"{record['linf']:.8f}",
    }
