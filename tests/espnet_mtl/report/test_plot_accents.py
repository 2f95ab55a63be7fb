import pytest

from espnet_mtl.report.plot_accents import plot_confusions
from espnet_mtl.results.clean_scores import AccentConfusion

# Rows are true accents: 6 of 8 from the US were recognised, and 4 of 5 from India.
UNEVEN = AccentConfusion(accents=("us", "india"), counts=((6, 2), (1, 4)), unlabelled=3)
NONE_RIGHT = AccentConfusion(
    accents=("us", "uk"), counts=((0, 4), (0, 0)), unlabelled=0
)


def cells_of(axis):
    """Return the texts of cells by (column, row)."""
    return {text.get_position(): text.get_text() for text in axis.texts}


def test_rows_are_true_accents_and_columns_recognised_ones(tmp_path, drawn):
    assert plot_confusions([("mine", UNEVEN)], tmp_path / "accents.png")
    [figure] = drawn
    axis = figure.axes[0]
    assert cells_of(axis) == {(0, 0): "6", (1, 0): "2", (0, 1): "1", (1, 1): "4"}
    [image] = axis.images
    assert image.get_array().tolist() == [[0.75, 0.25], [0.2, 0.8]]
    assert image.get_clim() == (0, 1)
    # From the left to the right, and from the top to the bottom
    assert axis.get_xlim() == (-0.5, 1.5) and axis.get_ylim() == (1.5, -0.5)
    for labels in (axis.get_xticklabels(), axis.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["us", "india"]
    assert figure.get_supxlabel() == "recognised accent"
    assert figure.get_supylabel() == "true accent"
    # 10 of 13; the mean of 75 and 80; 8 of 13
    assert axis.get_title() == ("mine\n76.9 % right, balanced 77.5 %\nmajority 61.5 %")


def test_counts_can_be_read_on_dark_cells(tmp_path, drawn):
    plot_confusions([("mine", UNEVEN)], tmp_path / "accents.png")
    colours = {text.get_text(): text.get_color() for text in drawn[0].axes[0].texts}
    assert colours == {"6": "white", "4": "white", "2": "black", "1": "black"}


def test_each_system_has_its_own_matrix(tmp_path, drawn):
    named = [("one", UNEVEN), ("other", NONE_RIGHT)]
    assert plot_confusions(named, tmp_path / "accents.png")
    one, other = drawn[0].axes[:2]
    assert one.get_title().startswith("one\n76.9 % right")
    assert other.get_title() == "other\n0.0 % right, balanced 0.0 %\nmajority 100.0 %"
    assert other.images[0].get_array().tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert cells_of(other)[1, 0] == "4"


def test_without_accents_nothing_is_drawn(tmp_path, drawn):
    assert not plot_confusions([], tmp_path / "accents.png")
    assert drawn == [] and not (tmp_path / "accents.png").exists()


@pytest.mark.parametrize("count", [1, 5])
def test_there_is_a_panel_for_each_system_and_no_other(tmp_path, drawn, count):
    named = [(f"system{n}", UNEVEN) for n in range(count)]
    plot_confusions(named, tmp_path / "accents.png")
    panels = [axis for axis in drawn[0].axes if axis.get_visible() and axis.texts]
    assert [axis.get_title().split("\n")[0] for axis in panels] == [n for n, _ in named]
