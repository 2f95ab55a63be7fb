"""Write the files of this folder: small models as an ESPnet release leaves them.

    PYTHONPATH=.:tests python tests/releases/make.py

writes, for the installed release, ``<release>-ours.zip`` (trained and packed by us),
``<release>-stock.zip`` (all of it ESPnet's) and what that ESPnet hears with them.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import espnet2
import torch
from espnet2.bin.asr_inference import Speech2Text
from espnet2.main_funcs.pack_funcs import pack, unpack
from espnet2.tasks.asr import ASRTask
from espnet2.utils.yaml_no_alias_safe_dump import yaml_no_alias_safe_dump
from model_factory import make_args, make_batch, save_model

from espnet_mtl.package.packing import pack_model

FOLDER = Path(__file__).parent
DECODING = {"beam_size": 2, "maxlenratio": -6}
_SMALL = {"encoder_conf": {"num_blocks": 1}}


def speech() -> torch.Tensor:
    """Return what is decoded, (Samples,)."""
    return make_batch(1)["speech"][0]


def make_ours(folder: Path, zip_file: Path) -> None:
    """Write a model with an accent branch."""
    pack_model(*save_model(folder, **_SMALL), [], zip_file)


def make_stock(folder: Path, zip_file: Path) -> None:
    """Write a model of ESPnet's task, with its names, packed by ESPnet."""
    torch.manual_seed(0)
    args = make_args(accent_weight=0.0, **_SMALL)
    settings = {k: v for k, v in vars(args).items() if not k.startswith("accent")}
    torch.save(ASRTask.build_model(args).state_dict(), folder / "model.pth")
    config = yaml_no_alias_safe_dump(settings)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    with contextlib.chdir(folder):  # paths are packed as they are seen from here
        weights, config = (
            {"asr_model_file": "model.pth"},
            {"asr_train_config": "config.yaml"},
        )
        pack(weights, config, zip_file)


def main() -> None:
    """Write the models of the installed release."""
    heard = {}
    for name, make in (("ours", make_ours), ("stock", make_stock)):
        zip_file = FOLDER / f"{espnet2.__version__}-{name}.zip"
        with tempfile.TemporaryDirectory() as place:
            make(Path(place), zip_file)
            files = unpack(zip_file, Path(place) / "unpacked")
            text, _, ids, best = Speech2Text(**files, **DECODING)(speech())[0]
        ids = " ".join(map(str, ids))
        heard[name] = {"text": text, "ids": ids, "score": float(best.score)}
    file = FOLDER / f"{espnet2.__version__}.json"
    file.write_text(json.dumps(heard, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
