"""GPUs that were asked for, on machines that have them or not."""

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from espnet_mtl import gpus
from espnet_mtl.bin import check_gpus
from espnet_mtl.errors import UserError
from espnet_mtl.tasks.asr_mtl import ASRMTLTask


class Driver:
    """Stands in for libcuda.so.1."""

    def __init__(self, count: int, version: int, status: int = 0) -> None:
        self._count, self._version, self._status = count, version, status

    def cuInit(self, flags: int) -> int:
        return self._status

    def cuDriverGetVersion(self, pointer: object) -> int:
        pointer._obj.value = self._version
        return 0

    def cuDeviceGetCount(self, pointer: object) -> int:
        pointer._obj.value = self._count
        return 0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A machine: what torch is built for, what the driver says, what torch finds."""

    def make(built_for: str, driver: Driver | None, found: int, hip: str | None = None):
        (tmp_path / "version.py").write_text(
            f"__version__ = '2.1'\ncuda: Optional[str] = {built_for}\n"
        )
        spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(gpus.importlib.util, "find_spec", lambda name: spec)

        def load(name: str) -> Driver:
            if driver is None:
                raise OSError("no such library")
            return driver

        monkeypatch.setattr(ctypes, "CDLL", load)
        asked = []
        cuda = SimpleNamespace(
            is_available=lambda: asked.append(1) or found > 0,
            device_count=lambda: found,
        )
        version = SimpleNamespace(cuda=None if built_for == "None" else "x", hip=hip)
        torch = SimpleNamespace(cuda=cuda, version=version, __version__="2.1+x")
        monkeypatch.setitem(sys.modules, "torch", torch)
        return asked

    return make


def require(number: int) -> None:
    gpus.require_gpus(f"--ngpu {number}", number, "use the CPU: --ngpu 0")


def test_without_a_wish_or_with_a_driver_that_says_yes_torch_is_not_imported(
    machine,
) -> None:
    asked = machine("None", None, 0)
    require(0)
    assert not asked
    asked = machine("'12.6'", Driver(2, 13000), 0)
    require(1)
    require(2)
    assert not asked


@pytest.mark.parametrize(
    ("built_for", "driver"),
    [
        ("None", Driver(1, 13000)),  # ROCm has no CUDA, and torch uses it all the same
        ("'12.6'", None),
        ("'13.0'", Driver(1, 12040)),  # with a package for compatibility
        ("'13.0'", Driver(0, 13000, status=100)),
    ],
)
def test_torch_has_the_last_word(machine, built_for: str, driver: Driver) -> None:
    asked = machine(built_for, driver, found=1, hip="6.0")
    require(1)
    assert asked


def test_a_torch_for_the_cpu_is_named(machine) -> None:
    machine("None", Driver(1, 13000), 0)
    with pytest.raises(UserError) as error:
        require(1)
    assert str(error.value) == (
        "--ngpu 1: this PyTorch (2.1+x) is built for the CPU only. Install a PyTorch "
        "with CUDA (https://pytorch.org/get-started/locally), or use the CPU: --ngpu 0"
    )


def test_no_gpu_or_too_few(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine("'12.6'", Driver(0, 13000), 0)
    with pytest.raises(UserError) as error:
        require(1)
    assert str(error.value) == (
        "--ngpu 1: PyTorch finds no GPU here (does nvidia-smi list one?). Use the CPU: "
        "--ngpu 0"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match="no GPU here .CUDA_VISIBLE_DEVICES is ''."):
        require(1)
    machine("'12.6'", Driver(2, 13000), 2)
    with pytest.raises(UserError, match="finds 2 of 4 GPUs.*Ask for at most 2"):
        require(4)


def test_both_options_are_named_at_once(machine, caplog) -> None:
    machine("None", None, 0)
    check_gpus.main(["--ngpu", "0"])
    with pytest.raises(UserError) as error:
        check_gpus.main(["--ngpu", "1", "--gpu_inference"])
    assert str(error.value).startswith("--ngpu 1 and --gpu_inference true: this")
    assert str(error.value).endswith("use the CPU: --ngpu 0 --gpu_inference false")


def test_a_training_without_its_gpu_says_so_before_it_begins(machine) -> None:
    machine("None", None, 0)
    args = ASRMTLTask.get_parser().parse_args(
        "--output_dir x --token_list x --ngpu 1".split()
    )
    with pytest.raises(UserError, match="use the CPU: --ngpu 0"):
        ASRMTLTask.check_required_command_args(args)
