import pytest
from exp_factory import make_exp

from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.plot_attack import plot_attackers, plot_budgets


def errors(trial, speaker, number):
    return {30: 8, 20: 5, 10: 1}[trial.budget] + (trial.attack == "noise")


@pytest.mark.parametrize("attackers", [("a",), ("a", "b"), ("a", "b", "c", "d")])
def test_every_panel_has_the_stronger_attack_to_the_right(tmp_path, drawn, attackers):
    exp = make_exp(
        tmp_path,
        "ctc",
        errors=errors,
        budgets=(10, 20, 30),
        norm="snr",
        attackers=attackers,
        audio=False,
    )
    [group] = make_groups(read_experiments([exp]))
    plot_attackers(group, tmp_path / "attackers.png")
    plot_budgets(group, tmp_path / "budgets.png")
    panels = [axis for figure in drawn for axis in figure.axes if axis.get_visible()]
    assert len(panels) == len(attackers) + 1
    for axis in panels:
        left, right = axis.get_xlim()
        assert left > right


def test_lines_are_the_scores(tmp_path, drawn):
    exp = make_exp(
        tmp_path, "ctc", errors=errors, budgets=(10, 20, 30), norm="snr", audio=False
    )
    [group] = make_groups(read_experiments([exp]))
    plot_budgets(group, tmp_path / "budgets.png")
    strongest, noise, null = drawn[0].axes[0].lines
    assert strongest.get_label() == "ctc"
    assert list(strongest.get_xdata()) == [10, 20, 30]
    assert list(strongest.get_ydata()) == [10.0, 50.0, 80.0]
    assert noise.get_color() == strongest.get_color()
    assert noise.get_linewidth() < strongest.get_linewidth() / 2
    assert list(noise.get_ydata()) == [20.0, 60.0, 90.0]
    assert list(null.get_ydata()) == [100.0, 100.0]


def test_the_highest_point_has_room_above_it(tmp_path, drawn):
    """All far from 0 and close together: their range alone gives no margin."""
    exp = make_exp(tmp_path, "ctc", errors=lambda *_: 17, wer=4.0, audio=False)
    [group] = make_groups(read_experiments([exp]))
    plot_budgets(group, tmp_path / "budgets.png")
    plot_attackers(group, tmp_path / "attackers.png")
    assert len(drawn) == 2
    for figure in drawn:
        assert figure.axes
        for axis in figure.axes:
            assert axis.get_ylim()[0] == 0
            assert axis.get_ylim()[1] > 1.04 * 170


LONG = "train_asr_mtl_raw_en_bpe30_a_rather_long_name"


@pytest.mark.parametrize(("system", "is_below"), [("ctc", False), (LONG, True)])
def test_a_long_name_does_not_take_the_room_of_the_panel(
    tmp_path, drawn, system, is_below
):
    exp = make_exp(tmp_path, system, errors=lambda *_: 5, audio=False)
    [group] = make_groups(read_experiments([exp]))
    plot_budgets(group, tmp_path / "budgets.png")
    [figure] = drawn
    panel = figure.axes[0].get_window_extent()
    assert panel.width > 0.6 * figure.bbox.width
    assert (figure.legends[0].get_window_extent().y1 < panel.y0) == is_below
