import math

import pytest
from curve_factory import make_curve_exp

from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.plot_curve import plot_attackers, plot_curves
from espnet_mtl.report.robustness.curves import make_curves

SIX = ("ctc", "att", "hybrid", "ctc_accent", "att_accent", "hybrid_accent")
BUDGETS = (0.001, 0.002, 0.004)
TRIED = {
    "ann-0": [(0.001, 0)],
    "bob-0": [(0.001, 6), (0.002, 0)],
    "cyd-0": [(0.001, 8), (0.002, 4), (0.004, 0)],
    "dan-0": [(0.001, 9), (0.002, 9), (0.004, 5)],
}


def make(folder, systems=("ctc",), found=None, **options):
    options = {"utts_per_speaker": 1, "budgets": BUDGETS, **options}
    found = found or {"chain": TRIED}
    exps = [make_curve_exp(folder, name, found, **options) for name in systems]
    [group] = make_groups(read_experiments(exps))
    return make_curves(group)


def named(axis):
    """Lines of systems or attackers, by what the legend calls them."""
    handles, labels = axis.get_legend_handles_labels()
    return dict(zip(labels, handles, strict=True))


def panels_of(figure):
    return [axis for axis in figure.axes if axis.get_visible()]


def test_lines_are_the_points(tmp_path, drawn):
    plot_curves(make(tmp_path), tmp_path / "curve.png")
    [axis] = panels_of(drawn[0])
    line = named(axis)["ctc"]
    assert line.get_drawstyle() == "steps-post"
    # From the null value on, each step up to the next budget, and beyond the last.
    budgets, rates = line.get_data()
    assert list(budgets[1:-1]) == list(BUDGETS)
    assert list(rates) == [100.0, 57.5, 32.5, 12.5, 12.5]
    low, high = axis.get_xlim()
    assert axis.get_xscale() == "log" and low < 0.001 and high > 0.004
    # A marker where half of the utterances are broken.
    [marker] = [one for one in axis.lines if one.get_marker() == "o"]
    assert marker.get_xydata().tolist() == [[0.002, 32.5]]
    [legend] = [text.get_text() for text in axis.get_legend().get_texts()]
    assert legend == "ctc:\nhalf broken at 0.002"


def test_the_band_is_that_of_the_points(tmp_path, drawn):
    curves = make(tmp_path)
    plot_curves(curves, tmp_path / "curve.png")
    [axis] = panels_of(drawn[0])
    [span, band] = (
        axis.collections if len(axis.collections) == 2 else [None, *axis.collections]
    )
    drawn_at = {tuple(point) for point in band.get_paths()[0].vertices.tolist()}
    for point in curves.systems[0].whole.points:
        low, high = point.adv_twer_ci
        assert {(point.budget, low), (point.budget, high)} <= drawn_at


def test_twins_share_a_panel_and_look_alike_in_all(tmp_path, drawn):
    plot_curves(make(tmp_path, SIX), tmp_path / "curve.png")
    panels = panels_of(drawn[0])
    assert [list(named(axis)) for axis in panels] == [
        ["ctc", "ctc_accent"],
        ["att", "att_accent"],
        ["hybrid", "hybrid_accent"],
    ]
    looks = []
    for axis in panels:
        names = [text.get_text() for text in axis.get_legend().get_texts()]
        assert names[-1] == "the other systems"
        lines = named(axis).values()
        looks.append([(one.get_color(), one.get_linestyle()) for one in lines])
    # The same for what is the same in each panel, and told apart in two ways
    assert looks[0] == looks[1] == looks[2]
    (colour, dash), (other, other_dash) = looks[0]
    assert colour != other and dash != other_dash
    markers = {one.get_marker() for axis in panels for one in axis.lines} - {"None"}
    assert len(markers) == 3


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 10])
def test_every_system_is_in_one_panel(tmp_path, drawn, count):
    systems = [f"sys{number}" for number in range(count)]
    plot_curves(make(tmp_path, systems), tmp_path / "curve.png")
    panels = panels_of(drawn[0])
    assert [name for axis in panels for name in named(axis)] == systems
    assert len(panels) == math.ceil(count / 3)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_axis_on_top_is_the_snr(tmp_path, drawn, norm):
    def snr(_, budget):
        return -20.0 * math.log10(budget) - 20.0

    curves = make(tmp_path, norm=norm, snr_db=snr)
    plot_curves(curves, tmp_path / "curve.png")
    [axis] = panels_of(drawn[0])
    [top] = axis.child_axes
    ticks = top.get_xticks()
    assert len(ticks) > 1
    for tick in ticks:
        budget = 10.0 ** ((-20.0 - tick) / 20.0)
        [below, _] = axis.transData.transform((budget, 0.0))
        [above, _] = top.transData.transform((tick, 0.0))
        assert above == pytest.approx(below)
    assert top.get_xticklabels()[0].get_text() == f"{ticks[0]:g} dB"


def test_fewer_decibels_are_to_the_right(tmp_path, drawn):
    budgets = dict(zip(BUDGETS, (40.0, 34.0, 28.0), strict=True))
    found = {
        utt: [(budgets[budget], cost) for budget, cost in tried]
        for utt, tried in TRIED.items()
    }
    curves = make(tmp_path, SIX, {"chain": found}, norm="snr", budgets=(40, 34, 28))
    plot_curves(curves, tmp_path / "curve.png")
    for axis in panels_of(drawn[0]):
        left, right = axis.get_xlim()
        assert left > 40.0 > 28.0 > right
        assert axis.child_axes == []  # the budget itself is in dB
    label = panels_of(drawn[0])[0].get_legend().get_texts()[0].get_text()
    assert label == "ctc:\nhalf broken at 34 dB"


@pytest.mark.parametrize(
    ("tried", "label", "end"),
    [
        ([(0.001, 0)], "half broken by 0.001", 0.001),
        # Up to where the search went
        (
            [(0.001, 9), (0.002, 9), (0.004, 9)],
            "fewer than half broken up to 0.004",
            0.004,
        ),
    ],
)
def test_all_broken_and_none(tmp_path, drawn, tried, label, end):
    found = {"chain": dict.fromkeys(TRIED, tried)}
    plot_curves(make(tmp_path, found=found), tmp_path / "curve.png")
    [axis] = panels_of(drawn[0])
    assert axis.get_legend().get_texts()[0].get_text() == f"ctc:\n{label}"
    assert end < axis.get_xlim()[1] < 3 * end


def test_what_was_not_tried_on_all_is_thin(tmp_path, drawn):
    """Only ann, whom the weakest budget broke, was attacked with less."""
    found = {"chain": {**TRIED, "ann-0": [(0.0005, 0), *TRIED["ann-0"]]}}
    plot_curves(make(tmp_path, found=found, curve={"halvings": 1}), tmp_path / "c.png")
    [axis] = panels_of(drawn[0])
    thick, thin = named(axis)["ctc"], axis.lines[1]
    assert thick.get_xdata()[0] == 0.001
    assert thin.get_linewidth() < thick.get_linewidth() / 2
    assert list(thin.get_xdata()[1:]) == [0.0005, 0.001]
    assert list(thin.get_ydata()) == [100.0, 75.0, 57.5]


def test_a_single_budget_has_room_on_both_sides(tmp_path, drawn):
    found = {"chain": {utt: tried[:1] for utt, tried in TRIED.items()}}
    plot_curves(make(tmp_path, found=found, budgets=(0.001,)), tmp_path / "curve.png")
    low, high = panels_of(drawn[0])[0].get_xlim()
    assert low < 0.001 < high


def test_one_speaker_has_no_band(tmp_path, drawn):
    found = {"chain": {f"ann-{n}": tried for n, tried in enumerate(TRIED.values())}}
    options = {"speakers": ("ann",), "utts_per_speaker": 4}
    plot_curves(make(tmp_path, found=found, **options), tmp_path / "curve.png")
    [axis] = panels_of(drawn[0])
    assert list(named(axis)["ctc"].get_ydata())[1:4] == [57.5, 32.5, 12.5]
    assert not axis.collections


def test_attackers_have_a_panel_for_each_system(tmp_path, drawn):
    found = {"chain": TRIED, "fgsm": TRIED}
    curves = make(tmp_path, ("ctc", "att"), found)
    plot_attackers(curves, tmp_path / "attackers.png")
    [figure] = drawn
    assert [axis.get_title() for axis in panels_of(figure)] == ["ctc", "att"]
    for axis in panels_of(figure):
        assert list(named(axis)) == ["chain", "fgsm"]
    [legend] = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["chain", "fgsm", "half of the utterances broken"]
    axis = panels_of(figure)[0]
    assert legend.get_window_extent().y1 < axis.get_window_extent().y0 or (
        legend.get_window_extent().x0 > panels_of(figure)[-1].get_window_extent().x1
    )


LONG = "train_asr_mtl_raw_en_bpe30_a_rather_long_name"


def test_long_names_stand_below(tmp_path, drawn):
    plot_curves(make(tmp_path, (LONG,)), tmp_path / "curve.png")
    [figure] = drawn
    [axis] = panels_of(figure)
    assert axis.get_legend() is None
    panel = axis.get_window_extent()
    assert panel.width > 0.6 * figure.bbox.width
    assert figure.legends[0].get_window_extent().y1 < panel.y0
