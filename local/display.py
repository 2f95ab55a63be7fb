"""What a study shows while it runs: a logger plugin of Snakemake.

Snakemake tells which steps begin, end and fail. A line says how far the study is:
rewritten in place on a terminal, elsewhere written anew now and then.
"""

import logging
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import ending
import figures
import notices
from plan import SHARED, Step
from progress import Running, seconds_left
from settings import Settings
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from espnet_mtl.job_progress import Line, duration

_LOOK_EVERY = 2.0
_TAIL_LINES = 30


class LogHandler(LogHandlerBase):
    """Turns what Snakemake tells into what the user reads.

    Snakemake makes it, so that what it is to know is set on the class.
    """

    settings_of_study: ClassVar[Settings]
    steps: ClassVar[dict[str, Step]]

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Begin to show the line."""
        study_dir = self.settings_of_study.study_dir
        self._log_dir: Path = study_dir / "log"
        self._waiting = dict(self.steps)
        self._measured = [
            (benchmark.stage, benchmark.seconds)
            for benchmark in figures.read_benchmarks(study_dir)
        ]
        self._running: dict[int, Running] = {}
        self._errors: list[str] = []
        self._told: set[str] = set()
        self._failed = False
        self._began = time.monotonic()
        self._line = Line()
        self._state = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_showing, daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of what Snakemake tells."""
        event = getattr(record, "event", None)
        with self._state:
            if event == LogEvent.JOB_INFO and record.rule_name in self.steps:
                step = self._waiting.pop(record.rule_name)
                log = self._log_dir / f"{step.name}.log"
                self._running[record.jobid] = Running(step, log)
                self._show()
            elif event == LogEvent.JOB_FINISHED and record.job_id in self._running:
                self._finish(self._running.pop(record.job_id))
            elif event == LogEvent.JOB_ERROR and record.jobid in self._running:
                self._fail(self._running.pop(record.jobid))
            elif record.levelno >= logging.ERROR:
                self._errors.append(record.getMessage())

    def close(self) -> None:
        """Say the last words."""
        self._over.set()
        self._thread.join()
        self._line.clear()
        # Of a failed step, Snakemake has nothing to add; anything else is news.
        if self._errors and not self._failed and not ending.received:
            logging.error("%s", "\n".join(self._errors))
        super().close()

    def _finish(self, done: Running) -> None:
        seconds = time.time() - done.start
        self._measured.append((done.step.stage, seconds))
        self._line.clear()
        logging.info("%s: done in %s", done.step.title, duration(seconds))
        # Those of the systems are many and alike: the study's last words sum them up.
        if done.step.owner == SHARED:
            lines = notices.tell(done.step, done.log, done.start)
            sys.stderr.write(notices.pick_news(lines, self._told))

    def _fail(self, failed: Running) -> None:
        """Show why, and end what runs beside it; only the first failure is one."""
        if self._failed or ending.received:
            return
        self._failed = True
        self._line.clear()
        if failed.log.exists():
            text = failed.log.read_text(encoding="utf-8", errors="replace")
            last = "\n".join(text.rstrip("\n").split("\n")[-_TAIL_LINES:])
            sys.stderr.write(f"----- last lines of {failed.log}\n{last}\n-----\n")
        logging.error(
            "%s failed; see its log %s. Fix the cause and run the same command "
            "again%s: finished steps are not repeated.",
            failed.step.title,
            failed.log,
            ", without --redo true" if self.settings_of_study.redo else "",
        )
        if others := ", ".join(item.step.title for item in self._running.values()):
            logging.info("Stopping %s", others)
        ending.end_children()

    def _keep_showing(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            with self._state:
                if self._running and not self._failed:
                    self._show()

    def _show(self) -> None:
        running, waiting = [*self._running.values()], [*self._waiting.values()]
        parts = [item.look() for item in running]
        if waiting:
            steps = "step" if len(waiting) == 1 else "steps"
            parts.append(f"{len(waiting)} {steps} waiting")
        cores = self.settings_of_study.nj
        left = seconds_left(running, waiting, cores, self._measured)
        rest = "estimating" if left is None else f"about {duration(left)} left"
        so_far = duration(time.monotonic() - self._began)
        # The end is what a narrow terminal does not show.
        self._line.show(" | ".join([f"{so_far} so far, {rest}", *parts]))
