"""``--help`` of every command: groups, what matters first, a word about each option."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import espnet_mtl.bin

ROOT = Path(__file__).parents[3]
FEW = 5  # so many options need no groups
MATTER = 3
NO_OPTIONS = {"__init__", "console", "kaldi_options", "lock"}
# ESPnet's own commands, started faster: their options are in ESPnet's groups.
OF_ESPNET = {"lm_calc_perplexity", "lm_train", "tokenize_text"}
# ESPnet's commands with options of ours: their descriptions name what matters.
EXTENDED = {"asr_mtl_inference", "asr_mtl_train"}
COMMANDS = sorted(
    path.stem
    for path in Path(espnet_mtl.bin.__file__).parent.glob("*.py")
    if path.stem not in NO_OPTIONS | OF_ESPNET | EXTENDED | {"asr_mtl_score"}
)
SCORE = ["decoding", "stamp", "attack", "show"]
READERS = sorted(
    path
    for pattern in ("prepare_*.py", "make_corpus.py")
    for path in ROOT.glob(f"egs2/*/asr_mtl1/local/{pattern}")
)


def help_of(command, capsys, *words):
    module = importlib.import_module(f"espnet_mtl.bin.{command}")
    with pytest.raises(SystemExit) as end:
        module.main([*words, "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


def groups_of(text):
    """Read titles and options; an option is its names and its explanation."""
    found: dict[str, list[tuple[str, str]]] = {}
    title = ""
    for line in text.splitlines():
        if re.fullmatch(r"\S[^:]*:", line) and not line.startswith("usage"):
            title = line[:-1]
            found[title] = []
        elif title and (match := re.fullmatch(r"  (\S.*?)(?:   *(\S.*))?", line)):
            found[title].append((match[1], match[2] or ""))
        elif title and found[title] and line.startswith("   "):
            names, about = found[title][-1]
            found[title][-1] = (names, f"{about} {line.strip()}")
    return found


def check(text):
    found = groups_of(text)
    options = [one for title, group in found.items() for one in group if title]
    assert options
    assert not [names for names, about in options if not about.strip()]
    if len(options) > FEW + 1:  # and --help
        first = next(iter(found.values()))
        choices = [one for one in first if not one[1].strip().startswith("Instead of")]
        assert 1 <= len(choices) <= MATTER
        assert len(found) > 2, "one long list"
        assert "-h, --help" in [*found.values()][-1][-1][0] or "options" in found


@pytest.mark.parametrize("command", COMMANDS)
def test_what_matters_comes_first(command, capsys):
    check(help_of(command, capsys))


@pytest.mark.parametrize("command", SCORE)
def test_what_matters_comes_first_in_scoring(command, capsys):
    check(help_of("asr_mtl_score", capsys, command))


@pytest.mark.parametrize("reader", READERS, ids=lambda path: path.parents[2].name)
def test_what_a_corpus_has_of_its_own_comes_first(reader):
    check(run([sys.executable, str(reader), "--help"], ROOT))


@pytest.mark.parametrize("command", sorted(EXTENDED))
def test_what_matters_of_espnets_many_options_is_named(command):
    parser = importlib.import_module(f"espnet_mtl.bin.{command}").get_parser()
    named = re.search("What matters most: (.*)", parser.description)[1]
    options = set(re.findall(r"--\w+", named))
    known = {name for action in parser._actions for name in action.option_strings}
    assert options <= known
    assert len(options) in (MATTER, MATTER + 1)


@pytest.mark.parametrize(
    ("script", "folder", "first"),
    [
        ("./run.sh", ".", ["--table", "--corpus", "--preset"]),
        (
            "./asr_mtl.sh",
            "egs2/mini_accent/asr_mtl1",
            ["--train_set", "--valid_set", "--test_sets"],
        ),
    ],
)
def test_what_matters_comes_first_in_scripts(script, folder, first):
    text = run([script, "--help"], ROOT / folder)
    groups = re.split(r"\n\n(?=\S[^\n]*:\n)", text)
    assert groups[1].startswith("What matters most:")
    assert re.findall(r"^ +(--\w+) ", groups[1], re.MULTILINE) == first
    assert len(groups) > MATTER
    lines = re.findall(r"^    --\w+ *(.*)$", text, re.MULTILINE)
    assert len(lines) > MATTER
    assert all(lines)


def run(command, folder):
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return made.stdout
