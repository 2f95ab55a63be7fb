"""Attack the toy victim from the command line: toy_attack.py DATA OUTPUT JOB NUM_JOBS.

With a fourth number, every call of the victim takes so many seconds, so that there is
time to kill the process.
"""

import sys
import time
from pathlib import Path

from toy_problem import ToyListener
from toy_victim import ToyVictim

from espnet_mtl.attack.attackers import AttackerConfig
from espnet_mtl.attack.config import AttackConfig, AttackSpec
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.runner.job import Job
from espnet_mtl.attack.runner.made_of import Inputs, read_inputs
from espnet_mtl.attack.runner.merge import merge
from espnet_mtl.attack.runner.test_set import read_test_set

CONFIG = AttackConfig(
    attacks=(AttackSpec("pgd", PGD(steps=3)),),
    budgets=(0.01, 0.02),
    attackers={"multitask": AttackerConfig(), "accent_blind": AttackerConfig(accent=0)},
    batch_bins=3000,
)


class SlowVictim(ToyVictim):
    pause = 0.0

    def losses(self, *args):
        time.sleep(self.pause)
        return super().losses(*args)


def read(data_dir, config=CONFIG):
    return read_test_set(Path(data_dir), None, None, config.seed, config.target_text)


def make_job(
    victim, config, test_set, output_dir, inputs=None, listener=None, **options
):
    return Job(
        victim,
        config,
        test_set,
        Path(output_dir),
        inputs or Inputs(victim.sha256),
        listener or (lambda: ToyListener(victim)),
        **options,
    )


def run(data_dir, output_dir, jobs=((1, 1),), pause=0.0, config=CONFIG):
    """Run jobs one after another."""
    victim = SlowVictim()
    victim.pause = pause
    for number, total in jobs:
        # Each reads for itself, as the processes of a recipe do.
        test_set = read(data_dir, config)
        make_job(victim, config, test_set, output_dir).run(number, total)


def run_and_merge(data_dir, output_dir, jobs=((1, 1),), config=CONFIG):
    run(data_dir, output_dir, jobs, config=config)
    merge_again(data_dir, output_dir, config)


def merge_again(data_dir, output_dir, config=CONFIG, model=None):
    inputs = Inputs(model or ToyVictim().sha256)
    merge(config, read(data_dir, config), Path(output_dir), inputs)


def attack(victim, config, data_dir, output_dir, listener=None):
    """Attack any victim, whatever the configuration needs, and merge."""
    test_set = read(data_dir, config)
    inputs = read_inputs(config, victim.sha256, {})
    sources = {path: ToyVictim(seed=7) for path in config.sources}
    job = make_job(
        victim, config, test_set, output_dir, inputs, listener, sources=sources
    )
    job.run()
    merge(config, test_set, Path(output_dir), inputs)


if __name__ == "__main__":
    data_dir, output_dir, number, total, pause = sys.argv[1:]
    run(data_dir, output_dir, [(int(number), int(total))], float(pause))
