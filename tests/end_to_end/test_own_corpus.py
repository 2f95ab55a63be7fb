"""A table of one's own, through every stage, with all that is off in the study: speed
perturbation, archives, a language model, and the upload's dry run."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from espnet_mtl.data.tables import read_table

ROOT = Path(__file__).parents[2]
WORDS = "one two three four five six".split()
OPTIONS = """--nj 2 --inference_nj 1 --fs 16k --audio_format flac.ark
--speed_perturb_factors "0.9 1.0" --use_lm true --lm_config conf/train_lm.yaml
--lm_args "--max_epoch 1" --asr_args "--max_epoch 1" --skip_upload_hf false
--inference_args "--beam_size 2 --lm_weight 0.2" --attack_args "steps=2 budgets=[0.002]"
--hf_repo me/mine --num_attack_utts 2 --lang en"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A new recipe in a tree that holds nothing else, and its table."""
    root = tmp_path_factory.mktemp("checkout")
    template = ROOT / "egs2/TEMPLATE"
    shutil.copytree(template, root / "egs2/TEMPLATE", symlinks=True)
    (root / "espnet_mtl").symlink_to(ROOT / "espnet_mtl")
    setup = root / "egs2/TEMPLATE/asr_mtl1/setup.sh"
    subprocess.run([setup, "egs2/mine/asr_mtl1"], cwd=root, check=True)

    rng = np.random.RandomState(0)
    lines = ["path\ttext\tspeaker\taccent"]
    for speaker in "abcdef":
        for i, word in enumerate(WORDS):
            soundfile.write(
                root / f"{speaker}{i}.wav", rng.uniform(-0.3, 0.3, 8000), 8000
            )
            accent = "north" if speaker in "abc" else "south"
            lines.append(f"{speaker}{i}.wav\t{word} again\t{speaker}\t{accent}")
    (root / "table.tsv").write_text("\n".join(lines) + "\n")
    return root / "egs2/mine/asr_mtl1"


@pytest.fixture(scope="module")
def done(recipe):
    """All stages of it, run."""
    command = f"./run.sh --table ../../../table.tsv --python {sys.executable} {OPTIONS}"
    done = subprocess.run(
        ["bash", "-c", command.replace("\n", " ")],
        cwd=recipe,
        env={**os.environ, "cmd_backend": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return done


def exp_of(recipe):
    return next((recipe / "exp").glob("asr_mtl_train_asr_mtl_raw_en_char*_sp"))


def test_every_stage_runs(done):
    stages = [
        int(line.split(") Stage ")[1].split(":")[0])
        for line in done.stderr.splitlines()
        if ") Stage " in line
    ]
    assert stages == [n for n in range(1, 20) if n != 9]


def test_accents_survive_speed_perturbation_and_archives(recipe, done):
    dump = recipe / "dump/raw"
    accents = read_table(dump / "train_sp" / "utt2accent")
    copies = [utt for utt in accents if utt.startswith("sp0.9-")]
    assert 2 * len(copies) == len(accents)
    assert not list((recipe / "data/train_sp").rglob("*.wav"))  # tables alone
    assert all(accents[utt] == accents[utt.removeprefix("sp0.9-")] for utt in copies)
    assert (dump / "test/audio_format").read_text() == "flac.ark\n"
    for value in read_table(dump / "test/wav.scp").values():
        assert ".ark:" in value


def test_decoding_is_with_the_language_model_and_the_zip_has_it(recipe, done):
    exp = exp_of(recipe)
    [clean] = [p for p in exp.glob("decode_hybrid*_lm_*") if "attack" not in p.name]
    texts = read_table(clean / "test/text", allow_empty_value=True)
    assert set(texts) == set(read_table(recipe / "dump/raw/test/text"))
    [packed] = exp.glob("*.zip")
    with zipfile.ZipFile(packed) as archive:
        meta = yaml.safe_load(archive.read("meta.yaml"))
    assert "lm_train_config" in meta["yaml_files"] and "lm_file" in meta["files"]


def test_the_attacked_audio_is_decoded_scored_and_reported(recipe, done):
    results = (exp_of(recipe) / "report/results.json").read_text()
    rows = json.loads(results)["content"]
    assert {row["attack"] for row in rows} == {"none", "noise", "pgd"}
    assert all(row["n"] == 2 for row in rows)


def test_the_upload_is_laid_out_and_nothing_is_sent(recipe, done):
    folder = exp_of(recipe) / "hf_mine"
    assert "language: en" in (folder / "README.md").read_text()
    assert (folder / "meta.yaml").is_file()
    assert "me/mine" in done.stdout + done.stderr
