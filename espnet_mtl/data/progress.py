"""Says how far a long loop is."""

import logging
import time

_SECONDS = 2.0


class LoopProgress:
    """Logs now and then how much is done, and at the end how fast it was.

    Args:
        what: What is done, in a word.
        done: How much an earlier run has done.
    """

    def __init__(
        self, total: int, what: str, unit: str = "utterances", done: int = 0
    ) -> None:
        self._total, self._what, self._unit, self._done = total, what, unit, done
        self._made, self._seconds = 0, 0.0
        self._start = self._reported = time.monotonic()

    def add(self, seconds: float = 0.0, number: int = 1) -> None:
        """Count what has been done; ``seconds`` is the length of its audio."""
        self._done += number
        self._made += number
        self._seconds += seconds
        if time.monotonic() - self._reported > _SECONDS:
            self.report()

    def report(self) -> None:
        """Tell how much is done."""
        self._reported = time.monotonic()
        logging.info(
            "progress: %d/%d %s (%s)", self._done, self._total, self._unit, self._what
        )

    def finish(self) -> None:
        """Tell what was done, where there was anything to do."""
        if not self._total:
            return
        self.report()
        seconds = time.monotonic() - self._start
        logging.info(
            "Made %d %s, %.2f hours, in %.1f s: %.0f %s a second",
            self._made,
            self._unit,
            self._seconds / 3600,
            seconds,
            self._made / max(seconds, 1e-9),
            self._unit,
        )
