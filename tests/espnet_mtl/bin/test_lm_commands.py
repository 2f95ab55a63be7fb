"""ESPnet's commands for language models, started our way: one tiny model, for real."""

import math

import pytest
import torch
from model_factory import TOKENS, RunsCode, save_lm, save_model

from espnet_mtl.bin import lm_calc_perplexity, lm_train, tokenize_text
from espnet_mtl.errors import UserError
from espnet_mtl.package.packing import pack_model
from espnet_mtl.tasks.lm import StrictLMTask
from espnet_mtl.tasks.pretrained import load_initial_weights

SENTENCES = ["a b", "b c a", "c", "a c b a", "b b", "c a"]
TEXT = "".join(f"utt{n} {text}\n" for n, text in enumerate(SENTENCES))


def test_a_model_is_trained_continued_and_measured(tmp_path):
    text, tokens = tmp_path / "text", tmp_path / "tokens.txt"
    text.write_text(TEXT)
    tokens.write_text("".join(f"{token}\n" for token in TOKENS))
    shape = tmp_path / "shape"
    shape.write_text("".join(f"utt{n} {len(s)}\n" for n, s in enumerate(SENTENCES)))
    exp = tmp_path / "lm"
    options = [
        *("--token_list", str(tokens), "--token_type", "char", "--ngpu", "0"),
        *("--lm_conf", "unit=8", "--lm_conf", "nlayers=1", "--num_workers", "0"),
        *("--batch_type", "sorted", "--batch_size", "6", "--num_att_plot", "0"),
        *("--use_matplotlib", "false", "--use_tensorboard", "false"),
        *("--resume", "true", "--output_dir", str(exp)),
    ]
    for mode in ("train", "valid"):
        options += [f"--{mode}_data_path_and_name_and_type", f"{text},text,text"]
        options += [f"--{mode}_shape_file", str(shape)]
    lm_train.main([*options, "--max_epoch", "1"])
    first = (exp / "1epoch.pth").stat().st_mtime_ns
    lm_train.main([*options, "--max_epoch", "2"])
    assert (exp / "2epoch.pth").exists()
    assert (exp / "1epoch.pth").stat().st_mtime_ns == first  # it went on

    lm_calc_perplexity.main(
        [
            *("--train_config", str(exp / "config.yaml"), "--num_workers", "0"),
            *("--model_file", str(exp / "valid.loss.ave.pth")),
            *("--data_path_and_name_and_type", f"{text},text,text"),
            *("--output_dir", str(tmp_path / "perplexity")),
        ]
    )
    perplexity = float((tmp_path / "perplexity" / "ppl").read_text())
    # Hardly trained, it knows little more than how many tokens there are.
    assert math.isclose(perplexity, len(TOKENS), rel_tol=0.5)


def test_weights_run_no_code_when_a_model_is_measured(tmp_path):
    config, weights = save_lm(tmp_path / "lm")
    torch.save(RunsCode(tmp_path / "ran"), weights)
    (tmp_path / "text").write_text(TEXT)
    with pytest.raises(UserError, match="valid.loss.ave.pth: refused"):
        lm_calc_perplexity.main(
            [
                *("--train_config", str(config), "--model_file", str(weights)),
                *("--output_dir", str(tmp_path / "perplexity"), "--num_workers", "0"),
                "--data_path_and_name_and_type",
                f"{tmp_path / 'text'},text,text",
            ]
        )
    assert not (tmp_path / "ran").exists()


def test_training_starts_from_the_language_model_of_a_package(tmp_path):
    lm = save_lm(tmp_path / "lm", seed=1)
    pack_model(*save_model(tmp_path / "exp"), [], tmp_path / "x.zip", lm=tuple(lm))
    model, _ = StrictLMTask.build_model_from_file(*save_lm(tmp_path / "other"))
    load_initial_weights(model, str(tmp_path / "x.zip"), False)
    for name, value in torch.load(lm[1]).items():
        assert torch.equal(model.state_dict()[name], value), name
    other = [*TOKENS[:-2], "d", "<sos/eos>"]
    files = save_lm(tmp_path / "tokens", tokens=other)
    with pytest.raises(UserError, match="has other tokens"):
        load_initial_weights(
            StrictLMTask.build_model_from_file(*files)[0],
            str(tmp_path / "x.zip"),
            False,
        )
    pack_model(*save_model(tmp_path / "exp"), [], tmp_path / "bare.zip")
    with pytest.raises(UserError, match="bare.zip: the package has no language model"):
        load_initial_weights(model, str(tmp_path / "bare.zip"), False)
    torch.save(RunsCode(tmp_path / "ran"), tmp_path / "bad.pth")
    with pytest.raises(UserError, match="bad.pth: refused"):
        load_initial_weights(model, str(tmp_path / "bad.pth"), False)
    assert not (tmp_path / "ran").exists()


def test_text_is_cut_into_tokens(tmp_path):
    text, cut = tmp_path / "text", tmp_path / "cut"
    text.write_text(TEXT)
    options = ["--input", str(text), "--output", str(cut), "--field", "2-"]
    tokenize_text.main([*options, "--token_type", "char"])
    assert cut.read_text().splitlines()[:2] == ["a <space> b", "b <space> c <space> a"]
