"""What a study shows while it runs: a logger plugin of Snakemake.

Snakemake tells which steps begin, end and fail. A line says how far the study is:
rewritten in place on a terminal, elsewhere written anew now and then.
"""

import json
import logging
import shutil
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, TextIO

import ending
import figures
import progress
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

_LOOK_EVERY = 2.0
_TAIL_LINES = 30


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the plugin: ``--logger-study-plan``."""

    plan: Optional[Path] = field(  # noqa: UP045 (Snakemake reads the type)
        default=None, metadata={"help": "The plan of the study.", "required": True}
    )


class Display:
    """Shows one line that changes.

    Args:
        stream: Where to.
        interval: Seconds between lines where nothing can be rewritten.
    """

    def __init__(self, stream: TextIO = sys.stderr, interval: float = 20.0) -> None:
        self._stream = stream
        self._in_place = stream.isatty()
        self._interval = interval
        self._last = -interval
        self._shown = False

    def show(self, line: str) -> None:
        """Show the state."""
        if self._in_place:
            width = shutil.get_terminal_size().columns - 1
            if len(line) > width:
                line = line[: width - 1] + "…"
            self._stream.write(f"\r{line}\x1b[K")
            self._shown = True
        elif time.monotonic() - self._last >= self._interval:
            self._last = time.monotonic()
            self._stream.write(line + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


class LogHandler(LogHandlerBase):
    """Turns what Snakemake tells into what the user reads."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Read the plan, and begin to show the line."""
        plan = json.loads(self.settings.plan.read_text(encoding="utf-8"))
        self._log_dir = self.settings.plan.resolve().parent
        self._steps: dict[str, dict[str, Any]] = plan["steps"]
        self._waiting = dict(self._steps)
        self._cores: int = plan["cores"]
        self._measured = [
            (benchmark.stage, benchmark.seconds)
            for benchmark in figures.read_benchmarks(self._log_dir.parent)
        ]
        self._running: dict[int, progress.Running] = {}
        self._errors: list[str] = []
        self._failed = False
        self._began = time.monotonic()
        self._display = Display()
        self._state = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_showing, daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of what Snakemake tells."""
        event = getattr(record, "event", None)
        with self._state:
            if event == LogEvent.JOB_INFO and record.rule_name in self._steps:
                self._begin(record.jobid, record.rule_name)
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
        self._display.clear()
        # Of a failed step, Snakemake has nothing to add; anything else is news.
        if self._errors and not self._failed and not ending.received:
            logging.error("%s", "\n".join(self._errors))
        super().close()

    def _begin(self, job: int, name: str) -> None:
        self._waiting.pop(name, None)
        log = self._log_dir / f"{name}.log"
        self._running[job] = progress.Running(self._steps[name], log)
        self._display.show(self._line())

    def _finish(self, done: progress.Running) -> None:
        seconds = time.time() - done.start
        self._measured.append((done.step["stage"], seconds))
        self._display.clear()
        took = progress.duration(seconds)
        logging.info("%s: done in %s", done.step["title"], took)

    def _fail(self, failed: progress.Running) -> None:
        """Show why, and end what runs beside it; only the first failure is one."""
        if self._failed or ending.received:
            return
        self._failed = True
        self._display.clear()
        if failed.log.exists():
            text = failed.log.read_text(encoding="utf-8", errors="replace")
            last = "\n".join(text.splitlines()[-_TAIL_LINES:])
            sys.stderr.write(f"----- last lines of {failed.log}\n{last}\n-----\n")
        logging.error(
            "%s failed; its log is %s. Mend the cause and give the same command again: "
            "what is done is kept.",
            failed.step["title"],
            failed.log,
        )
        if others := ", ".join(item.step["title"] for item in self._running.values()):
            logging.info("Stopping %s", others)
        ending.end_children()

    def _keep_showing(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            with self._state:
                if self._running and not self._failed:
                    self._display.show(self._line())

    def _line(self) -> str:
        running, waiting = [*self._running.values()], [*self._waiting.values()]
        parts = [item.look() for item in running]
        if waiting:
            parts.append(f"{len(waiting)} steps waiting")
        left = progress.seconds_left(running, waiting, self._cores, self._measured)
        rest = "estimating" if left is None else f"about {progress.duration(left)} left"
        so_far = progress.duration(time.monotonic() - self._began)
        return " | ".join([*parts, f"{so_far} so far, {rest}"])
