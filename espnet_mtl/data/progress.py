"""Says how far a long loop over utterances is."""

import logging
import time

_SECONDS = 2.0


class Progress:
    """Tells now and then how many utterances are done, and at the end how fast.

    Args:
        total: How many there are to do.
        what: What is done, in a word.
        done: How many an earlier run has done.
    """

    def __init__(self, total: int, what: str, done: int = 0) -> None:
        self._total, self._what, self._done = total, what, done
        self._made, self._seconds = 0, 0.0
        self._start = self._reported = time.monotonic()

    def add(self, seconds: float) -> None:
        """Count an utterance.

        Args:
            seconds: Its length.
        """
        self._done += 1
        self._made += 1
        self._seconds += seconds
        if time.monotonic() - self._reported > _SECONDS:
            self._reported = time.monotonic()
            self._report()

    def _report(self) -> None:
        logging.info(
            "progress: %d/%d utterances (%s)", self._done, self._total, self._what
        )

    def finish(self) -> None:
        """Tell what was done, where there was anything to do."""
        if not self._total:
            return
        self._report()
        seconds = time.monotonic() - self._start
        logging.info(
            "Made %d utterances, %.2f hours, in %.1f s: %.0f utterances a second",
            self._made,
            self._seconds / 3600,
            seconds,
            self._made / max(seconds, 1e-9),
        )
