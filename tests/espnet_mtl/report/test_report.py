import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import scoring_dirs as dirs
from exp_factory import (
    BUDGETS,
    add_clean,
    add_log,
    change_rows,
    change_scores,
    errors_of,
    make_exp,
)
from PIL import Image

from espnet_mtl.bin.asr_mtl_report import main
from espnet_mtl.bin.asr_mtl_score import main as score
from espnet_mtl.errors import UserError
from espnet_mtl.report.experiment_page import format_results
from espnet_mtl.report.model_card import model_card
from espnet_mtl.results.clean_scores import (
    AccentConfusion,
    read_clean_scores,
    write_clean_scores,
)
from espnet_mtl.results.files import ATTACK_VERSION

_VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its tags are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.refers, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.refers += [v for k, v in attrs if k in ("src", "href", "action", "data")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_page_stands_alone(written):
    text = (written / "index.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    assert {p for p in page.refers if p.endswith(".wav")} >= {"audio/clean.wav"}
    for path in page.refers:
        is_inside = path.startswith(("#", "data:,"))
        assert is_inside or (written / path).stat().st_size > 0
    words = "".join(page.text)
    assert "./run.sh <all> & more" in words
    assert "A <title>" in words


def test_page_and_results_have_the_same_tables(written):
    """But for the audit's, which is longer in the page."""
    markdown = (written / "RESULTS.md").read_text()
    html = (written / "index.html").read_text()
    markdown = re.sub(r"^## Audit.*?(?=^## )", "", markdown, flags=re.DOTALL | re.M)
    found = re.sub(r"<t[hd][^>]*>", "| ", html.replace("&lt;", "<"))
    found = found.replace("</td>", " ").replace("</th>", " ")
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    rows = [line for line in lines if ":---" not in line]
    assert len(rows) > 40
    for row in rows:
        assert row.removesuffix("|") in found


def test_what_was_found_comes_first(written):
    for name in ("RESULTS.md", "index.html"):
        text = (written / name).read_text()
        places = [text.index(said) for said in _ORDER]
        assert places == sorted(places)


_ORDER = (
    "How little noise makes the recogniser hear",
    "Does the accent branch help?",
    "without attack",
    "Robustness",
    "Untouched audio, whole sets",
    "Environments",
    "./run.sh",
)


def test_who_reads_with_the_ears_is_told_what_is_to_be_seen(written):
    page = (written / "index.html").read_text()
    tags = re.findall(r"<(img|svg|canvas|th|select)\b([^>]*)>", page)
    needs = {
        "img": r'alt="[^"]+',
        "svg": 'aria-hidden="true"|aria-label="[^"]+',
        "canvas": 'role="img"',
        "th": 'scope="(row|col)"',
        "select": 'name="',
    }
    assert {tag for tag, _ in tags} == {*needs}
    for tag, attributes in tags:
        assert re.search(needs[tag], attributes), (tag, attributes)
    assert page.count("<select") == page.count("<label>")
    assert '<html lang="en">' in page


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("advtwer_vs_budget", (900, 550)),
        ("attackers", (1000, 400)),
        ("training", (1000, 650)),
        ("accents", (700, 400)),
        ("example", (1400, 700)),
    ],
)
def test_plots(written, name, least):
    with Image.open(written / "plots" / f"{name}.png") as image:
        assert image.width >= least[0] and image.height >= least[1]
        # A plot has many more colours than a blank page.
        assert len(image.convert("RGB").getcolors(1 << 24)) > 50


@pytest.mark.usefixtures("without_plots")
def test_attacks_of_other_strength_are_not_compared(study, tmp_path):
    weaker = tmp_path / study["ctc"].name
    shutil.copytree(study["ctc"], weaker)
    change_rows(weaker, lambda _: {"settings": {"steps": 1}})
    words = ["--exp", str(weaker), str(study["att"]), "--output", str(tmp_path / "out")]
    with pytest.raises(UserError, match="a weaker attack would look like robustness"):
        main(words)


@pytest.mark.usefixtures("without_plots")
def test_attacks_of_an_older_version_are_not_compared(study, tmp_path):
    older = tmp_path / study["ctc"].name
    shutil.copytree(study["ctc"], older)
    change_scores(older, attack_version=ATTACK_VERSION - 1)
    words = ["--exp", str(study["att"]), str(older), "--output", str(tmp_path / "out")]
    with pytest.raises(UserError, match="ctc was attacked by an older version"):
        main(words)


def test_page_shows_code_as_code(written):
    page = (written / "index.html").read_text()
    assert "<li>espnet version: <code>espnet " in page
    assert "`" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_results_json_has_every_row_sorted(written, study):
    rows = json.loads((written / "results.json").read_text())["content"]
    expected = {
        (row["system"], row["trial"])
        for exp in study.values()
        for file in exp.glob("*/test/score_attack/attack_scores.json")
        for row in json.loads(file.read_text())["content"]["rows"]
    }
    assert {(row["system"], row["trial"]) for row in rows} == expected
    # Both attackers have a row for every system, also where they are the same one.
    attacked = [
        (r["system"], r["budget"], r["attacker"]) for r in rows if r["attacker"]
    ]
    assert len(attacked) == len(set(attacked))
    for system, budget, _ in attacked:
        assert (system, budget, "multitask") in attacked
        assert (system, budget, "accent_blind") in attacked
    keys = [(row["system"], row["norm"] or "", row["budget"]) for row in rows]
    assert keys == sorted(keys)


def test_main_table(written):
    text = (written / "RESULTS.md").read_text()
    table = text[text.index("## Robustness") :]
    header, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
    cells = {
        row.split("|")[1].strip(): [cell.strip() for cell in row.split("|")[2:-1]]
        for row in rows[:4]
    }
    assert "| WER ↓ (12 utts) |" in header  # stage 13's is of the whole set
    assert "AdvTWER↑ 0.008" in header and "− att ↑ 0.008 [95 %]" in header
    # Of 10 words, each speaker's three utterances have (0, 1, 0) errors more than the
    # base less one, and speakers 0, 1, 2, 3 more: at the largest budget and base 1
    # that makes 4 + 3 * (0 + 1 + 2 + 3) = 22 errors in 120 words.
    assert "| accent acc. ↑ | balanced ↑ | majority |" in header
    assert cells["ctc"][:4] == ["4.00", "-", "-", "-"]
    assert cells["ctc"][4:7] == ["100.00", "68.33", "18.33"]
    assert cells["ctc_accent"][1:4] == ["87.50", "80.00", "40.00"]
    assert cells["ctc_accent"][6] == "48.33"
    assert cells["ctc_accent"][7].startswith("+30.00 [")
    assert cells["ctc"][7] == "-"


def test_environment_as_espnet_shows_it(written):
    text = (written / "RESULTS.md").read_text()
    for name in ("date", "python version", "espnet version", "pytorch version"):
        assert re.search(rf"^- {name}: `.+`$", text, re.MULTILINE)
    assert "- Git hash: `" in text


@pytest.mark.usefixtures("without_plots")
def test_print_fits(study, tmp_path, capsys):
    words = ["--exp", *map(str, study.values()), "--output", str(tmp_path)]
    main([*words, "--print"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-3])) <= 100
    assert lines[-3:] == [
        str(tmp_path / name) for name in ("RESULTS.md", "index.html", "results.json")
    ]
    assert any(line.startswith("hybrid_accent") for line in lines)


FEW = {"attackers": ("multitask",), "audio": False}


def run(output, *exps, more=()):
    main(["--exp", *map(str, exps), "--output", str(output), *more])
    return (output / "RESULTS.md").read_text()


@pytest.mark.usefixtures("without_plots")
def test_systems_are_compared_as_asked(study, tmp_path):
    """Whether an option has two values or is given twice makes no difference."""
    asked = ("hybrid_accent:ctc_accent", "ctc_accent:ctc")
    shown = []
    for more in (("--compare", *asked), ("--compare", asked[0], "--compare", asked[1])):
        text = run(tmp_path, *study.values(), more=more)
        section = text[text.index("## Comparisons\n") :].split("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
        shown.append([row.split(" | ")[0].removeprefix("| ") for row in rows])
    assert shown == [["hybrid_accent − ctc_accent", "ctc_accent − ctc"]] * 2


@pytest.mark.parametrize("pair", ["ctc", "ctc:ctc", "ctc:gone", "gone:ctc"])
def test_systems_that_cannot_be_compared(study, tmp_path, pair):
    with pytest.raises(UserError, match=f"--compare {pair}: give two of .* are ctc, "):
        run(tmp_path, *study.values(), more=("--compare", pair))


def test_one_single_task_system_without_log_and_audio(tmp_path):
    exp = make_exp(tmp_path, "ctc", errors=errors_of("ctc"), budgets=BUDGETS, **FEW)
    text = run(tmp_path / "out", exp)
    assert "ctc: no finished epoch" in text
    assert "No recognised accents: ctc." in text
    assert "No example" in text
    assert "The only attacker was multitask" in text
    assert "accent acc." not in text.split("## Untouched")[0].split("AdvTWER:")[0]
    assert "claims" not in text
    plots = {path.name for path in (tmp_path / "out" / "plots").iterdir()}
    assert plots == {"advtwer_vs_budget.png"}
    assert not (tmp_path / "out" / "audio").exists()


def always(accent):
    """Scores of a head that always says the same of 38 and 2 utterances."""
    counts = ((38, 0), (2, 0)) if accent == "english" else ((0, 38), (0, 2))
    return AccentConfusion(accents=("english", "korean"), counts=counts, unlabelled=0)


@pytest.mark.usefixtures("without_plots")
def test_an_accuracy_that_says_nothing_is_warned_of_everywhere(tmp_path, capsys):
    about = {"budgets": BUDGETS, "accent": True, "audio": False}
    exp = make_exp(tmp_path, "ctc_accent", errors=errors_of("ctc_accent"), **about)
    quiet = run(tmp_path / "out", exp)
    assert "not above" not in quiet
    row = "| ctc_accent | decode_ctc_accent | test | 40 | 4.0 | 85.0 [70.0, 93.0] |"
    assert row in quiet
    assert "| accent | speakers | utterances | ctc_accent: recall % ↑ |" in quiet
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+\.\d) \|$", quiet, re.M)
    accents = [("2", "10", "80.0"), ("3", "10", "90.0"), ("4", "20", "85.0")]
    assert [found for _, *found in rows] == [list(one) for one in accents]
    folder = exp / "decode_ctc_accent" / "test"
    scores = read_clean_scores(folder)
    write_clean_scores(folder, replace(scores, accents=always("english")))
    same = {"accent_acc": 95.0, "accent_balanced_acc": 50.0, "accent_majority": 95.0}
    change_rows(exp, lambda _: same)
    text = run(tmp_path / "out", exp, more=["--print"])
    said = "95.0 % is not above 95.0 %, the share of the most frequent accent"
    assert f"Warning: ctc_accent: an accent accuracy of {said}" in text
    assert (
        f"Warning: ctc_accent, attacked utterances: an accent accuracy of {said}"
        in text
    )
    assert "| 40 | 4.0 | 95.0 | 50.0 | 95.0 |" in text
    assert "always saying that one" in capsys.readouterr().out
    page = format_results(exp)
    assert "| decode_ctc_accent/test | 40 | 95.0 | 50.0 | 95.0 |" in page
    assert said in page
    (exp / "config.yaml").write_text(
        "robust: pgd\nrobust_conf: {steps: 2, radius: 0.01}\n"
    )
    add_log(exp)
    card = model_card("a/b", exp, {}, {"token_list": []}, {}, {"license": "mit"})
    assert "| pgd, 2 steps, L-inf bound 0.01 |" in card
    assert "| 95.0 | 50.0 | 95.0 |" in card and said in card


def test_one_budget(tmp_path):
    exp = make_exp(tmp_path, "ctc", errors=errors_of("ctc"), budgets=(0.008,), **FEW)
    assert "AdvTWER↑ 0.008" in run(tmp_path / "out", exp)


def test_system_that_was_not_attacked(tmp_path, study):
    exp = tmp_path / "asr_mtl_hybrid"
    exp.mkdir()
    add_clean(exp, "hybrid", wer=7.5)
    add_log(exp)
    text = run(tmp_path / "out", study["ctc"], exp)
    assert "- hybrid: no attack has been scored (stages 15 to 17)." in text
    assert re.search(r"\| hybrid \| decode_hybrid \| test \| 40 \| 7.5 \|", text)
    alone = run(tmp_path / "alone", exp, more=["--print"])
    assert "Robustness" not in alone


def test_system_that_one_attacker_left_out(tmp_path, study):
    exp = make_exp(tmp_path, "hybrid", errors=errors_of("ctc"), budgets=BUDGETS, **FEW)
    text = run(tmp_path / "out", exp, study["ctc_accent"])
    assert "not attacked by accent_blind, which other systems were" in text
    assert "no baseline ctc, att" in text


@pytest.mark.parametrize(
    ("wers", "warned"),
    [
        ((4.0, 5.9), []),
        ((4.0, 6.5), ["differ"]),
        ((10.5, 9.5), ["above 10 %"]),
        ((200.0, 199.0), ["ctc, att: more than half of the words are wrong"]),
    ],
)
def test_warning_of_worse_recognisers(tmp_path, wers, warned):
    exps = [
        make_exp(tmp_path, name, errors=lambda *_: 1, wer=wer, audio=False)
        for name, wer in zip(("ctc", "att"), wers, strict=True)
    ]
    text = run(tmp_path / "out", *exps)
    assert ("Warning: " in text) == bool(warned)
    # Its own reason, not that of a recogniser that is merely a little worse
    assert ("resists targets better: part" in text) == (
        0 < len(warned) and wers[0] < 50
    )
    for word in warned:
        assert word in text


def test_reads_what_stages_15_to_17_write(tmp_path):
    exp = tmp_path / "asr_mtl_ctc"
    attack = dirs.make_attack_dir(exp / "attack_pgd" / "test")
    hyp = dirs.make_attack_decoding(exp / "decode_ctc_attack_pgd" / "test")
    words = ["--attack_dir", str(attack), "--hyp_dir", str(hyp), "--system", "ctc"]
    score(["attack", *words, "--decoder", "decode_ctc", "--attack_tag", "attack_pgd"])

    text = run(tmp_path / "out", exp)
    # Of nine words of feasible targets, five are heard.
    assert "| ctc | 0.00 | 66.67 | 50.00 | 66.67 | 100.00 | 44.44 |" in text
    assert "| ctc | multitask | 0.01 | 3 | 44.44 | 55.56 |" in text
    assert "3 utterances of 2 speakers (set test, attack_pgd, L-inf bound" in text


def test_nothing_found_says_where_and_which_stage(tmp_path):
    (tmp_path / "asr_mtl_ctc").mkdir()
    with pytest.raises(UserError, match=r"asr_mtl_ctc/\*/\*/score_attack.*stage 17"):
        run(tmp_path / "out", tmp_path / "asr_mtl_ctc")
    with pytest.raises(UserError, match="nowhere: no such directory"):
        run(tmp_path / "out", tmp_path / "nowhere")


def test_damaged_scores_name_the_file(tmp_path):
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 1, audio=False)
    [path] = exp.glob("*/test/score_attack/utt_scores.jsonl")
    path.write_text(path.read_text() + '{"key": ')
    lines = len(path.read_text().splitlines())
    with pytest.raises(UserError, match=rf"utt_scores.jsonl:{lines}: damaged"):
        run(tmp_path / "out", exp)


def test_the_same_system_twice_is_refused(tmp_path, study):
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 1, audio=False)
    with pytest.raises(UserError, match="both hold system 'ctc'"):
        run(tmp_path / "out", exp, study["ctc"])


def test_no_model_is_loaded():
    code = (
        "import sys, espnet_mtl.bin.asr_mtl_report as report;"
        "assert not {'torch', 'espnet2', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
