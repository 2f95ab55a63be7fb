#!/usr/bin/env python3
"""What robust training costs against plain training: time and memory.

    PYTHONPATH=. tests/benchmarks/robust_training_speed.py \
--config exp/study_mini_accent/asr_mtl_ctc/config.yaml

Trains a model of an experiment's configuration on some batches of its data with
ESPnet's trainer: plainly, on noise, by adversarial training with one and with two
steps, and by TRADES. Each is a process of its own, and they take turns. Prints the
median time of a batch, the peak memory, and the median ratio of both to plain training
in the same turn. Two steps are to take at most 3.2 times the time, one step 2.2 times,
and both 1.3 times the memory. On a CPU it is processor time that counts, which other
programs disturb less than the clock, and the memory is that of the process; on a GPU
(--ngpu 1), the clock and the memory of tensors.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WAYS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "plain": (None, {}),
    "noise": ("noise", {}),
    "pgd, 1 step": ("pgd", {"steps": 1}),
    "pgd, 2 steps": ("pgd", {"steps": 2}),
    "trades, 2 steps": ("trades", {"steps": 2}),
}
MIB = 2.0**20


def get_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--num_batches", type=int, default=40)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ngpu", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--measure", choices=list(WAYS), help="Used by the benchmark")
    return parser


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Train in this process; return seconds a batch and mebibytes."""
    import espnet_mtl.fast_start  # noqa: F401, I001  (before ESPnet)

    import torch
    import yaml
    from espnet2.train.distributed_utils import DistributedOption
    from espnet2.train.reporter import SubReporter

    from espnet_mtl.asr_mtl.robust.choices import make_robust
    from espnet_mtl.asr_mtl.robust.model import RobustModel
    from espnet_mtl.asr_mtl.robust.trainer import RobustTrainer
    from espnet_mtl.tasks.asr_mtl import ASRMTLTask

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    settings = yaml.safe_load(options.config.read_text(encoding="utf-8"))
    name, conf = WAYS[options.measure]
    args = argparse.Namespace(**{**settings, "robust": None, "robust_conf": {}})
    args.ngpu, args.num_workers = options.ngpu, 0
    device = "cuda" if options.ngpu else "cpu"
    model = ASRMTLTask.build_model(args).to(device)
    (optimizer,) = ASRMTLTask.build_optimizers(args, model)
    trainer = ASRMTLTask.trainer
    trainer_options = trainer.build_options(args)
    if name is not None:
        trainer = RobustTrainer
        way = make_robust(name, {"radius": 0.004, "ramp_updates": 0, **conf})
        model = RobustModel(model, way)
    parallel = DistributedOption()
    parallel.ngpu = options.ngpu
    factory = ASRMTLTask.build_iter_factory(args, parallel, mode="train")
    batches = []
    for batch in factory.build_iter(1):
        batches.append(batch)
        if len(batches) == options.num_batches:
            break

    def train(some: list[Any]) -> None:
        trainer.train_one_epoch(
            model=model,
            iterator=some,
            optimizers=[optimizer],
            schedulers=[None],
            scaler=None,
            reporter=SubReporter("train", 1, 0),
            summary_writer=None,
            options=trainer_options,
            distributed_option=parallel,
        )
        if options.ngpu:
            torch.cuda.synchronize()

    clock = time.perf_counter if options.ngpu else time.process_time
    before = resident()
    train(batches[:3])
    began = clock()
    train(batches)
    seconds = (clock() - began) / len(batches)
    if options.ngpu:
        peak, before = torch.cuda.max_memory_allocated() / MIB, 0.0
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    return {"seconds": seconds, "peak": peak, "own": peak - before}


def resident() -> float:
    """Return the memory of this process in mebibytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def run_measure(way: str) -> dict[str, float]:
    """Measure one way in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--measure", way]
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder
        )
    found: dict[str, float] = json.loads(run.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    options = get_parser().parse_args()
    if options.measure:
        print(json.dumps(measure(options)))
        return
    ways = ["plain", *(way for way in options.ways if way != "plain")]
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(options.turns):
        for way in ways:
            found[way].append(run_measure(way))
    for way in ways:
        line = f"{way:16}"
        for name, unit, scale in (
            ("seconds", "ms a batch", 1000.0),
            ("peak", "MiB at most", 1.0),
            ("own", "MiB of them by training", 1.0),
        ):
            values = [turn[name] for turn in found[way]]
            ratio = statistics.median(
                value / turn[name]
                for value, turn in zip(values, found["plain"], strict=True)
            )
            line += f"  {scale * statistics.median(values):.1f} {unit} ({ratio:.2f})"
        print(line)


if __name__ == "__main__":
    main()
