"""The section "Robustness curve" of a report, and ``curve.json``."""

import json
import re
import shutil

import pytest
from curve_factory import make_curve_exp
from exp_factory import change_rows, hyp_dir_of

from espnet_mtl.bin.asr_mtl_report import main
from espnet_mtl.report.experiment_page import format_results
from espnet_mtl.results.attack_scores import read_attack_scores
from espnet_mtl.results.curve import Curve
from espnet_mtl.results.files import read_result

BUDGETS = (0.001, 0.002, 0.004)
CHAIN = {
    "ann-0": [(0.001, 0)],
    "bob-0": [(0.001, 6), (0.002, 0)],
    "cyd-0": [(0.001, 8), (0.002, 4), (0.004, 0)],
    "dan-0": [(0.001, 9), (0.002, 9), (0.004, 5)],
}
WEAKER = {utt: [(budget, 9) for budget in BUDGETS] for utt in CHAIN}
# More speakers, since four are too few for the interval of a median
SEVEN = {
    f"{name}-0": CHAIN[f"{name[:3]}-0"]
    for name in ("ann", "ann2", "bob", "bob2", "dan", "dan2", "dan3")
}
ACCENTS = {"ann": "irish", "bob": "irish", "cyd": "welsh", "dan": "welsh"}


def speakers_of(found):
    return tuple(utt.removesuffix("-0") for utt in found)


def make(folder, system="ctc", found=None, **options):
    options = {"utts_per_speaker": 1, "budgets": BUDGETS, **options}
    return make_curve_exp(folder, system, found or {"chain": CHAIN}, **options)


def report(exps, output):
    main(["--exp", *map(str, exps), "--output", str(output)])
    return (output / "RESULTS.md").read_text()


def section(text, title="Robustness curve"):
    [found] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.M)
    return found


def rows_of(text, title=None):
    """Cells of a table's rows, by the first one."""
    if title is not None:
        text = text[text.index(f"### {title}") :]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    start = next(n for n, line in enumerate(lines) if ":---" in line)
    rows = {}
    for line in lines[start + 1 :]:
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != lines[start].count("|") - 1:
            break
        rows.setdefault(cells[0], cells[1:])
    return rows


@pytest.mark.usefixtures("without_plots")
def test_the_table_of_systems(tmp_path):
    exp = make(tmp_path, found={"chain": SEVEN}, speakers=speakers_of(SEVEN))
    text = section(report([exp], tmp_path / "out"))
    assert "not broken up to 0.004" in text and "utts of 7 speakers" in text
    # 65.5 levels of 16-bit audio; parts of the way 0, 1/2 and 1, of two, two and three.
    cells = rows_of(text)["ctc"]
    assert cells[0] == "7"
    assert cells[1] == "65.5 [≤ 32.8, > 131]"
    assert cells[2] == "0.002"
    assert cells[3] == "≥ 40.0 [not reached, ≥ 40.0]"
    assert cells[4].startswith("57.1 [")
    assert cells[5] == "3 of 7"
    # 100 for each budget that was tried: of two utterances one, of two two, of three
    assert cells[6] == "214, 2"
    assert "the first attack with gradients searches" in text


@pytest.mark.usefixtures("without_plots")
def test_the_table_of_accents(tmp_path):
    exps = [make(tmp_path, name, accent_of=ACCENTS.get) for name in ("ctc", "att")]
    text = section(report(exps, tmp_path / "out"))
    cells = rows_of(text, "Median smallest budget by accent")
    assert cells["irish (2 utts of 2 speakers)"][0] == "≤ 32.8"
    assert cells["welsh (2 utts of 2 speakers)"][1] == "131"


@pytest.mark.usefixtures("without_plots")
def test_the_table_of_attackers(tmp_path):
    exp = make(tmp_path, found={"chain": CHAIN, "square": WEAKER})
    text = section(report([exp], tmp_path / "out"))
    cells = rows_of(text, "Each attacker's curve")
    assert cells == {
        "chain": ["1.00", "1.00", "1 of 4"],
        "square": ["0.00", "0.00", "4 of 4"],
    }
    alone = section(report([make(tmp_path / "alone")], tmp_path / "out"))
    assert "Each attacker" not in alone and "ptimality" not in alone


@pytest.mark.usefixtures("without_plots")
def test_decibels(tmp_path):
    budgets = dict(zip(BUDGETS, (40.0, 34.0, 28.0), strict=True))
    found = {u: [(budgets[b], cost) for b, cost in tried] for u, tried in SEVEN.items()}
    options = {"norm": "snr", "budgets": (40.0, 34.0, 28.0)}
    options["speakers"] = speakers_of(SEVEN)
    exp = make(tmp_path, found={"chain": found}, **options)
    text = section(report([exp], tmp_path / "out"))
    assert rows_of(text)["ctc"][1] == "34 [< 28, ≥ 40]"
    assert "not broken up to 28 dB" in text and "16-bit" not in text


@pytest.mark.usefixtures("without_plots")
def test_what_the_attack_heard_wrongly_is_a_warning(tmp_path):
    right = section(report([make(tmp_path / "a")], tmp_path / "out"))
    assert "another outcome" not in right
    exp = make(tmp_path / "b", heard={"bob-0": 2})
    assert "decoding of the saved file: ctc 1." in section(report([exp], tmp_path))


@pytest.mark.usefixtures("without_plots")
def test_a_median_below_all_budgets_is_a_warning(tmp_path):
    exp = make(tmp_path, found={"chain": dict.fromkeys(CHAIN, [(0.001, 0)])})
    text = section(report([exp], tmp_path / "out"))
    assert "**Warning: ctc: half of the utterances or more are broken by the" in text
    assert rows_of(text)["ctc"][1] == "≤ 32.8"


@pytest.mark.usefixtures("without_plots")
def test_the_file_of_curves(tmp_path):
    exps = [
        make(tmp_path, name, {"chain": CHAIN, "square": WEAKER}, accent_of=ACCENTS.get)
        for name in ("ctc", "att")
    ]
    report(exps, tmp_path / "out")
    curves = read_result(tmp_path / "out" / "curve.json", list[Curve], 18)
    kinds = [(one.system, one.accent, one.attack) for one in curves]
    assert kinds == [
        (system, *kind)
        for system in ("ctc", "att")
        for kind in [
            (None, None),
            ("irish", None),
            ("welsh", None),
            (None, "chain"),
            (None, "square"),
        ]
    ]
    assert [point.adv_twer for point in curves[0].points] == [57.5, 32.5, 12.5]
    # A report without curves takes those of an earlier one away.
    plain = tmp_path / "plain" / exps[0].name
    shutil.copytree(exps[0], plain)
    (plain / "attack_pgd" / "test" / "records.jsonl").unlink()
    text = report([plain], tmp_path / "out")
    assert not (tmp_path / "out" / "curve.json").exists()
    assert "## Robustness curve" not in text
    assert "no robustness curve, since the attack's records" in section(
        text, "Not in this report"
    )


@pytest.mark.usefixtures("without_plots")
def test_no_other_table_changes(tmp_path):
    """The search for the smallest budgets is no attack of a budget."""
    exp = make(tmp_path)
    with_curve = report([exp], tmp_path / "out")
    page = format_results(exp)
    assert any(row.role == "curve" for row in read_attack_scores(hyp_dir_of(exp)).rows)
    change_rows(
        exp,
        lambda row: {"adv_twer": 1.0, "adv_wer": 1.0} if row.role == "curve" else {},
    )
    changed = report([exp], tmp_path / "out")
    assert without_times(changed) == without_times(with_curve)
    assert without_times(format_results(exp)) == without_times(page)
    assert "_curve" not in page


def without_times(text):
    """Leave out the environment, and the audit, which reads the scores as they are."""
    return re.sub(
        r"^## (Environments|Audit).*?(?=^## |\Z)", "", text, flags=re.DOTALL | re.M
    )


def test_plots_are_in_the_page(tmp_path):
    exps = [
        make(tmp_path, name, {"chain": CHAIN, "square": WEAKER}) for name in ("a", "b")
    ]
    text = report(exps, tmp_path / "out")
    for name in ("robustness_curve", "robustness_curve_attackers"):
        assert f"](plots/{name}.png)" in text
        assert (tmp_path / "out" / "plots" / f"{name}.png").stat().st_size > 10_000
    page = (tmp_path / "out" / "index.html").read_text()
    assert 'src="plots/robustness_curve_attackers.png"' in page
    assert page.count('<path class="line"') == 2 * 2  # a curve each, and its legend
    results = json.loads((tmp_path / "out" / "results.json").read_text())["content"]
    assert sum(row["role"] == "curve" for row in results) == 4
