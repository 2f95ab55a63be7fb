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


def test_importing_espnet_prints_nothing_and_imports_no_speech_synthesis():
    done = run_python(
        "import espnet_mtl.fast_start, espnet2.tasks.asr, sys\n"
        "assert not {'g2p_en.g2p', 'nltk.tag', 'librosa.core'} & set(sys.modules)"
    )
    assert (done.stdout, done.stderr) == ("", "")


IS_TYPECHECKED_INERT = """
import espnet_mtl.fast_start
import typeguard

def double(number: int) -> int:
    return 2 * number

checked = typeguard.typechecked
print(checked(double) is double, checked()(double) is double)
"""


def test_typechecked_leaves_functions_as_they_are():
    assert run_python(IS_TYPECHECKED_INERT).stdout == "True True\n"


def test_type_checks_can_be_kept():
    done = run_python(
        "import espnet_mtl.fast_start, typeguard\n"
        "print(typeguard.typechecked.__module__)",
        ESPNET_MTL_TYPEGUARD="1",
    )
    assert done.stdout.startswith("typeguard")


def test_warnings_about_the_old_autocast_are_silenced():
    done = run_python(
        "import espnet_mtl.fast_start, torch, warnings\n"
        "torch.cuda.amp.autocast(enabled=False)\n"
        "warnings.warn('something else', FutureWarning)"
    )
    assert "autocast" not in done.stderr
    assert "something else" in done.stderr


def test_g2p_en_is_there_when_a_config_asks_for_it(tmp_path):
    # g2p_en looks for these files, and would download them.
    for name in ("taggers/averaged_perceptron_tagger.zip", "corpora/cmudict.zip"):
        (tmp_path / name).parent.mkdir()
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("README", "")
    done = run_python(
        "import espnet_mtl.fast_start\n"
        "from espnet2.text import phoneme_tokenizer\n"
        "print(phoneme_tokenizer.g2p_en.G2p.__module__)",
        NLTK_DATA=str(tmp_path),
    )
    assert done.stdout == "g2p_en.g2p\n"


def test_errors_are_counted_without_editdistance():
    done = run_python(
        "import sys\n"
        "sys.modules['editdistance'] = None\n"
        "import espnet_mtl.fast_start\n"
        "from espnet.nets.e2e_asr_common import ErrorCalculator\n"
        "calculator = ErrorCalculator(['a', 'b', 'c', ' '], ' ', '-', False, True)\n"
        "print(calculator.calculate_wer(['a b c'], ['a c']), "
        "calculator.calculate_cer(['abc'], ['acb']))"
    )
    assert done.stdout == f"0.5 {2 / 3}\n"


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
