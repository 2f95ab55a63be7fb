"""The documentation is true: its links, its options, and the README's promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "egs2/TEMPLATE/asr_mtl1"
OPTION = r"(?<![\w-])--([a-z][\w-]*)"
# Options of programs of others that the pages name.
FOREIGN = {
    "pip": {"no-deps"},
    "ESPnet's training": {
        *("max_epoch", "init_param", "accent_head", "accent_head_conf"),
        *("frontend_conf", "encoder_conf", "optim_conf", "best_model_criterion"),
        *("robust", "robust_conf", "collect_stats", "model_conf"),
        *("num_iters_per_epoch", "scheduler_conf"),
    },
    "ESPnet's decoding": {
        *("lm_weight", "ngram_weight", "maxlenratio"),
        "data_path_and_name_and_type",
    },
    "every program": {"help"},
}


def find_pages():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        [*command, "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted(path for path in paths if path.is_file())


PAGES = find_pages()


def id_of(path):
    return str(path.relative_to(ROOT))


def anchors_of(page):
    """Anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {text.replace(" ", "-") for text in words}


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_links_point_to_something(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_paths_exist(page):
    named = r"`((?:conf|doc|egs2|espnet_mtl|local|tests|utils)/[\w./-]+\.\w+)`"
    # In a recipe's README, and in that of all recipes, the recipe's own files.
    places = (ROOT, page.parent, TEMPLATE)
    missing = [
        name
        for name in re.findall(named, page.read_text())
        if not any((place / name).exists() for place in places)
    ]
    assert not missing


def test_the_tour_names_what_is_in_its_files():
    tour = (ROOT / "doc/how-an-utterance-is-attacked.md").read_text()
    rows = re.findall(r"^\| \d+ \| \[.*\]\((\S+)\) \| (.*) \|$", tour, flags=re.M)
    assert 9 <= len(rows) <= 13
    missing = [
        f"{link}: {name}"
        for link, told in rows
        for name in re.findall(r"`([\w.]+)`", told)
        if not re.search(
            rf"\b{name.rpartition('.')[2]}\b", (ROOT / "doc" / link).read_text()
        )
    ]
    assert not missing


def known_options():
    """Collect the options of this repository's scripts and programs."""
    known = set().union(*FOREIGN.values())
    scripts = [ROOT / "run.sh", ROOT / "local/install.sh", TEMPLATE / "asr_mtl.sh"]
    scripts += [TEMPLATE / "run.sh", *(ROOT / "egs2").glob("*/asr_mtl1/local/data.sh")]
    for script in scripts:
        text = script.read_text()
        known |= set(re.findall(r"^([a-z]\w*)=", text, flags=re.M))
        known |= set(re.findall(r"^ *--([a-z]\w*)[ |)=]", text, flags=re.M))
    for folder in ("espnet_mtl", "egs2"):
        for program in (ROOT / folder).rglob("*.py"):
            known |= set(re.findall(r"\"--([a-z][\w-]*)\"", program.read_text()))
    for tool in (TEMPLATE / "utils").glob("*.pl"):
        known |= set(re.findall(OPTION, tool.read_text()))
    python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for tool in (TEMPLATE / "utils").glob("*_*.sh"):  # with Kaldi's names
        if tool.name not in ("parse_options.sh", "run_module.sh"):
            shown = subprocess.run(
                [tool, "--help"],
                env={**os.environ, "PATH": python},
                capture_output=True,
                text=True,
                check=True,
            )
            known |= set(re.findall(OPTION, shown.stdout))
    return known


def test_options_exist():
    known = known_options()
    unknown = {
        f"{id_of(page)}: --{option}"
        for page in PAGES
        for option in re.findall(OPTION, page.read_text())
        if option not in known
    }
    assert not unknown


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_the_readme_explains_advtwer_before_its_first_table():
    text = (ROOT / "README.md").read_text()
    explained = text.index("**AdvTWER**")
    assert explained < re.search(r"^\|.*AdvTWER", text, flags=re.M).start()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "README.md",
            ["mini_accent:plot", "mini_accent:verdict", "mini_accent:short"],
        ),
        ("doc/results.md", ["mini_accent", "fsdd", "mini_accent_robust", "claims"]),
        ("egs2/mini_accent/asr_mtl1/README.md", ["mini_accent"]),
        ("egs2/fsdd/asr_mtl1/README.md", ["fsdd", "fsdd_robust"]),
        (
            "egs2/saa/asr_mtl1/README.md",
            [
                *("saa:verdict", "saa", "saa_four_accents", "saa_pitch"),
                *("saa_robust", "saa_robust_pitch"),
            ],
        ),
    ],
)
def test_results_have_a_place(name, parts):
    text = (ROOT / name).read_text()
    assert re.findall(r"<!-- results:(\S+) -->", text) == parts
    assert re.findall(r"<!-- /results:(\S+) -->", text) == parts
