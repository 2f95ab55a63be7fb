from collections import defaultdict

import pytest
from exp_factory import BUDGETS, STRENGTHS, add_log, errors_of, make_exp

from espnet_mtl.bin.asr_mtl_report import main
from espnet_mtl.report.plot_style import plt


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Four attacked systems: two single-task ones and two with an accent branch."""
    folder = tmp_path_factory.mktemp("study")
    exps = {}
    for system, attackers in STRENGTHS.items():
        accent = system.endswith("accent")
        exps[system] = make_exp(
            folder,
            system,
            errors=errors_of(system),
            budgets=BUDGETS,
            attackers=tuple(attackers),
            also=[] if accent else ["accent_blind"],
            accent=accent,
            wer=4.0 + accent,
        )
        add_log(exps[system], accent=accent)
    return exps


@pytest.fixture(scope="session")
def written(study, tmp_path_factory):
    """The report of all four, written."""
    output = tmp_path_factory.mktemp("report")
    words = ["--exp", *map(str, study.values()), "--output", str(output)]
    main([*words, "--command", "./run.sh <all> & more", "--title", "A <title>"])
    return output


@pytest.fixture
def without_plots(monkeypatch):
    """Reports have no plots and audio, which take most of their time."""
    monkeypatch.setattr(
        "espnet_mtl.report.report.make_media", lambda *_: defaultdict(list)
    )


@pytest.fixture
def drawn(monkeypatch):
    """Figures as they are when they are closed."""
    figures = []
    monkeypatch.setattr(plt, "close", figures.append)
    yield figures
    monkeypatch.undo()
    plt.close("all")
