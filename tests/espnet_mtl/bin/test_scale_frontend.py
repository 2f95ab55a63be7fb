from pathlib import Path

import pytest

from espnet_mtl.bin.scale_frontend import main

CONF = Path(__file__).parents[3] / "egs2/TEMPLATE/asr_mtl1/conf"


@pytest.mark.parametrize(
    ("config", "fs", "scaled"),
    [
        ("train_asr_mtl", 8000, ["n_fft=256", "hop_length=80"]),
        ("train_asr_mtl", 16000, []),
        (
            "train_asr_mtl_conformer",
            44100,
            ["n_fft=1411", "win_length=1102", "hop_length=441"],
        ),
    ],
)
def test_windows_keep_their_milliseconds_at_other_rates(config, fs, scaled, capsys):
    path = CONF / f"{config}.yaml"
    main(["--config", str(path), "--config_fs", "16000", "--fs", str(fs)])
    assert capsys.readouterr().out.split() == [
        word for option in scaled for word in ("--frontend_conf", option)
    ]
