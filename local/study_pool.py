"""Run the steps of several systems side by side, watch them, stop at the first failure.

Each system is a chain of steps; the chains share the machine's cores. The pool looks
at its processes a few times a second, and at their logs and memory every few seconds.
"""

import logging
import os
import shlex
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import processes
import progress
from progress import CountLogs, Display, Estimator, Running, TrainingLog
from study_plan import SHARED, STAGE_NAMES, Step
from study_records import Ledger, StudyLock

from espnet_mtl.errors import UserError

# A job pays ESPnet's start-up and memory; more of them do not help small corpora.
_MAX_JOBS = 8
_TAIL_LINES = 30
_LOOK_EVERY = 2.0
_PAUSE = 0.05


@dataclass(frozen=True)
class Machine:
    """What the study may use.

    Attributes:
        cores: CPU cores.
        gpus: Values for ``CUDA_VISIBLE_DEVICES``, one per GPU; empty for CPU only.
    """

    cores: int
    gpus: tuple[str, ...] = ()


@dataclass
class _Job:
    step: Step
    process: subprocess.Popen
    log: Path
    slot: int
    started: float
    running: Running


class Pool:
    """Runs chains of steps.

    Args:
        recipe: Directory of the recipe, where its ``run.sh`` is called.
        study_dir: Directory of the study.
        machine: Cores and GPUs to share out.
        ledger: Where finished steps are noted.
        lock: Passed on to every command.
        display: Shows what is going on.
    """

    def __init__(
        self,
        recipe: Path,
        study_dir: Path,
        machine: Machine,
        ledger: Ledger,
        lock: StudyLock,
        display: Display,
    ) -> None:
        self._recipe = recipe
        self._study_dir = study_dir
        self._machine = machine
        self._ledger = ledger
        self._lock = lock
        self._display = display
        self._estimator = Estimator(ledger.step_seconds())
        self._began = time.monotonic()
        self._jobs: dict[str, _Job] = {}
        self._later: dict[str, Sequence[int]] = {}
        self._slots = 1
        self._next_look = 0.0
        self.peak_memory_mib = 0.0

    def run(
        self,
        chains: Sequence[Sequence[Step]],
        later: Sequence[Sequence[Step]] = (),
    ) -> None:
        """Run chains to their ends; within a chain, one step after the other.

        Args:
            chains: Steps still to be done, one chain per owner.
            later: Chains of a later call, so that the time left counts them.

        Raises:
            UserError: When a step failed. Everything else has been stopped then.
        """
        waiting = deque(deque(chain) for chain in chains if chain)
        self._later = {c[0].owner: [step.stage for step in c] for c in later if c}
        self._slots = max(1, min(self._machine.cores, len(waiting)))
        free = list(range(self._slots - 1, -1, -1))
        chain_of: dict[str, deque[Step]] = {}
        try:
            while waiting or self._jobs:
                while waiting and free:
                    chain = waiting.popleft()
                    chain_of[chain[0].owner] = chain
                    self._start(chain.popleft(), free.pop())
                time.sleep(_PAUSE)
                for job in self._ended():
                    chain = chain_of[job.step.owner]
                    if chain:
                        self._start(chain.popleft(), job.slot)
                    else:
                        free.append(job.slot)
                self._look(waiting, chain_of)
        finally:
            self._display.clear()
            self.stop()

    def stop(self) -> None:
        """End everything that is running; a later run continues it."""
        if not self._jobs:
            return
        names = ", ".join(job.step.title for job in self._jobs.values())
        logging.info("Stopping %s", names)
        processes.stop(job.process for job in self._jobs.values())
        for job in self._jobs.values():
            self._note(job, job.process.returncode)
        self._jobs.clear()

    def _start(self, step: Step, slot: int) -> None:
        threads = max(1, self._machine.cores // self._slots)
        training = step.stage in progress.TRAINING
        jobs = 1 if training else min(threads, _MAX_JOBS)
        gpus = self._machine.gpus
        numbers = {
            **{"stage": step.stage, "stop_stage": step.stage},
            **{"nj": jobs, "inference_nj": jobs, "attack_nj": jobs},
            **{"ngpu": min(len(gpus), 1)},
        }
        command = ["./run.sh"]
        for name, number in numbers.items():
            command += [f"--{name}", str(number)]
        if gpus:
            command += ["--gpu_inference", "true"]
        command += step.options
        environment = dict(os.environ)
        environment["OMP_NUM_THREADS"] = str(threads // jobs)
        if gpus and step.owner != SHARED:
            environment["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
        self._set_old_results_aside(step)
        self._ledger.begin(step)
        log = self._study_dir / "log" / f"{step.name}.log"
        began = time.time()
        with log.open("w", encoding="utf-8") as file:
            file.write(f"# cd {shlex.quote(str(self._recipe))}\n")
            file.write(f"# {shlex.join(command)}\n")
            file.write(f"# Started at {time.strftime('%Y-%m-%dT%H:%M:%S')}\n")
            file.flush()
            # A session of its own: Ctrl-C reaches the study alone, which then ends
            # all of its commands in order.
            process = subprocess.Popen(
                command,
                cwd=self._recipe,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(self._lock.fileno(),),
            )
        logs = (
            TrainingLog(step.directory / "train.log")
            if training
            else CountLogs(step.directory, began, log)
        )
        now = time.monotonic()
        label = f"{step.owner}: {STAGE_NAMES[step.stage]}"
        running = Running(step.owner, step.stage, label, logs, now)
        self._jobs[step.owner] = _Job(step, process, log, slot, now, running)

    def _set_old_results_aside(self, step: Step) -> None:
        """Keep a training from resuming what was trained with other settings."""
        if step.stage not in progress.TRAINING or not step.directory.exists():
            return
        if not self._ledger.was_begun_otherwise(step):
            return
        number = 1
        while (
            aside := self._study_dir / "old" / f"{step.directory.name}.{number}"
        ).exists():
            number += 1
        aside.parent.mkdir(exist_ok=True)
        step.directory.rename(aside)
        self._say("%s: settings changed, the former training is in %s", step, aside)

    def _say(self, message: str, step: Step, *values: object) -> None:
        self._display.clear()
        logging.info(message, step.title, *values)

    def _ended(self) -> list[_Job]:
        """Take out the steps that ended well.

        Raises:
            UserError: If one did not.
        """
        ended = [job for job in self._jobs.values() if job.process.poll() is not None]
        # Those that ended well first: a failure beside them must not undo them.
        ended.sort(key=lambda job: job.process.returncode != 0)
        for job in ended:
            del self._jobs[job.step.owner]
            code = job.process.returncode
            seconds = self._note(job, code)
            if code != 0:
                self._show_failure(job, code)
            self._ledger.finish(job.step)
            self._estimator.add(job.step.stage, seconds)
            self._say("%s: done in %s", job.step, progress.duration(seconds))
        return ended

    def _note(self, job: _Job, code: int | None) -> float:
        seconds = round(time.monotonic() - job.started, 2)
        self._ledger.log_time(
            owner=job.step.owner,
            stage=job.step.stage,
            seconds=seconds,
            returncode=code,
        )
        return seconds

    def _show_failure(self, job: _Job, code: int) -> None:
        self._display.clear()
        lines = job.log.read_text(encoding="utf-8", errors="replace").splitlines()
        sys.stderr.write(f"----- last lines of {job.log}\n")
        sys.stderr.write("\n".join(lines[-_TAIL_LINES:]) + "\n-----\n")
        how = f"exit status {code}" if code > 0 else f"ended by signal {-code}"
        raise UserError(
            f"{job.step.title} failed ({how}); its log is {job.log}. Mend the cause "
            "and give the same command again: what is done is kept."
        )

    def _look(
        self, waiting: Sequence[Sequence[Step]], chain_of: dict[str, deque[Step]]
    ) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_EVERY
        roots = [job.process.pid for job in self._jobs.values()]
        tree = processes.descendants(roots)
        self.peak_memory_mib = max(self.peak_memory_mib, processes.memory_mib(tree))
        running = [job.running for job in self._jobs.values()]
        for item in running:
            item.poll(now)
        ahead: dict[str, Sequence[int]] = {
            chain[0].owner: [step.stage for step in chain] for chain in waiting
        }
        for owner in self._jobs:
            ahead[owner] = [step.stage for step in chain_of[owner]]
        left = progress.seconds_left(running, ahead, self._slots, self._estimator, now)
        if left is not None and self._later:
            slots = max(1, min(self._machine.cores, len(self._later)))
            after = progress.seconds_left([], self._later, slots, self._estimator, now)
            left = None if after is None else left + after
        number = len(waiting) + len(self._later)
        self._display.show(progress.describe(running, number, now - self._began, left))
