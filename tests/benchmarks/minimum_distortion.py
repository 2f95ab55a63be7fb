#!/usr/bin/env python3
"""How much quieter Carlini & Wagner's search is than PGD in the smallest ball.

    tests/benchmarks/minimum_distortion.py --model_zip exp/study_mini_accent/\
asr_mtl_ctc/asr_mtl_ctc_valid.cer_ctc.ave.zip \
        --data_dir exp/study_mini_accent/dump/raw/test \
        --inference_config conf/decode_ctc.yaml

For each utterance, PGD's SNR is that of the smallest of a list of L-inf budgets with
which the decoder hears the target in the 16-bit file; Carlini & Wagner's is that of
what its search ends with. Prints the share of targets heard exactly, the medians over
the utterances where both succeed, and their difference. At least 95 % and 3 dB are
wanted.
"""

import argparse
import logging
import statistics
import tempfile
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch

from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.attack.runner.job import Job
from espnet_mtl.attack.runner.made_of import Inputs
from espnet_mtl.attack.runner.merge import merge
from espnet_mtl.attack.runner.test_set import TestSet, read_test_set
from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.tables import read_table
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.metrics.wish import Wish
from espnet_mtl.results.attack import read_records
from espnet_mtl.victim.espnet_victim import ESPnetVictim, load_victim

PGD = "attack=pgd steps=75 norm=linf budgets=[0.0005,0.001,0.002,0.004,0.008,0.016]"


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model_zip", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, required=True)
    parser.add_argument("--inference_config", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("conf/attacks/cw.yaml"))
    parser.add_argument("--num_utts", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    return parser


def heard_targets(
    victim: ESPnetVictim,
    listener: PackedListener,
    test_set: TestSet,
    config_file: Path | None,
    options: str,
) -> dict[str, list[float]]:
    """Attack, and decode the files.

    Args:
        victim: The model.
        listener: Its decoder.
        test_set: What to attack.
        config_file: The attack.
        options: Settings that win over it.

    Returns:
        SNR in dB of each file in which the target is heard, by utterance.
    """
    config = read_config(config_file, f"{options} controls=[clean]")
    found: dict[str, list[float]] = {utt: [] for utt in test_set.utterances}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        inputs = Inputs(victim.sha256)
        Job(victim, config, test_set, out, inputs, lambda: listener).run()
        merge(config, test_set, out, inputs)
        paths = read_table(out / "wav.scp")
        for record in read_records(out).values():
            if record.trial == "clean":
                continue
            wish = Wish("target", record.target, test_set.tables["text"][record.utt])
            heard = listener(read_audio(paths[record.key]))
            if wish.is_fulfilled(heard) and record.snr_db is not None:
                found[record.utt].append(record.snr_db)
    return found


def main() -> None:
    """Measure and print."""
    args = get_parser().parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(args.threads)
    test_set = read_test_set(args.data_dir, None, args.num_utts, 0)
    victim = load_victim(args.model_zip)
    listener = PackedListener(args.model_zip, Decoding(args.inference_config))
    pgd = heard_targets(victim, listener, test_set, None, PGD)
    cw = heard_targets(victim, listener, test_set, args.config, "")
    both = [utt for utt in test_set.utterances if pgd[utt] and cw[utt]]
    quiet = [max(pgd[utt]) for utt in both]
    quieter = [max(cw[utt]) for utt in both]
    gains = [b - a for a, b in zip(quiet, quieter, strict=True)]
    exact = sum(map(bool, cw.values()))
    print(
        f"{args.model_zip.stem}: exact {exact} of {len(cw)} "
        f"({100 * exact / len(cw):.1f} %); median SNR: PGD "
        f"{statistics.median(quiet):.1f} dB, Carlini & Wagner "
        f"{statistics.median(quieter):.1f} dB, "
        f"{statistics.median(quieter) - statistics.median(quiet):+.1f} dB; by "
        f"utterance {statistics.median(gains):+.1f} dB ({min(gains):+.1f} to "
        f"{max(gains):+.1f}) where both succeed, in {len(both)}"
    )


if __name__ == "__main__":
    main()
