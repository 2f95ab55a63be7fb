"""What a study remembers between runs: its lock, finished steps and durations."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from study_plan import Step

from espnet_mtl.errors import UserError
from espnet_mtl.locks import lock_file


class StudyLock:
    """Lets one run at a time work in a study's directory.

    The lock is handed on to every command of the study: were the study killed the hard
    way, the directory would stay locked until the last of them has ended.

    Args:
        path: The lock file; it holds the process id of its owner.

    Raises:
        UserError: If another run holds it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+", encoding="utf-8")
        try:
            lock_file(self._file)
        except BlockingIOError:
            self._file.seek(0)
            pid = self._file.read().strip()
            self._file.close()
            raise UserError(_refusal(path, pid)) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def fileno(self) -> int:
        """Descriptor to pass on to commands."""
        return self._file.fileno()

    def release(self) -> None:
        """Let others in."""
        self._file.close()


def _refusal(path: Path, pid: str) -> str:
    study = path.parent.parent
    if pid.isdigit() and _exists(int(pid)):
        return (
            f"process {pid} is already running a study in {study}. Wait for it, end it "
            f"(kill {pid}), or use another --expdir."
        )
    return (
        f"the study in {study} (process {pid}) was killed, but commands it had started "
        f"are still running. Wait until they have ended (they hold {path})."
    )


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Ledger:
    """Which steps are done, and how long things took.

    Args:
        directory: The study's ``log`` directory.
    """

    def __init__(self, directory: Path) -> None:
        self._done = directory / "done"
        self._timing = directory / "timing.jsonl"
        self._done.mkdir(parents=True, exist_ok=True)

    def _path(self, kind: str, step: Step) -> Path:
        return self._done / f"{step.name}.{kind}"

    def _key(self, kind: str, step: Step) -> str | None:
        try:
            return self._path(kind, step).read_text().strip()
        except FileNotFoundError:
            return None

    def _write(self, kind: str, step: Step) -> None:
        path = self._path(kind, step)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(step.key + "\n")
        temporary.replace(path)

    def is_done(self, step: Step) -> bool:
        """Whether the step was finished with the same settings."""
        return self._key("done", step) == step.key

    def was_begun_otherwise(self, step: Step) -> bool:
        """Whether results that are there may be those of other settings."""
        return self._key("begun", step) != step.key

    def begin(self, step: Step) -> None:
        """Note that results of these settings are being made."""
        self._path("done", step).unlink(missing_ok=True)
        self._write("begun", step)

    def finish(self, step: Step) -> None:
        """Note that the step is done."""
        self._write("done", step)

    def forget(self, step: Step) -> None:
        """Take the step as never begun."""
        for kind in ("done", "begun"):
            self._path(kind, step).unlink(missing_ok=True)

    def log_time(self, **entry: Any) -> None:
        """Append one line to ``timing.jsonl``; ``end`` is added."""
        line = json.dumps({**entry, "end": round(time.time(), 1)}, sort_keys=True)
        with self._timing.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def times(self) -> Iterator[dict[str, Any]]:
        """All lines of ``timing.jsonl``; one that a full disk cut off is left out."""
        if not self._timing.exists():
            return
        for line in self._timing.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue

    def step_seconds(self) -> list[tuple[int, float]]:
        """(stage, seconds) of every step that ended well."""
        return [
            (entry["stage"], entry["seconds"])
            for entry in self.times()
            if entry.get("returncode") == 0
        ]
