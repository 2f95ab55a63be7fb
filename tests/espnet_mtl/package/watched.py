"""Load packages in a process that watches what it opens, writes, starts and asks.

    watched.py <folder> <zip>...

For each zip, prints a line of JSON: how it ended, and all that was done outside the
folder for temporary files, the zip and the Python installation. The last line names
what is left of temporary files. ``<folder>`` is where they go. With the ending ``+``, a
zip is trusted.
"""

import json
import logging
import os
import sys
import tempfile
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np

from espnet_mtl.errors import UserError
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.victim.loader import load_export

_CODE = [
    *(Path(__file__).parents[3], Path("/proc"), Path("/dev"), Path("/sys")),
    *(Path(sys.prefix), Path(sys.prefix).resolve(), Path(sys.base_prefix)),
]
_EVENTS = {
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"),
    *("urllib.Request", "http.client.connect", "ftplib.connect"),
}
# With the place of dir_fd among the arguments: names are relative to that folder.
_CHANGES = {
    **{"os.mkdir": 2, "os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.link": 2},
    **{"os.symlink": 2, "os.truncate": 1, "os.chmod": 2},
}
_seen: list[str] = []
_places: list[Path] = []


def watch(event, args):
    """Note what is neither code nor a temporary file."""
    if event in _EVENTS:
        _seen.append(f"{event} {args}")
    elif event == "open" and isinstance(args[0], str | bytes | os.PathLike):
        name, mode, flags = args
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            _note("write", name, _places)
        # Without a mode it is os.open, by which shutil goes through a folder.
        elif mode is not None or Path(os.fsdecode(name)).is_absolute():
            _note("read", name, [*_places, *_CODE])
    elif event in _CHANGES and args[_CHANGES[event]] in (-1, None):
        _note(event, args[0], _places)


def _note(event, name, places):
    path = Path(os.fsdecode(name)).absolute()
    if not any(path.is_relative_to(place) for place in places):
        _seen.append(f"{event} {path}")


def load(zip_file, trusted):
    """Load a model as an attack does, and its decoder."""
    load_export(zip_file, trusted=trusted)
    listener = PackedListener(
        zip_file, Decoding(args="--beam_size 2 --maxlenratio -3"), trusted=trusted
    )
    return listener(np.random.default_rng(0).uniform(-0.1, 0.1, 8000)).text


def main(folder, *zips):
    """Load each package; the first call is not watched, since it imports much."""
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    tempfile.tempdir = folder
    sys.dont_write_bytecode = True
    load(Path(zips[0]), False)
    sys.addaudithook(watch)
    for name in zips:
        zip_file = Path(name.removesuffix("+"))
        _places[:] = [Path(folder), zip_file]
        _seen.clear()
        try:
            ending = f"heard {load(zip_file, name.endswith('+'))!r}"
        except UserError as error:
            ending = f"refused {error}"
        except Exception as error:
            ending = f"failed {type(error).__name__}: {error}"
        print(json.dumps({"ending": ending, "seen": list(_seen)}))
    left = [str(path) for path in Path(folder).iterdir()]
    print(json.dumps({"ending": "end", "seen": left}))


if __name__ == "__main__":
    main(*sys.argv[1:])
