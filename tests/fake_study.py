"""A study on a recipe that only notes what it was asked."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from espnet_mtl.locks import lock_file

ROOT = Path(__file__).resolve().parents[1]
UTILS = Path("egs2/TEMPLATE/asr_mtl1/utils")
SCRIPTS = Path("egs2/TEMPLATE/asr_mtl1/scripts")

# Notes begin and end of each call; fails or hangs where a file says so.
RECIPE = r"""#!/usr/bin/env bash
set -e
options="$* TABLE=${TABLE:-}"
while [ $# -gt 0 ]; do declare "${1#--}=$2"; shift 2; done
owner=$(basename "${asr_exp:-shared}"); owner=${owner#asr_mtl_}
step="${owner}.${stage}"
echo "begin ${step} OMP=${OMP_NUM_THREADS} GPU=${CUDA_VISIBLE_DEVICES:-} ${options}" \
    >> "${NOTES}/calls"
mkdir -p "${asr_exp:-${datadir}}"
decoded=${asr_exp:-}/${inference_tag:-}
case ${stage} in
    12|13) mkdir -p "${decoded}" ;;
    14) touch "${packed_model}" ;;
    15) mkdir -p "${asr_exp}/${attack_tag}" ;;
    16|17) mkdir -p "${decoded}_${attack_tag}" ;;
esac
echo "working on ${step}"
if [ -e "${NOTES}/fail.${step}" ]; then echo "the reason of ${step}"; exit 3; fi
if [ -e "${NOTES}/hang.${step}" ]; then
    setsid sleep 120 &
    echo $! > "${NOTES}/pid.${step}"
    wait
fi
if [ "${stage}" = 11 ]; then sleep 0.1; fi
if [ "${step}" = shared.1 ]; then echo "   96  clips in corpus.csv"; fi
if [ "${stage}" = 1 ] || [ "${step}" = a.15 ]; then
    echo "2025-01-01 00:00:00,000 (prepare:9) WARNING: mind ${step}" >&2
fi
echo "end ${step}" >> "${NOTES}/calls"
"""
REPORT = """
import sys
print("REPORT", *sys.argv[1:])
"""
SYSTEM = """
{name}:
  asr_args: --name {name}
  inference_config: conf/decode_ctc.yaml
  inference_asr_model: valid.acc.ave.pth
"""


class Study:
    """A checkout with a recipe named ``fake`` and some systems."""

    def __init__(self, root: Path, systems: tuple[str, ...]) -> None:
        self.root = root
        self.exp = root / "exp" / "study_fake"
        self.notes = root / "notes"
        self.notes.mkdir()
        self.backend = ""
        shutil.copy(ROOT / "run.sh", root)
        for folder in ("local", "conf", UTILS, SCRIPTS):
            shutil.copytree(ROOT / folder, root / folder)
        (root / "conf" / "systems.yaml").write_text(
            "".join(SYSTEM.format(name=name) for name in systems)
        )
        package = root / "espnet_mtl"
        (package / "bin").mkdir(parents=True)
        (package / "bin" / "__init__.py").touch()
        for module in (ROOT / "espnet_mtl").glob("*.py"):
            shutil.copy(module, package)
        for part in ("results", "report"):
            shutil.copytree(ROOT / "espnet_mtl" / part, package / part)
        (package / "bin" / "asr_mtl_report.py").write_text(REPORT)
        self.recipe = root / "egs2" / "fake" / "asr_mtl1"
        self.recipe.mkdir(parents=True)
        (self.recipe / "run.sh").write_text(RECIPE)
        (self.recipe / "run.sh").chmod(0o755)

    def start(self, *options: str) -> subprocess.Popen:
        command = ["./run.sh", "--corpus", "fake", "--python", sys.executable]
        return subprocess.Popen(
            [*command, "--nj", "2", *options],
            cwd=self.root,
            env={
                **os.environ,
                "NOTES": str(self.notes),
                "cmd_backend": self.backend,
                "CUDA_VISIBLE_DEVICES": "",
            },
            # Under nohup, the study would leave it ignored, and rightly.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str, status: int = 0) -> tuple[str, str]:
        """Run to the end; return what it printed and what it logged."""
        process = self.start(*options)
        out, err = process.communicate(timeout=60)
        assert process.returncode == status, err
        return out, err

    def lines(self, start: str = "") -> list[str]:
        """What the recipe has noted, one line for each begin and end."""
        file = self.notes / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if line.startswith(start)]

    def calls(self, word: str = "begin") -> list[str]:
        """Steps that began (or ended), in order; the notes are cleared."""
        lines = self.lines(word)
        (self.notes / "calls").unlink(missing_ok=True)
        return [line.split()[1] for line in lines]

    def begun(self, *options: str) -> list[str]:
        """Run to the end; return the steps that began, in order."""
        self.run(*options)
        return self.calls()

    def wait_for(self, step: str) -> int:
        """Wait until a hanging step hangs; return the process that it started."""
        file = self.notes / f"pid.{step}"
        for _ in range(500):
            if file.exists() and file.read_text().strip():
                return int(file.read_text())
            time.sleep(0.02)
        raise AssertionError(f"{step} was not reached")

    def wait_until_free(self) -> None:
        """Wait until the last command of a killed study has ended."""
        for _ in range(500):
            with (self.exp / "log" / "lock").open() as file:
                try:
                    lock_file(file)
                    return
                except BlockingIOError:
                    time.sleep(0.02)
        raise AssertionError("the study is still locked")


def stages(calls: list[str], owner: str) -> list[int]:
    return [int(c.split(".")[1]) for c in calls if c.startswith(f"{owner}.")]


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


def add(fake: Study, **lines: str) -> None:
    """Add lines to systems."""
    systems = fake.root / "conf" / "systems.yaml"
    text = systems.read_text()
    for name, more in lines.items():
        text = text.replace(f"\n{name}:\n", f"\n{name}:\n  {more}\n")
    systems.write_text(text)
