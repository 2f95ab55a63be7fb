#!/usr/bin/env python3
"""What randomised smoothing costs, and what is left of it under an adaptive attack.

    exp=exp/study_mini_accent
    tests/benchmarks/attack_smoothed.py $exp/asr_mtl_ctc/asr_mtl_ctc.zip \
        --data_dir $exp/dump/raw/test --conf egs2/TEMPLATE/asr_mtl1/conf

For each noise level, the same attack is made three times: on the recogniser without its
defence (`none`), on the defended one with a single draw of noise at each step (`1`),
and with the mean over 16 draws (`16`). The saved files are decoded with the defence,
with several seeds that no attack knows. AdvTWER and the share of exactly heard targets
are means over the seeds, with the lowest and highest; WER is that of the whole set
without an attack. The first rows have no defence at all.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from espnet_mtl.bin import asr_mtl_attack, asr_mtl_inference
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import run_main
from espnet_mtl.metrics.wer import count_words, error_rate, pool
from espnet_mtl.results.attack import read_attack_run

DEFENCE, UNDEFENDED = "decode_ctc_smoothed.yaml", "decode_ctc.yaml"


@dataclass(frozen=True)
class Bench:
    """What is attacked, and where results go."""

    model_zip: Path
    data_dir: Path
    conf: Path
    output_dir: Path
    num_utts: int
    attack_args: str

    def attack(self, std: float, draws: int) -> tuple[Path, float]:
        """Attack through a defence; ``std`` 0 for none. Return where, and seconds."""
        out = self.output_dir / f"attack_{std:g}_{draws}"
        began = time.monotonic()
        asr_mtl_attack.main(
            [
                *("--model_zip", str(self.model_zip), "--output_dir", str(out)),
                *("--data_dir", str(self.data_dir)),
                *("--num_utts", str(self.num_utts)),
                *("--config", str(self.conf / "attacks" / "smoothed.yaml")),
                *("--inference_config", str(self._decoding(std))),
                f"--inference_args={_std(std)}",
                f"--attack_args='eot={{draws: {draws}}}' {self.attack_args}",
            ]
        )
        return out, time.monotonic() - began

    def decode(self, data_dir: Path, std: float, seed: int) -> dict[str, str]:
        """Decode a data directory; return the transcripts."""
        out = self.output_dir / f"decode_{data_dir.name}_{std:g}_{seed}"
        asr_mtl_inference.main(
            [
                *("--model_zip", str(self.model_zip), "--output_dir", str(out)),
                *("--config", str(self._decoding(std)), "--seed", str(seed)),
                *("--data_path_and_name_and_type", f"{data_dir}/wav.scp,speech,sound"),
                *("--num_workers", "0", *_std(std).split()),
            ]
        )
        return read_table(out / "1best_recog" / "text", allow_empty_value=True)

    def _decoding(self, std: float) -> Path:
        return self.conf / (DEFENCE if std else UNDEFENDED)


def _std(std: float) -> str:
    return f"--smoothing std={std:g}" if std else ""


def score(
    attacked: Path, heard: Sequence[dict[str, str]], trial: str
) -> tuple[list[float], list[float]]:
    """Return AdvTWER and the share of heard targets, in percent, of each decoding."""
    targets = read_table(attacked / "text_target")
    keys = [
        k for k, name in read_table(attacked / "utt2trial").items() if name == trial
    ]
    rates, shares = [], []
    for texts in heard:
        counts = [count_words(targets[key], texts[key]) for key in keys]
        total = pool(counts)
        rates.append(error_rate(total.errors, total.words))
        shares.append(100.0 * float(np.mean([one.errors == 0 for one in counts])))
    return rates, shares


def _show(values: Sequence[float]) -> str:
    mean = f"{np.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.1f}–{max(values):.1f})"


def main(cmd: list[str] | None = None) -> None:
    """Run the benchmark, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("model_zip", type=Path)
    add("--data_dir", type=Path, required=True)
    add("--conf", type=Path, required=True)
    add("--output_dir", type=Path, default=Path("exp/attack_smoothed"))
    add("--stds", type=float, nargs="+", default=[0.005, 0.01, 0.02])
    add("--draws", type=int, nargs="+", default=[1, 16], help="Of the attack")
    add("--num_utts", type=int, default=32)
    add("--seeds", type=int, default=5)
    add("--attack_args", default="")
    args = parser.parse_args(cmd)
    bench = Bench(
        args.model_zip,
        args.data_dir,
        args.conf,
        args.output_dir,
        args.num_utts,
        args.attack_args,
    )
    truth = read_table(args.data_dir / "text")
    print("| noise | WER | averaged over | budget | AdvTWER | targets | seconds |")
    print("|---|---|---|---|---|---|---|")
    unaware = bench.attack(0.0, 1)
    for std in [0.0, *args.stds]:
        seeds = range(args.seeds if std else 1)
        rates = []
        for seed in seeds:
            heard = bench.decode(args.data_dir, std, seed)
            total = pool(count_words(truth[utt], heard[utt]) for utt in truth)
            rates.append(error_rate(total.errors, total.words))
        attacks = {"none": unaware}
        if std:
            attacks |= {str(draws): bench.attack(std, draws) for draws in args.draws}
        for name, (attacked, seconds) in attacks.items():
            decoded = [bench.decode(attacked, std, seed) for seed in seeds]
            for trial in read_attack_run(attacked).trials:
                if trial.role != "main" and (name != "none" or trial.name != "clean"):
                    continue
                twer, success = score(attacked, decoded, trial.name)
                print(
                    f"| {std:g} | {_show(rates)} | {name} | "
                    f"{trial.budget or 'clean'} | {_show(twer)} | "
                    f"{_show(success)} | {seconds:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    run_main(main)
