"""What local/install.sh installs: each package pinned once, none missing."""

import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

LOCAL = Path(__file__).parents[2] / "local"


def read_pins(release, python):
    """The names, and what each is pinned to, for a release and a Python."""
    pins = []
    for name in ("requirements.txt", f"requirements-espnet-{release}.txt"):
        for line in (LOCAL / name).read_text().splitlines():
            if line := line.split("#")[0].strip():
                pin = Requirement(line)
                if not pin.marker or pin.marker.evaluate({"python_version": python}):
                    pins.append((normalise(pin.name), str(pin.specifier)))
    return pins


def normalise(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    ("release", "python"),
    [("202511", "3.11"), ("202511", "3.14"), ("202611", "3.12"), ("202611", "3.13")],
)
def test_each_package_is_pinned_once(release, python):
    pins = read_pins(release, python)
    names = [name for name, _ in pins]
    assert sorted(set(names)) == sorted(names)
    assert {"torch", "espnet", "sentencepiece"} < set(names)
    assert all(re.fullmatch(r"==[\w.]+", version) for _, version in pins), pins
    assert ("espnet", f"=={release}") in pins


def test_all_that_espnet_202611_asks_for_is_pinned():
    if not importlib.metadata.version("espnet").startswith("202611"):
        pytest.skip("this ESPnet's own list of packages is not installed")
    pins = {name for name, _ in read_pins("202611", "3.13")}
    pins |= {name for name, _ in read_pins("202611", "3.12")}
    todo, seen = ["espnet"], set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name == "torch":  # pip adds what its build for this machine needs
            continue
        for line in importlib.metadata.requires(name) or []:
            needed = Requirement(line)
            if not needed.marker or needed.marker.evaluate({"extra": ""}):
                todo.append(normalise(needed.name))
    assert seen <= pins, seen - pins
