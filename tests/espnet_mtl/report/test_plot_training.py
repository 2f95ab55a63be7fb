import pytest
from exp_factory import add_clean, add_log

from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.plot_style import plt
from espnet_mtl.report.plot_training import plot_training

LONG = "train_asr_mtl_raw_en_bpe30_a_rather_long_name"


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Draw the curves of systems; return the visible panels."""
    figures = []
    monkeypatch.setattr(plt, "close", figures.append)

    def panels(epochs, *systems):
        exps = []
        for system in systems:
            exps.append(tmp_path / f"asr_mtl_{system}")
            add_clean(exps[-1], system)
            add_log(exps[-1], epochs=epochs, accent=True)
        assert plot_training(read_experiments(exps), tmp_path / "training.png")
        return [axis for axis in figures[-1].axes if axis.get_visible()]

    yield panels
    monkeypatch.undo()
    plt.close("all")


@pytest.mark.parametrize("epochs", [1, 3, 40])
def test_ticks_are_epochs(draw, epochs):
    for axis in draw(epochs, "ctc"):
        low, high = axis.get_xlim()
        ticks = [tick for tick in axis.get_xticks() if low <= tick <= high]
        assert ticks and all(tick == int(tick) for tick in ticks)


@pytest.mark.parametrize(("epochs", "every"), [(1, 1), (20, 1), (21, 2), (100, 5)])
def test_every_epoch_has_its_marker_unless_they_hide_the_line(draw, epochs, every):
    [line] = draw(epochs, "ctc")[0].lines
    assert line.get_markevery() == every


def test_titles_stay_apart_whatever_the_names(draw):
    panels = draw(3, "ctc", LONG)
    assert len(panels) == 4
    for left, right in (panels[:2], panels[2:]):
        assert left.title.get_window_extent().x1 < right.title.get_window_extent().x0
