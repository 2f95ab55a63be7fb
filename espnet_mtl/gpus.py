"""Whether PyTorch can use the GPUs that were asked for: asked before hours of work.

Importing torch takes seconds, so that the driver is asked first. It can only say yes;
where it does not, torch has the last word.
"""

import ctypes
import importlib.util
import os
import re
from pathlib import Path

from espnet_mtl.errors import UserError


def require_gpus(option: str, number: int, instead: str) -> None:
    """Check that PyTorch can use so many GPUs.

    Args:
        option: The option that asks for them, with its value.
        number: How many; 0 asks nothing.
        instead: What to do where there is none.

    Raises:
        UserError: If there are fewer.
    """
    if number <= 0 or _ask_driver() >= number:
        return
    import torch

    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if found >= number:
        return
    if found:
        raise UserError(
            f"{option}: PyTorch finds {found} of {number} GPUs{_visible()}. Ask for "
            f"at most {found}"
        )
    if torch.version.cuda is None and torch.version.hip is None:
        why = (
            f"this PyTorch ({torch.__version__}) is built for the CPU only. Install a "
            "PyTorch with CUDA (https://pytorch.org/get-started/locally), or "
        )
    else:
        why = f"PyTorch finds no GPU here{_visible()} (does nvidia-smi list one?). "
    fix = instead if why.endswith("or ") else instead[0].upper() + instead[1:]
    raise UserError(f"{option}: {why}{fix}")


def _visible() -> str:
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if devices is None else f" (CUDA_VISIBLE_DEVICES is '{devices}')"


def _ask_driver() -> int:
    """Count the GPUs that torch will surely find; 0 where that is not sure."""
    built_for = _cuda_of_torch()
    if not built_for:
        return 0
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        version, count = ctypes.c_int(), ctypes.c_int()
        if driver.cuInit(0) or driver.cuDriverGetVersion(ctypes.byref(version)):
            return 0
        if driver.cuDeviceGetCount(ctypes.byref(count)):
            return 0
    except (OSError, AttributeError):
        return 0
    # A driver runs what is built for its own CUDA or an earlier one, by major version.
    return count.value if version.value // 1000 >= built_for else 0


def _cuda_of_torch() -> int:
    """Read the major version of CUDA that torch is built for; 0 for none."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return 0
    path = Path(spec.origin).with_name("version.py")
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    match = re.search(r"^cuda\b.*= *'(\d+)", text, re.MULTILINE)
    return int(match[1]) if match else 0
