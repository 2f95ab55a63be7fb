"""A training continues what it began, and says so where something else is asked for."""

import argparse
import datetime
import pickle
from unittest import mock

import numpy as np
import pytest
import torch
import yaml
from espnet2.tasks.asr import ASRTask
from espnet2.tasks.lm import LMTask
from espnet2.train import trainer

from espnet_mtl.errors import UserError
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tasks.best_epochs import NumberReporter, average_nbest_models
from espnet_mtl.tasks.lm import StrictLMTask

ACC = ["valid", "acc", "max"]
TASKS = [(ASRMTLTask, ASRTask, "--asr_tag"), (StrictLMTask, LMTask, "--lm_tag")]


@pytest.fixture
def begun(tmp_path):
    """An experiment that was begun with the weights of ``a.pth``."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"init_param": ["a.pth"]}))
    (tmp_path / "checkpoint.pth").touch()
    return tmp_path


def train(task, stock, exp, init_param, **more):
    """Return whether ESPnet's training was reached."""
    args = {
        "collect_stats": False,
        "resume": True,
        "output_dir": str(exp),
        "init_param": init_param,
        "dist_rank": None,
        "best_model_criterion": [ACC],
    }
    with mock.patch.object(stock, "main_worker") as worker:
        task.main_worker(argparse.Namespace(**{**args, **more}))
    return worker.called


@pytest.mark.parametrize(("task", "stock", "tag"), TASKS)
@pytest.mark.parametrize(
    ("wanted", "said"), [(["b.zip"], "b.zip"), ([], "random weights")]
)
def test_other_initial_weights_do_not_continue(begun, task, stock, tag, wanted, said):
    with pytest.raises(UserError, match=f"from a.pth, not from {said}, .*{tag}"):
        train(task, stock, begun, wanted)
    (begun / "config.yaml").write_text("seed: 0\n")
    with pytest.raises(UserError, match="from random weights, not from c.pth"):
        train(task, stock, begun, ["c.pth"])


@pytest.mark.parametrize(
    ("name", "before", "now"),
    [
        ("accent_weight", 0.5, 0.3),
        ("model_conf", {"ctc_weight": 0.3}, {"ctc_weight": 1.0}),
        ("robust", "pgd", None),
        ("robust_conf", {"radius": 0.004}, {"radius": 0.008}),
        ("shuffle_accents", False, True),
        ("frontend_conf", {"hop_length": 160}, {"hop_length": 80}),
        ("encoder_conf", {"attention_heads": 4}, {"attention_heads": 8}),
        ("cleaner", None, "tacotron"),
        ("normalize_conf", {"norm_vars": False}, {"norm_vars": True}),
        ("speech_volume_normalize", None, 0.5),
    ],
)
def test_what_is_learnt_does_not_change_on_the_way(begun, name, before, now):
    settings = {"init_param": ["a.pth"], name: before, "patience": 3}
    (begun / "config.yaml").write_text(yaml.safe_dump(settings))
    more = {"robust": None, "patience": 4}
    said = f"{name}: .* -> .*, and would continue .* --asr_tag"
    with pytest.raises(UserError, match=said):
        train(ASRMTLTask, ASRTask, begun, ["a.pth"], **{**more, name: now})
    assert train(ASRMTLTask, ASRTask, begun, ["a.pth"], **{**more, name: before})


def test_statistics_may_lie_elsewhere(begun):
    settings = {"init_param": ["a.pth"], "normalize_conf": {"stats_file": "a.npz"}}
    (begun / "config.yaml").write_text(yaml.safe_dump(settings))
    more = {"normalize_conf": {"stats_file": "b.npz"}}
    assert train(ASRMTLTask, ASRTask, begun, ["a.pth"], **more)


def test_features_continue_without_a_front_end(begun):
    """ESPnet takes it out of what it saves."""
    settings = {"init_param": ["a.pth"], "frontend": None, "frontend_conf": {}}
    (begun / "config.yaml").write_text(yaml.safe_dump(settings))
    more = {"frontend": "default", "frontend_conf": {"n_fft": 512}}
    assert train(ASRMTLTask, ASRTask, begun, ["a.pth"], input_size=80, **more)
    with pytest.raises(UserError, match="frontend: None -> default"):
        train(ASRMTLTask, ASRTask, begun, ["a.pth"], input_size=None, **more)


def test_statistics_of_another_front_end_are_refused(tmp_path):
    stats = tmp_path / "stats"
    (stats / "train").mkdir(parents=True)
    more = {
        "normalize": "global_mvn",
        "normalize_conf": {"stats_file": str(stats / "train" / "feats_stats.npz")},
        "frontend": "default",
        "frontend_conf": {"hop_length": 160},
    }
    assert train(ASRMTLTask, ASRTask, tmp_path, [], **more)
    collected = {"frontend": "default", "frontend_conf": {"hop_length": 128}}
    (stats / "collect_stats.yaml").write_text(yaml.safe_dump(collected))
    with pytest.raises(UserError, match=f"{stats} has the statistics of another .*128"):
        train(ASRMTLTask, ASRTask, tmp_path, [], **more)
    collected["frontend_conf"]["hop_length"] = 160
    (stats / "collect_stats.yaml").write_text(yaml.safe_dump(collected))
    assert train(ASRMTLTask, ASRTask, tmp_path, [], **more)


@pytest.mark.parametrize("name", ["token_list", "accent_list"])
def test_the_outputs_keep_their_meaning(begun, name):
    """Other entries, as many, would fit the weights just as well."""
    entries = begun / "list"
    settings = {"init_param": ["a.pth"], name: ["b", "a"]}
    (begun / "config.yaml").write_text(yaml.safe_dump(settings))
    entries.write_text("a\nb\n")
    with pytest.raises(UserError, match=f"{name}: other entries"):
        train(ASRMTLTask, ASRTask, begun, ["a.pth"], **{name: str(entries)})
    entries.write_text("b\na\n")
    assert train(ASRMTLTask, ASRTask, begun, ["a.pth"], **{name: str(entries)})


@pytest.mark.parametrize(("task", "stock", "tag"), TASKS)
def test_the_same_command_continues(begun, task, stock, tag):
    assert train(task, stock, begun, ["a.pth"])
    assert train(task, stock, begun, [], collect_stats=True)
    assert train(task, stock, begun, [], resume=False)
    (begun / "checkpoint.pth").unlink()  # nothing was learned yet
    assert train(task, stock, begun, ["b.pth"])


@pytest.mark.parametrize(("task", "stock", "tag"), TASKS)
def test_a_checkpoint_of_an_older_espnet_continues(begun, task, stock, tag):
    """Its notes on the progress hold what newer releases refuse to read."""
    checkpoint, read = begun / "checkpoint.pth", []
    progress = {"loss": np.float64(0.5), "time": datetime.timedelta(seconds=3)}
    torch.save({"reporter": {"epoch": 1, "stats": {1: progress}}}, checkpoint)

    def resume(args):  # as ESPnet 202611 does
        read.append(torch.load(checkpoint, weights_only=True))

    with pytest.raises(pickle.UnpicklingError):
        resume(None)
    args = {"collect_stats": False, "resume": True, "dist_rank": None}
    args["best_model_criterion"] = [ACC]
    args |= {"output_dir": str(begun), "init_param": ["a.pth"]}
    with mock.patch.object(stock, "main_worker", side_effect=resume):
        task.main_worker(argparse.Namespace(**args))
    assert read[0]["reporter"]["stats"][1] == progress


@pytest.mark.parametrize(("task", "stock", "tag"), TASKS)
def test_training_averages_with_ours(tmp_path, task, stock, tag):
    used = []

    def note(_):
        used.append((trainer.Reporter, trainer.average_nbest_models))

    args = argparse.Namespace(
        collect_stats=False,
        resume=True,
        output_dir=str(tmp_path),
        init_param=[],
        dist_rank=None,
        best_model_criterion=[ACC],
    )
    with mock.patch.object(stock, "main_worker", side_effect=note):
        task.main_worker(args)
    [(reporter, average)] = used
    assert issubclass(reporter, NumberReporter) and reporter.criteria == [ACC]
    assert average is average_nbest_models
    assert trainer.average_nbest_models is not average_nbest_models
