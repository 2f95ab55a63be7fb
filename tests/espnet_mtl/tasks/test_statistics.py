"""Statistics are ESPnet's, and say how far they are."""

import logging
from types import SimpleNamespace

import pytest
import torch
from espnet2.main_funcs.collect_stats import collect_stats
from espnet2.tasks import abs_task

from espnet_mtl.data import progress
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tasks.statistics import collect_stats_counted


def batches(name, number):
    for n in range(number):
        speech = torch.ones(2, 5 + n)
        lengths = torch.tensor([5 + n, 4])
        keys = [f"{name}{n}a", f"{name}{n}b"]
        yield keys, {"speech": speech, "speech_lengths": lengths}


@pytest.fixture
def tables(tmp_path):
    for name, number in (("train", 6), ("valid", 2)):
        (tmp_path / name).write_text("utt x\n" * number)
    return SimpleNamespace(
        train_shape_file=[str(tmp_path / "train")],
        valid_shape_file=[str(tmp_path / "valid")],
    )


def test_progress_is_over_both_sets_and_the_statistics_are_espnets(
    tables, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(progress, "_SECONDS", -1.0)
    more = dict(model=None, ngpu=0, log_interval=None, write_collected_feats=False)
    with caplog.at_level(logging.INFO):
        collect_stats_counted(
            tables,
            train_iter=batches("t", 3),
            valid_iter=batches("v", 1),
            output_dir=tmp_path / "ours",
            **more,
        )
    assert "progress: 6/8 utterances (statistics)" in caplog.messages
    assert caplog.messages[-1] == "progress: 8/8 utterances (statistics)"
    collect_stats(
        train_iter=[*batches("t", 3)],
        valid_iter=[*batches("v", 1)],
        output_dir=tmp_path / "theirs",
        **more,
    )
    for name in ("train/speech_shape", "valid/speech_shape"):
        ours = (tmp_path / "ours" / name).read_text()
        assert ours == (tmp_path / "theirs" / name).read_text() and ours


def test_a_task_collects_with_it(monkeypatch):
    used = []

    def work(args):
        used.append(abs_task.collect_stats.func)

    monkeypatch.setattr(abs_task.AbsTask, "main_worker", work)
    args = {"collect_stats": True, "output_dir": None, "best_model_criterion": []}
    ASRMTLTask.main_worker(SimpleNamespace(**args))
    assert used == [collect_stats_counted]
    assert abs_task.collect_stats is collect_stats
