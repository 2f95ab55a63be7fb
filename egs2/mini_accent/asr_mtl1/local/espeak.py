"""Speech from the library in the wheel ``espeakng-loader``, in this process."""

import ctypes
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from espnet_mtl.errors import UserError

# Constants of espeak-ng's public header, speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
PARAMETER_RATE = 1
PARAMETER_PITCH = 3
CHARS_UTF8 = 1

_FIX = "install the package espeakng-loader, in the version of local/requirements.txt"

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)

# What the library reads besides the languages.
_SHARED_DATA = "phontab phonindex phondata intonations en_dict voices".split()


@contextmanager
def linked_data(languages: Collection[str]) -> Iterator[Path]:
    """Make a folder of links to the library's data, in which it finds its voices fast.

    The library looks for a language by its name in lower case at the top of ``lang/``;
    where there is none, it opens all of its 280 voices, which takes longer than saying
    a sentence. The folder goes with the context.

    Raises:
        UserError: If the library is not installed, or lacks a language.
    """
    source = Path(_loader().get_data_path())
    files = {path.name.lower(): path for path in source.glob("lang/**/*")}
    with tempfile.TemporaryDirectory(prefix="espeak_") as name:
        folder = Path(name)
        for shared in _SHARED_DATA:
            (folder / shared).symlink_to(source / shared)
        (folder / "lang").mkdir()
        for language in languages:
            if language not in files:
                raise UserError(f"espeak-ng has no language '{language}': {_FIX}.")
            (folder / "lang" / language).symlink_to(files[language])
        yield folder


def _loader() -> ModuleType:
    try:
        import espeakng_loader
    except ImportError as error:
        raise UserError(f"The speech synthesiser is not installed: {_FIX}.") from error
    return espeakng_loader


class Espeak:
    """One voice of a freshly loaded synthesiser; a context manager, one at a time.

    The library remembers: the phase of its oscillators, its tremor and its noise go on
    from one utterance to the next, and no function of it sets them back. Unloading it
    does. So what a voice says depends on what it has said since it was loaded, and on
    nothing that other voices said before.

    Args:
        voice: Name of a voice, with or without a variant, such as ``en-us+f2``.

    Attributes:
        fs: Sampling rate of what :meth:`say` returns, in Hz.

    Raises:
        UserError: If the library does not start or has no such voice.
    """

    def __init__(self, voice: str, data_path: Path) -> None:
        self._chunks: list[bytes] = []
        self._callback = _CALLBACK(self._collect)
        self._library = ctypes.CDLL(str(_loader().get_library_path()))
        self.fs: int = self._library.espeak_Initialize(
            AUDIO_OUTPUT_SYNCHRONOUS, 0, os.fsencode(data_path), INITIALIZE_DONT_EXIT
        )
        if self.fs <= 0:
            raise UserError(
                f"espeak-ng did not start with its data in {data_path}: {_FIX}."
            )
        self._library.espeak_SetSynthCallback(self._callback)
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            self.close()
            raise UserError(f"espeak-ng has no voice '{voice}': {_FIX}.")

    def __enter__(self) -> "Espeak":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Unload the library."""
        self._library.espeak_Terminate()
        unload = ctypes.CDLL(None).dlclose
        unload.argtypes = [ctypes.c_void_p]
        unload(self._library._handle)

    def say(self, text: str, pitch: int, rate: int, seed: int) -> np.ndarray:
        """Speak one utterance: int16, (Samples,), at :attr:`fs`.

        Args:
            text: What to say.
            pitch: 0 to 99, the voice's own middle being 50.
            rate: Words per minute.
            seed: Seed of the library's breath and friction noise.

        Raises:
            UserError: If nothing comes out.
        """
        self._library.espeak_SetParameter(PARAMETER_RATE, rate, 0)
        self._library.espeak_SetParameter(PARAMETER_PITCH, pitch, 0)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))
        self._chunks.clear()
        data = text.encode() + b"\0"
        status = self._library.espeak_Synth(
            data, ctypes.c_size_t(len(data)), 0, 0, 0, CHARS_UTF8, None, None
        )
        samples = np.frombuffer(b"".join(self._chunks), dtype=np.int16)
        if status != 0 or not samples.any():
            raise UserError(f"espeak-ng could not say '{text}' (status {status}).")
        return samples

    def _collect(self, samples, num_samples: int, _events) -> int:
        if samples and num_samples > 0:
            self._chunks.append(ctypes.string_at(samples, 2 * num_samples))
        return 0
