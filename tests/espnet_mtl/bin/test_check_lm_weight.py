import pytest

from espnet_mtl.bin.check_lm_weight import main
from espnet_mtl.errors import UserError


@pytest.mark.parametrize(
    ("config", "args", "said"),
    [
        ("lm_weight: 0.0  # none", "", "lm_weight is 0.0"),
        ("lm_weight: 0.0", "--beam_size 2 --lm_weight=0.3", None),
        ("lm_weight: 0.3", "--lm_weight 0", "lm_weight is 0"),
        ("beam_size: 2", "", None),  # ESPnet's default is 1
    ],
)
def test_a_language_model_without_weight_is_told_of(
    tmp_path, capsys, config, args, said
):
    path = tmp_path / "decode.yaml"
    path.write_text(config)
    main(["--inference_config", str(path), f"--inference_args={args}"])
    printed = capsys.readouterr().err
    assert said in printed if said else not printed


def test_without_a_configuration_the_options_count(capsys):
    main(["--inference_args=--lm_weight 0.0"])
    assert "is not used, because lm_weight is 0.0" in capsys.readouterr().err


def test_a_weight_is_a_number():
    with pytest.raises(UserError, match="lm_weight takes a number, not 'much'"):
        main(["--inference_args=--lm_weight much"])
