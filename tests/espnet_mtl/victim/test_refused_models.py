"""Each kind of model that cannot be attacked is refused with its reason.

doc/models.md has them in a table.
"""

import re
import sys
import types
import zipfile
from pathlib import Path

import pytest
import yaml
from model_factory import pack_tiny

from espnet_mtl.errors import UserError
from espnet_mtl.package import allowed
from espnet_mtl.victim.espnet_victim import load_victim

DOC = Path(__file__).parents[3] / "doc" / "models.md"


def change_config(zip_file, **changes):
    """Change what the package says of itself; the weights stay."""
    with zipfile.ZipFile(zip_file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    settings = yaml.safe_load(files["config.yaml"]) | changes
    files["config.yaml"] = yaml.safe_dump(settings).encode()
    with zipfile.ZipFile(zip_file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return zip_file


@pytest.mark.parametrize("is_installed", [False, True])
def test_a_transducer(tmp_path, is_installed, monkeypatch):
    """Whether or not the package with its loss is there, which few have."""
    loss = types.ModuleType("warprnnt_pytorch")
    loss.RNNTLoss = lambda *args, **options: None
    loss = loss if is_installed else None
    monkeypatch.setitem(sys.modules, "warprnnt_pytorch", loss)
    names = ("attention_heads", "linear_units", "num_blocks")
    settings = {
        "accent_weight": 0.0,
        "decoder": "transducer",
        "decoder_conf": {**dict.fromkeys(names), "hidden_size": 8},
        "joint_net_conf": {"joint_space_size": 8},
    }
    zip_file = pack_tiny(tmp_path)
    if is_installed:
        zip_file = pack_tiny(tmp_path, **settings)
    else:
        change_config(zip_file, **settings | {"decoder_conf": {"hidden_size": 8}})
    with pytest.raises(UserError, match="x.zip: the model is a transducer; only CTC"):
        load_victim(zip_file)


def test_one_that_takes_features(tmp_path):
    zip_file = pack_tiny(tmp_path, frontend=None, input_size=8)
    with pytest.raises(UserError, match="takes features instead of audio"):
        load_victim(zip_file)


def test_one_that_classifies_utterances(tmp_path):
    names = ("attention_heads", "linear_units", "num_blocks")
    zip_file = pack_tiny(
        tmp_path,
        accent_weight=0.0,
        decoder="linear_decoder",
        model_conf={"ctc_weight": 0.0},
        decoder_conf=dict.fromkeys(names),
    )
    with pytest.raises(UserError, match="x.zip: the model has a linear decoder"):
        load_victim(zip_file, trusted=True)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("model", "maskctc"),
        ("model", "pit_espnet"),
        ("frontend", "s3prl"),
        ("encoder", "whisper"),
        ("encoder", "hubert"),
        ("encoder", "hugging_face_transformers"),
        ("decoder", "mlm"),
        ("decoder", "hugging_face_transformers"),
        ("preprocessor", "multi"),
    ],
)
def test_what_a_strangers_package_may_not_build(tmp_path, setting, value):
    zip_file = change_config(pack_tiny(tmp_path), **{setting: value})
    with pytest.raises(UserError, match=f"refused: '{setting}: {value}'.*--trust_mod"):
        load_victim(zip_file)


def test_another_kind_although_it_is_trusted(tmp_path):
    zip_file = change_config(pack_tiny(tmp_path, accent_weight=0.0), model="maskctc")
    with pytest.raises(UserError, match="of type MaskCTCModel; only an ESPnetASRM"):
        load_victim(zip_file, trusted=True)


@pytest.mark.parametrize("setting", ["encoder", "decoder", "frontend", "token_type"])
def test_the_table_names_every_class_that_may_be_built(setting):
    [line] = re.findall(rf"^\| `{setting}` \|.*$", DOC.read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", line)[1:]) == {*allowed._RECOGNISER[setting]}
