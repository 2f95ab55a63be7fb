"""What holds for all tests."""

import errno
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# On a busy machine an example may take long: the clock must not decide a test.
hypothesis.settings.register_profile("no_clock", deadline=None)
hypothesis.settings.load_profile("no_clock")


@pytest.fixture
def fill_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From some write on, half of the bytes get to the disk, then it is full."""

    def fill(after: int = 0) -> None:
        left = after

        def write_bytes(path: Path, content: bytes) -> None:
            nonlocal left
            left -= 1
            with path.open("wb") as file:
                file.write(content if left >= 0 else content[: len(content) // 2])
            if left < 0:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))

        monkeypatch.setattr(Path, "write_bytes", write_bytes)

    return fill
