"""Whole trainings by the command: log, checkpoints, resuming, processes, export."""

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from espnet2.bin.asr_inference import Speech2Text
from espnet2.main_funcs.pack_funcs import unpack
from espnet2.train.trainer import Trainer
from model_factory import ACCENTS, RATE, TEXTS, make_settings

from espnet_mtl.asr_mtl.robust.trainer import RobustTrainer
from espnet_mtl.bin import asr_mtl_train
from espnet_mtl.package.packing import pack_model
from espnet_mtl.package.unpacking import read_config
from espnet_mtl.tasks.asr_mtl import ASRMTLTask

NUM_UTTS, SAMPLES = 8, 4000
ROOT = Path(__file__).parents[4]
PGD = {"robust": "pgd", "robust_conf": {"radius": 0.02, "ramp_updates": 6}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Utterances of the same length, so that none is padded in any batch."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    tables = {name: [] for name in ("wav.scp", "text", "utt2accent", "shape")}
    for number in range(NUM_UTTS):
        utt = f"utt{number}"
        wav = folder / f"{utt}.wav"
        soundfile.write(wav, 0.1 * rng.standard_normal(SAMPLES), RATE)
        tables["wav.scp"].append(f"{utt} {wav}")
        tables["text"].append(f"{utt} {TEXTS[number % len(TEXTS)]}")
        tables["utt2accent"].append(f"{utt} {ACCENTS[number % len(ACCENTS)]}")
        tables["shape"].append(f"{utt} {SAMPLES}")
    for name, lines in tables.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def write_config(path, data, **settings):
    """Write a training of two batches an epoch."""
    config = make_settings()
    for mode in ("train", "valid"):
        config[f"{mode}_data_path_and_name_and_type"] = [
            [f"{data}/wav.scp", "speech", "sound"],
            [f"{data}/text", "text", "text"],
            [f"{data}/utt2accent", "accent", "text"],
        ]
        config[f"{mode}_shape_file"] = [f"{data}/shape"]
    config |= {
        "batch_type": "sorted",
        "batch_size": 4,
        "max_epoch": 2,
        "optim": "adam",
        "optim_conf": {"lr": 0.01},
        "num_workers": 0,
        "num_att_plot": 0,
        "use_tensorboard": False,
        "use_matplotlib": False,
        "best_model_criterion": [["valid", "loss", "min"]],
        **settings,
    }
    path.write_text(yaml.safe_dump(config))
    return path


def train(folder, data, **settings):
    folder.mkdir(exist_ok=True)
    config = write_config(folder / "asked.yaml", data, **settings)
    exp = folder / "exp"
    asr_mtl_train.main(["--config", str(config), "--output_dir", str(exp)])
    return exp


def load(exp, name):
    return torch.load(exp / name, weights_only=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    criterion = {"best_model_criterion": [["valid", "acc_adv", "max"]]}
    folder = tmp_path_factory.mktemp("robust")
    return train(folder, data, **PGD, **criterion)


def test_the_best_epochs_can_be_chosen_by_what_they_resist(trained):
    assert (trained / "valid.acc_adv.ave.pth").exists()
    stats = torch.load(trained / "checkpoint.pth", weights_only=False)["reporter"]
    for epoch in (1, 2):
        valid = stats["stats"][epoch]["valid"]
        assert valid["loss_adv"] > valid["loss"]
        assert 0 <= valid["acc_adv"] <= 1 and valid["cer_ctc_adv"] >= 0
    assert yaml.safe_load((trained / "config.yaml").read_text())["robust"] == "pgd"


def test_weights_have_the_names_of_any_training(trained, data, tmp_path):
    plain = train(tmp_path, data, max_epoch=1)
    own, usual = load(trained, "1epoch.pth"), load(plain, "1epoch.pth")
    assert list(own) == list(usual)
    assert any(not torch.equal(own[name], usual[name]) for name in own)
    # It was trained with both, and by one of ESPnet's own and one of ours.
    assert ASRMTLTask.trainer is Trainer


def test_none_is_espnets_own_trainer(data, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("not to be called")

    monkeypatch.setattr(RobustTrainer, "run", refuse)
    (tmp_path / "none").mkdir()
    train(tmp_path, data, max_epoch=1, robust=None)
    with pytest.raises(AssertionError, match="not to be called"):
        train(tmp_path / "none", data, max_epoch=1, **PGD)


def test_attention_is_plotted_under_the_recognisers_names(data, tmp_path):
    plots = {"num_att_plot": 1, "use_matplotlib": True, "max_epoch": 1}
    names = []
    for name, robust in (("plain", {}), ("robust", PGD)):
        exp = train(tmp_path / name, data, **plots, **robust)
        found = (exp / "att_ws").rglob("*.png")
        names.append(sorted(path.relative_to(exp) for path in found))
    assert names[0] == names[1] != []


def test_settings_without_a_way_to_train_are_said_to_be_idle(data, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        train(tmp_path, data, max_epoch=1, robust_conf={"radius": 0.1})
    assert "robust_conf has no effect without robust" in caplog.text


@pytest.mark.parametrize("name", ["pgd", "trades", "noise"])
def test_a_stopped_training_goes_on_as_if_it_had_not_been(name, data, tmp_path):
    robust = {**PGD, "robust": name, "accum_grad": 2}
    whole = train(tmp_path / "whole", data, **robust, max_epoch=3)
    train(tmp_path / "parts", data, **robust, max_epoch=1)
    parts = train(tmp_path / "parts", data, **robust, max_epoch=3)
    one, two = load(whole, "3epoch.pth"), load(parts, "3epoch.pth")
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_an_export_has_no_trace_and_stock_espnet_loads_it(trained, tmp_path):
    weights, zip_file = trained / "valid.acc_adv.ave.pth", tmp_path / "x.zip"
    pack_model(trained / "config.yaml", weights, [], zip_file)
    settings = read_config(zip_file, "asr_train_config")
    assert "encoder_conf" in settings and not {"robust", "robust_conf"} & set(settings)
    stock = Speech2Text(**unpack(zip_file, tmp_path / "stock"), beam_size=1)
    own = load(trained, weights.name)
    assert torch.equal(
        stock.asr_model.ctc.ctc_lo.weight, own["ctc.ctc_lo.weight"].float()
    )
    assert isinstance(stock(0.1 * np.ones(SAMPLES, np.float32))[0][0], str)


def test_it_begins_with_a_trained_model(trained, data, tmp_path):
    start = str(trained / "valid.acc_adv.ave.pth")
    still = {"optim_conf": {"lr": 0.0}, "init_param": [start]}
    exp = train(tmp_path, data, **PGD, **still, max_epoch=1)
    own, given = load(exp, "1epoch.pth"), load(trained, "valid.acc_adv.ave.pth")
    names = [name for name, _ in own.items() if name.startswith("decoder.")]
    assert names and all(torch.equal(own[name], given[name]) for name in names)


def run_processes(config, exp, number):
    """Train in parallel on the CPU, as a launcher does on a cluster."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "espnet_mtl.bin.asr_mtl_train"]
    command += ["--config", str(config), "--output_dir", str(exp)]
    command += ["--dist_world_size", str(number), "--dist_backend", "gloo"]
    command += ["--dist_master_addr", "localhost", "--dist_master_port", str(port)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [*command, "--dist_rank", str(rank)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(number)
    ]
    try:
        for process in running:
            said, _ = process.communicate(timeout=300)
            assert process.returncode == 0, said[-3000:]
    finally:
        for process in running:
            process.kill()


@pytest.mark.parametrize("name", ["pgd", "trades"])
def test_two_processes_train_as_one(name, data, tmp_path):
    """Utterances are drawn, attacked and weighed alike, wherever they are."""
    no_dropout = (
        *("dropout_rate", "positional_dropout_rate"),
        *("self_attention_dropout_rate", "src_attention_dropout_rate"),
    )
    settings = {
        # What looks at a whole batch would tell half of one from all of it.
        "encoder": "transformer",
        "encoder_conf": {
            **{"output_size": 8, "attention_heads": 2, "linear_units": 16},
            **{"num_blocks": 1, "dropout_rate": 0.0, "positional_dropout_rate": 0.0},
        },
        "decoder_conf": {
            **{"attention_heads": 2, "linear_units": 16, "num_blocks": 1},
            **dict.fromkeys(no_dropout, 0.0),
        },
        "accent_head_conf": {"dropout_rate": 0.0},
        "robust": name,
        # Signs of gradients that are zero but for rounding differ; lengths do not.
        "robust_conf": {"radius": 1.0, "norm": "l2", "ramp_updates": 6},
        "optim": "sgd",
        "optim_conf": {"lr": 0.05},
        "valid_batch_size": 8,
    }
    one = train(tmp_path, data, **settings)
    two = tmp_path / "two"
    run_processes(tmp_path / "asked.yaml", two, 2)
    alone, together = load(one, "2epoch.pth"), load(two, "2epoch.pth")
    first = load(one, "1epoch.pth")
    moved = max((alone[k] - first[k]).abs().max() for k in alone)
    apart = max((alone[k] - together[k]).abs().max() for k in alone)
    assert moved > 1e-3
    assert apart < 1e-3 * moved
    stats = [
        torch.load(exp / "checkpoint.pth", weights_only=False)["reporter"]["stats"]
        for exp in (one, two)
    ]
    for key in ("loss", "loss_adv"):
        values = [stat[2]["valid"][key] for stat in stats]
        assert values[0] == pytest.approx(values[1], rel=1e-3), key
