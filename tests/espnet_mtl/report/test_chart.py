"""The curves of the page lie where the numbers say."""

import math
import re
from dataclasses import replace

import pytest
from curve_factory import make_curve_exp
from exp_factory import CLEAN, change_rows, make_exp, make_trial

from espnet_mtl.report.chart import budget_chart, curve_chart
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.robustness.curves import make_curves

BUDGETS = (0.001, 0.002, 0.004)
TRIED = {
    "ann-0": [(0.001, 0)],
    "bob-0": [(0.001, 6), (0.002, 0)],
    "cyd-0": [(0.001, 8), (0.002, 4), (0.004, 0)],
    "dan-0": [(0.001, 9), (0.002, 9), (0.004, 5)],
}


def make(folder, systems=("ctc",), **options):
    options = {"utts_per_speaker": 1, "budgets": BUDGETS, **options}
    options |= {"snr_db": lambda _, budget: -20 * math.log10(budget) - 20}
    exps = [
        make_curve_exp(folder, name, {"chain": TRIED}, **options) for name in systems
    ]
    [group] = make_groups(read_experiments(exps))
    return curve_chart(make_curves(group))


def points_of(path):
    """Corners of a path: where it goes, absolutely."""
    x = y = 0.0
    found = []
    for kind, numbers in re.findall(r"([MHVL])([^MHVLZ]*)", path):
        values = [*map(float, numbers.split())]
        if kind in "ML":
            x, y = values
        elif kind == "H":
            [x] = values
        else:
            [y] = values
        found.append((x, y))
    return found


def place_of(ticks, text):
    return next(place for place, shown in ticks if shown == text)


def test_steps_and_ticks_share_a_scale(tmp_path):
    chart = make(tmp_path)
    [[line]] = [panel.lines for panel in chart.panels]
    points = points_of(line.path)
    zero, hundred = (place_of(chart.y_ticks, text) for text in ("0", "100"))
    values = [100 * (y - zero) / (hundred - zero) for _, y in points]
    # From the null value on; each value is kept up to the next budget.
    expected = [100, 100, 57.5, 57.5, 32.5, 32.5, 12.5, 12.5, 12.5]
    assert values == pytest.approx(expected, abs=0.1)
    first = place_of(chart.x_ticks, "0.001")
    assert points[1][0] == pytest.approx(first, abs=0.1)
    doubles = [points[place][0] for place in (1, 3, 5)]
    assert doubles[1] - doubles[0] == pytest.approx(doubles[2] - doubles[1], abs=0.05)
    assert line.mark == pytest.approx(points[4], abs=0.1)
    assert chart.null == (hundred, hundred)


def test_decibels_stand_beside_budgets(tmp_path):
    chart = make(tmp_path)
    [[line]] = [panel.lines for panel in chart.panels]
    # By the formula above, 0.001 is 40 dB below the speech, and doubling is 6 dB.
    at = {place: float(text.removesuffix(" dB")) for place, text in chart.top_ticks}
    first, second = (points_of(line.path)[place][0] for place in (1, 3))
    for place, snr in at.items():
        expected = 40 - 20 * math.log10(2) * (place - first) / (second - first)
        assert snr == pytest.approx(expected, abs=0.1)
    assert len(at) > 1


def test_the_band_goes_there_and_back(tmp_path):
    [[line]] = [panel.lines for panel in make(tmp_path).panels]
    band = points_of(line.band)
    assert line.band.endswith("Z")
    assert band[0][0] == pytest.approx(band[-1][0])
    for x, y in points_of(line.path)[2:]:
        at = [other for place, other in band if abs(place - x) < 0.02]
        assert min(at) <= y <= max(at)


def test_fewer_decibels_are_to_the_right(tmp_path):
    found = {"chain": {"ann-0": [(40.0, 5), (30.0, 0)]}}
    about = {"norm": "snr", "budgets": (40.0, 30.0), "speakers": ("ann",)}
    exp = make_curve_exp(tmp_path, "ctc", found, utts_per_speaker=1, **about)
    [group] = make_groups(read_experiments([exp]))
    chart = curve_chart(make_curves(group))
    ticks = [(place, -float(text.removesuffix(" dB"))) for place, text in chart.x_ticks]
    assert len(ticks) > 1
    assert sorted(ticks) == sorted(ticks, key=lambda tick: tick[1])
    assert chart.top_ticks == []


def test_families_have_panels_and_others_are_pale(tmp_path):
    chart = make(tmp_path, ("ctc", "att", "ctc_accent", "att_accent"))
    names = [[line.label for line in panel.lines] for panel in chart.panels]
    assert names == [["ctc", "ctc_accent"], ["att", "att_accent"]]
    assert [len(panel.others) for panel in chart.panels] == [2, 2]
    assert "att_accent: half broken at 0.002" in chart.description


def test_without_curves_there_are_the_budgets(tmp_path):
    about = {"audio": False, "attackers": ("a",)}
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 3, **about)
    [group] = make_groups(read_experiments([exp]))
    chart = budget_chart(group)
    [[line]] = [panel.lines for panel in chart.panels]
    xs, ys = zip(*points_of(line.path), strict=True)
    assert len(xs) == 3 and xs[0] > 0 and xs[-1] < 100
    assert len(set(ys)) == 1
    assert place_of(chart.y_ticks, "20") > ys[0] > place_of(chart.y_ticks, "40")
    assert line.note == "30.0 % at 0.008"


def test_attacks_without_a_target_show_the_damage(tmp_path):
    trials = [CLEAN]
    for budget in (0.001, 0.002):
        trial = make_trial("pgd", "untargeted", budget=budget)
        trials.append(replace(trial, words="away"))
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 0, trials=trials, audio=False)
    change_rows(exp, lambda row: {"adv_wer": 1e4 * row.budget} if row.budget else {})
    [group] = make_groups(read_experiments([exp]))
    chart = budget_chart(group)
    assert chart.words.value == "AdvWER, %"
    [[line]] = [panel.lines for panel in chart.panels]
    ten, twenty = (y for _, y in points_of(line.path))
    zero = place_of(chart.y_ticks, "0")
    assert zero - twenty == pytest.approx(2 * (zero - ten), abs=0.02)
    assert chart.null[0] > ten  # WER of untouched audio: 4 %
