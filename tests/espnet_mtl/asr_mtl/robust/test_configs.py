"""The recipes' configurations of robust training."""

from pathlib import Path

import pytest
import yaml

from espnet_mtl.asr_mtl.robust.choices import make_robust
from espnet_mtl.bin import asr_mtl_train

EGS = Path(__file__).parents[4] / "egs2"
CONF = EGS / "TEMPLATE/asr_mtl1/conf"
CONFIGS = sorted(CONF.glob("tuning/train_robust_*.yaml"))
# What robust training changes; the rest is the usual model and its usual training.
CHANGED = {"robust", "robust_conf", "best_model_criterion", "max_epoch"}


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_the_model_is_the_usual_one(config):
    own, usual = read(config), read(CONF / "train_asr_mtl.yaml")
    for settings in (own, usual):
        for name in CHANGED:
            settings.pop(name, None)
    assert own == usual


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_its_settings_are_known(config):
    command = f"--config {config} --token_list x --output_dir y"
    args = asr_mtl_train.get_parser().parse_args(command.split())
    way = make_robust(args.robust, args.robust_conf)
    assert way.valid_share > 0
    assert ["valid", "acc_adv", "max"] in read(config)["best_model_criterion"]
    # Ready to be chosen in its comments
    for line in config.read_text().splitlines():
        if line.startswith("# robust: "):
            name = line.removeprefix("# robust: ")
        if line.startswith("# robust_conf: "):
            make_robust(name, yaml.safe_load(line.removeprefix("# "))["robust_conf"])


def test_there_are_a_few_and_every_recipe_has_them():
    assert len(CONFIGS) == 2
    recipes = [path for path in EGS.glob("*/asr_mtl1/conf") if path != CONF]
    assert len(recipes) == 6
    assert all((conf / "tuning").samefile(CONF / "tuning") for conf in recipes)
