"""What an attack depends on: the files that a decoder's options name, too."""

from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.runner.inputs import read_inputs


def decoding(tmp_path, args="", config=None):
    path = None
    if config is not None:
        path = tmp_path / "decode.yaml"
        path.write_text(config)
    return read_inputs(AttackConfig(), path, args).decoding


def test_another_language_model_at_the_same_place_is_another_decoder(tmp_path):
    lm = tmp_path / "lm.pth"
    lm.write_bytes(b"first")
    for options in ({"args": f"--lm_file={lm}"}, {"config": f"lm_file: '{lm}'\n"}):
        lm.write_bytes(b"first")
        before = decoding(tmp_path, **options)
        assert decoding(tmp_path, **options) == before
        lm.write_bytes(b"second")
        assert decoding(tmp_path, **options) != before


def test_options_without_files_stay_as_they_are(tmp_path):
    assert decoding(tmp_path, "--lm_weight 0.3") == {"args": "--lm_weight 0.3"}
    config = "beam_size: 3\n"
    assert decoding(tmp_path, config=config) == {"args": "", "config": config}
