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


@pytest.mark.parametrize(
    ("written", "scaled"),
    [
        ("", "n_fft=256 hop_length=64"),
        ("frontend_conf:\n", "n_fft=256 hop_length=64"),
        (
            "frontend_conf: {hop_length: 160, win_length: null}",
            "n_fft=256 hop_length=80",
        ),
        ("frontend: s3prl", ""),
    ],
)
def test_what_a_configuration_leaves_to_espnet_is_scaled_as_well(
    written, scaled, tmp_path, capsys
):
    path = tmp_path / "train.yaml"
    path.write_text(written)
    main(["--config", str(path), "--config_fs", "16000", "--fs", "8000"])
    words = capsys.readouterr().out.split()
    assert words[1::2] == scaled.split()
