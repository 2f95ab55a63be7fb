"""Importing ESPnet: nothing printed, nothing slow imported, and nothing missing."""

import os
import subprocess
import sys
import zipfile

from espnet_mtl.fast_start import _import_when_used

import pytest


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


FAST_IMPORT = """
import sys, warnings
sys.modules["editdistance"] = None  # as where it cannot be installed
import espnet_mtl.fast_start
import espnet2.tasks.asr, torch, typeguard
from espnet_mtl.espnet_nets import import_nets

# No packages of speech synthesis, no compiler
unused = {"g2p_en.g2p", "nltk.tag", "librosa.core", "torch._dynamo"}
assert not unused & set(sys.modules), unused & set(sys.modules)

# typechecked leaves functions as they are
def double(number: int) -> int:
    return 2 * number

assert typeguard.typechecked(double) is typeguard.typechecked()(double) is double

# Warnings about the old autocast are silenced, and no others
with warnings.catch_warnings(record=True) as shown:
    torch.cuda.amp.autocast(enabled=False)
    warnings.warn("something else", FutureWarning)
assert [str(one.message) for one in shown] == ["something else"]

# Errors are counted without editdistance
ErrorCalculator = import_nets("e2e_asr_common").ErrorCalculator
calculator = ErrorCalculator(["a", "b", "c", " "], " ", "-", True, True)
assert calculator.calculate_wer(["a b c"], ["a c"]) == 0.5
assert calculator.calculate_cer(["abc"], ["acb"]) == 2 / 3
"""


def test_importing_espnet_is_quiet_and_fast_and_nothing_is_missing():
    done = run_python(FAST_IMPORT)
    assert (done.stdout, done.stderr) == ("", "")


def test_type_checks_can_be_kept_and_g2p_en_is_there_when_it_is_asked_for(tmp_path):
    # g2p_en looks for these files, and would download them.
    for name in ("taggers/averaged_perceptron_tagger.zip", "corpora/cmudict.zip"):
        (tmp_path / name).parent.mkdir()
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("README", "")
    done = run_python(
        "import espnet_mtl.fast_start, typeguard\n"
        "from espnet2.text import phoneme_tokenizer\n"
        "print(phoneme_tokenizer.g2p_en.G2p.__module__)\n"
        "print(typeguard.typechecked.__module__.split('.')[0])",
        NLTK_DATA=str(tmp_path),
        ESPNET_MTL_TYPEGUARD="1",
    )
    assert done.stdout == "g2p_en.g2p\ntypeguard\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that is imported when used; its name."""
    directory = tmp_path / "rarely_used"
    directory.mkdir()
    (directory / "__init__.py").write_text("VALUE = 7\n")
    (directory / "part.py").write_text("from rarely_used import VALUE\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield directory
    for name in [name for name in sys.modules if name.startswith("rarely_used")]:
        del sys.modules[name]


USES = {
    "attribute": "import rarely_used\nvalue = rarely_used.VALUE",
    "from": "from rarely_used import VALUE as value",
    "submodule": "import rarely_used.part\nvalue = rarely_used.part.VALUE",
    "from_submodule": "from rarely_used.part import VALUE as value",
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_module_is_imported_when_it_is_used(package, use):
    _import_when_used("rarely_used")
    exec("import rarely_used\nimport rarely_used", {})
    assert "VALUE" not in vars(sys.modules["rarely_used"])
    names = {}
    exec(use, names)
    assert names["value"] == 7


def test_a_module_that_fails_says_so_each_time(package):
    (package / "__init__.py").write_text("raise ImportError('a part is missing')\n")
    _import_when_used("rarely_used")
    for _ in range(2):
        with pytest.raises(ImportError, match="a part is missing"):
            exec("import rarely_used\nrarely_used.VALUE", {})
