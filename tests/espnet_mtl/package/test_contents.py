"""A package is that of the files at hand, or the message says to pack again."""

import pytest
import yaml

from espnet_mtl.bin import check_package
from espnet_mtl.errors import UserError
from espnet_mtl.package.packing import pack_model
from espnet_mtl.provenance import hash_file
from espnet_mtl.results.attack import AttackRun, write_attack

TOKENS = ["<blank>", "a", "<sos/eos>"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files of a recogniser and of both kinds of language models."""
    monkeypatch.chdir(tmp_path)
    made = {}
    for key, folder in (("asr_train_config", "asr"), ("lm_train_config", "lm")):
        made[key] = tmp_path / folder / "config.yaml"
        made[key].parent.mkdir()
        # Packing rewrites the path: that is no difference.
        bpe = tmp_path / "bpe.model"
        bpe.touch()
        made[key].write_text(
            yaml.safe_dump({"token_list": TOKENS, "bpemodel": str(bpe)})
        )
    for key, name in (
        ("asr_model_file", "asr/model.pth"),
        ("lm_file", "lm/model.pth"),
        ("ngram_file", "3gram.bin"),
    ):
        made[key] = tmp_path / name
        made[key].write_bytes(b"weights of " + key.encode())
    return made


def pack(files, *keys):
    lm = (files["lm_train_config"], files["lm_file"]) if "lm" in keys else None
    ngram = files["ngram_file"] if "ngram" in keys else None
    first = (files["asr_train_config"], files["asr_model_file"])
    pack_model(*first, [], files["asr_model_file"].with_name("x.zip"), lm, ngram)


def check(files, *names):
    asr = ("asr_train_config", "asr_model_file")
    options = [f"--{name}={files[name]}" for name in (*asr, *names)]
    check_package.main([str(files["asr_model_file"].with_name("x.zip")), *options])


LM = ("lm_train_config", "lm_file")


def test_the_files_that_were_packed_are_the_same_however_often_they_are_packed(files):
    for _ in range(2):
        pack(files, "lm", "ngram")
        check(files, *LM, "ngram_file")
    pack(files)
    check(files)


def test_an_attack_on_another_package_is_told(files, tmp_path):
    pack(files)
    zip_file = files["asr_model_file"].with_name("x.zip")
    run = AttackRun(version=2, package=hash_file(zip_file), config={}, trials=())
    write_attack(tmp_path / "attack", run, [], {"text": {}})
    files["attack_dir"] = tmp_path / "attack"
    check(files, "attack_dir")
    files["asr_model_file"].write_bytes(b"trained for longer")
    pack(files)
    with pytest.raises(UserError, match="attack: another model was attacked than"):
        check(files, "attack_dir")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("asr_model_file", "another recogniser than .*model.pth"),
        ("lm_file", "another language model than .*model.pth"),
        ("ngram_file", "another n-gram model than .*3gram.bin"),
    ],
)
def test_other_weights_are_told_although_they_are_as_many_bytes(files, key, said):
    pack(files, "lm", "ngram")
    content = files[key].read_bytes()
    files[key].write_bytes(content[::-1])
    with pytest.raises(UserError, match=f"{said}.*: repeat stage 14"):
        check(files, *LM, "ngram_file")
    files[key].write_bytes(content + b"more")
    with pytest.raises(UserError, match=said):
        check(files, *LM, "ngram_file")


def test_other_tokens_are_told(files):
    pack(files)
    files["asr_train_config"].write_text(yaml.safe_dump({"token_list": TOKENS[1:]}))
    with pytest.raises(UserError, match="another recogniser than .*config.yaml"):
        check(files)


def test_a_model_too_many_or_too_few_is_told(files):
    pack(files, "lm")
    with pytest.raises(UserError, match="has a language model.*give --use_lm true"):
        check(files)
    with pytest.raises(UserError, match="has no n-gram model, .*: repeat stage 14"):
        check(files, *LM, "ngram_file")
    pack(files)
    with pytest.raises(UserError, match="has no language model"):
        check(files, *LM)
