"""Attack the toy victim from the command line: toy_attack.py DATA OUTPUT JOB NUM_JOBS.

With a fourth number, every call of the victim takes so many seconds, so that there is
time to kill the process.
"""

import sys
import time
from pathlib import Path

from toy_problem import ToyListener
from toy_victim import ToyVictim

from espnet_mtl.attack.config import AttackConfig, Member
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.runner.inputs import Inputs
from espnet_mtl.attack.runner.merge import merge
from espnet_mtl.attack.runner.plan import read_test_set
from espnet_mtl.attack.runner.run import Job

CONFIG = AttackConfig(
    attacks=(Member("pgd", PGD(steps=3)),),
    budgets=(0.01, 0.02),
    attackers={"multitask": {}, "accent_blind": {"accent": 0.0}},
    batch_bins=3000,
)


class SlowVictim(ToyVictim):
    pause = 0.0

    def losses(self, *args):
        time.sleep(self.pause)
        return super().losses(*args)


def make_job(victim, config, test_set, output_dir, **options):
    return Job(
        victim,
        config,
        test_set,
        output_dir,
        listener=lambda: ToyListener(victim),
        **options,
    )


def run(data_dir, output_dir, jobs=((1, 1),), pause=0.0, config=CONFIG):
    """Run jobs one after another and return the merged records."""
    test_set = read_test_set(Path(data_dir), None, None, config.seed)
    victim = SlowVictim()
    victim.pause = pause
    for number, total in jobs:
        make_job(victim, config, test_set, Path(output_dir)).run(number, total)
    return test_set


def run_and_merge(data_dir, output_dir, jobs=((1, 1),), config=CONFIG):
    test_set = run(data_dir, output_dir, jobs, config=config)
    merge(ToyVictim().sha256, config, test_set, Path(output_dir), Inputs())


if __name__ == "__main__":
    data_dir, output_dir, number, total, pause = sys.argv[1:]
    run(data_dir, output_dir, [(int(number), int(total))], float(pause))
