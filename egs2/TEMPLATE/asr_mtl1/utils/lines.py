"""What the filters with Kaldi's names share: lines of bytes, and clear ends.

Bytes, because Kaldi's tables are cut at blanks and tabs of ASCII whatever the encoding.
"""

import signal
import sys
from pathlib import Path

# As Kaldi's do, end without a word when what reads the output has enough ("| head").
signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def fail(message):
    """End with a message."""
    sys.exit(f"{Path(sys.argv[0]).name}: Error: {message}")


def read_lines(path):
    """Yield (place, line, words) for each line of a file; "-" is stdin."""
    if path == "-":
        yield from _split("stdin", sys.stdin.buffer)
        return
    try:
        file = open(path, "rb")
    except OSError as error:
        fail(f"{path}: cannot be read ({error.strerror})")
    with file:
        yield from _split(path, file)


def _split(name, file):
    for number, line in enumerate(file, start=1):
        yield f"{name}:{number}", line, line.split()


def show(word):
    """Give a word as text for a message."""
    return "'" + word.decode("utf-8", "backslashreplace") + "'"


def write(words):
    """Write words as a line."""
    sys.stdout.buffer.write(b" ".join(words) + b"\n")
