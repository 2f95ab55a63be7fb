"""The installed commands start the modules of the same names."""

import errno
import sys
import tomllib
from pathlib import Path

import pytest

from espnet_mtl.bin import asr_mtl_report, asr_mtl_score
from espnet_mtl.bin.console import run
from espnet_mtl.errors import UserError

ROOT = Path(__file__).resolve().parents[3]


def test_a_command_runs_the_module_of_its_name(monkeypatch):
    ran = []
    monkeypatch.setattr(asr_mtl_score, "main", lambda: ran.append("score"))
    monkeypatch.setattr(asr_mtl_report, "main", lambda: ran.append("report"))
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/asr_mtl_report", "--exp", "x"])
    run()
    assert ran == ["report"]


def test_what_the_user_can_mend_ends_without_a_traceback(monkeypatch, caplog):
    def main():
        raise UserError("wav.scp is empty")

    monkeypatch.setattr(asr_mtl_score, "main", main)
    monkeypatch.setattr(sys, "argv", ["asr_mtl_score"])
    with pytest.raises(SystemExit, match="1"):
        run()
    assert "wav.scp is empty" in caplog.text


def test_a_file_that_cannot_be_used_ends_without_a_traceback(
    monkeypatch, caplog, tmp_path
):
    (tmp_path / "file").touch()
    faults = {
        tmp_path / "none": "No such file or directory. Correct the path",
        tmp_path: "Is a directory. Move away the folder",
        tmp_path / "file/under": "Not a directory. Move away the file",
        tmp_path / ("x" * 300): "File name too long. Use shorter names",
    }
    monkeypatch.setattr(sys, "argv", ["asr_mtl_score"])
    for path, fault in faults.items():
        monkeypatch.setattr(asr_mtl_score, "main", path.read_bytes)
        with pytest.raises(SystemExit, match="1"):
            run()
        assert f"{path}: {fault}" in caplog.text


@pytest.mark.parametrize(
    "error", [OSError(errno.EPIPE, "Broken pipe"), OSError(errno.EBADF, "Bad", "file")]
)
def test_faults_of_the_program_keep_their_traceback(monkeypatch, error):
    def main():
        raise error

    monkeypatch.setattr(asr_mtl_score, "main", main)
    monkeypatch.setattr(sys, "argv", ["asr_mtl_score"])
    with pytest.raises(OSError):
        run()


def test_every_command_has_its_module():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    commands = set(settings["project"]["scripts"])
    modules = {path.stem for path in (ROOT / "espnet_mtl/bin").glob("asr_mtl_*.py")}
    assert commands == modules
