"""Publishing: what would be uploaded, what the card claims, and the upload itself."""

import inspect
import shutil
import sys
import types
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import pytest
import yaml
from espnet2.bin import asr_inference
from exp_factory import make_exp
from model_factory import save_model, write_data_dir

from espnet_mtl.bin import asr_mtl_attack, asr_mtl_pack, asr_mtl_upload
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.score_decoding import stamp_decoding
from espnet_mtl.package.packing import pack_model
from espnet_mtl.provenance import hash_file

WINDOW = "ctc_window_margin"
SETTINGS = {
    "encoder": "conformer",
    "token_list": ["<blank>", "a", "<sos/eos>"],
    "token_type": "bpe",
    "accent_list": ["north", "south"],
    "accent_weight": 0.25,
    "model_conf": {"ctc_weight": 0.3},
    "frontend_conf": {"fs": 8000},
}


@pytest.fixture
def exp(tmp_path, monkeypatch):
    """An experiment with nothing but a packed model."""
    monkeypatch.chdir(tmp_path)
    exp = tmp_path / "asr_mtl_ctc"
    exp.mkdir()
    bpe = tmp_path / "data" / "bpe.model"
    bpe.parent.mkdir()
    bpe.write_bytes(b"pieces")
    (exp / "config.yaml").write_text(yaml.safe_dump({**SETTINGS, "bpemodel": str(bpe)}))
    (exp / "valid.acc.ave.pth").write_bytes(b"weights")
    lm = tmp_path / "lm_x"
    lm.mkdir()
    (lm / "config.yaml").write_text(
        yaml.safe_dump({"token_list": SETTINGS["token_list"]})
    )
    (lm / "valid.loss.ave.pth").write_bytes(b"more weights")
    pack_model(
        exp / "config.yaml",
        exp / "valid.acc.ave.pth",
        [],
        exp / "x.zip",
        lm=(lm / "config.yaml", lm / "valid.loss.ave.pth"),
    )
    return exp


def publish(exp, *more):
    asr_mtl_upload.main(
        [
            *("--model_zip", str(exp / "x.zip"), "--exp", str(exp), "--lang", "en"),
            *("--repo", "ann/ears", "--output_dir", str(exp / "hf_ears"), *more),
        ]
    )
    return (exp / "hf_ears" / "README.md").read_text()


def test_a_dry_run_makes_the_files_and_lists_them(exp, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # not needed
    (exp / "RESULTS.md").write_text("# RESULTS")
    (exp / "report").mkdir()
    (exp / "report" / "index.html").write_text("<p>")
    publish(exp, "--dry_run")
    listed = capsys.readouterr().out
    folder = exp / "hf_ears"
    made = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    assert made == {
        *("README.md", "decode.yaml", "RESULTS.md", "report/index.html"),
        *("meta.yaml", "data/bpe.model"),
        *("asr_mtl_ctc/config.yaml", "asr_mtl_ctc/valid.acc.ave.pth"),
        *("lm_x/config.yaml", "lm_x/valid.loss.ave.pth"),
    }
    for name in made:
        assert f"{(folder / name).stat().st_size:,}  {name}\n" in listed
    # As ESPnet's downloader wants it: names as in the zip, no path of this machine.
    config = yaml.safe_load((folder / "asr_mtl_ctc/config.yaml").read_text())
    assert config["bpemodel"] == "data/bpe.model"


def test_made_again_nothing_old_is_left(exp):
    publish(exp, "--dry_run")
    (exp / "hf_ears" / "old").write_text("")
    publish(exp, "--dry_run")
    assert not (exp / "hf_ears" / "old").exists()
    assert [path.name for path in exp.glob(".*")] == []


def test_the_card_says_what_the_model_is_and_claims_no_result_that_is_not_there(exp):
    card = publish(exp, "--dry_run", "--license", "mit")
    front = yaml.safe_load(card.split("---\n")[1])
    assert front == {
        "tags": ["espnet", "audio", "automatic-speech-recognition"],
        "language": "en",
        "license": "mit",
    }
    assert 'Speech2Text.from_pretrained(\n    "ann/ears",\n' in card
    assert "8000 Hz" in card and "north, south" in card and "CTC weight of 0.3" in card
    assert "language model, which decoding uses" in card
    assert "encoder: conformer" in card
    assert "TWER" not in card and "Untouched audio" not in card


def test_what_the_hub_would_refuse_is_refused_before_anything_is_made(exp):
    with pytest.raises(UserError, match="--lang 'english' .in a recipe --hf_lang"):
        publish(exp, "--dry_run", "--lang", "english")
    with pytest.raises(UserError, match="--license 'GPLv3' .in a recipe --hf_license"):
        publish(exp, "--dry_run", "--license", "GPLv3")
    assert not (exp / "hf_ears").exists()
    named = ("--license", "other", "--license_name", "my-licence")
    front = yaml.safe_load(publish(exp, "--dry_run", *named).split("---\n")[1])
    assert (front["license"], front["license_name"]) == ("other", "my-licence")


def test_the_commands_of_the_card_pack_the_same_model_again(exp, monkeypatch):
    card = publish(exp, "--dry_run")
    command = next(line for line in card.splitlines() if "asr_mtl_pack" in line)
    monkeypatch.chdir(exp / "hf_ears")
    asr_mtl_pack.main(command.split()[1:])
    for name in ("x.zip", "model.zip"):
        asr_mtl_upload.main(
            [
                *("--model_zip", str(exp / name), "--exp", str(exp), "--dry_run"),
                *("--repo", "a/b", "--output_dir", str(exp / "again" / name)),
            ]
        )
    first, second = (exp / "again" / name for name in ("x.zip", "model.zip"))
    for name in ("asr_mtl_ctc/config.yaml", "lm_x/valid.loss.ave.pth"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_attack_of_the_card_asks_for_no_file_that_the_upload_lacks(
    exp, tmp_path, monkeypatch
):
    """It runs where the model was downloaded to, with nothing of a recipe beside it."""
    card = publish(exp, "--dry_run")
    (command,) = (x for x in card.splitlines() if x.startswith("asr_mtl_attack"))
    data = write_data_dir(tmp_path / "data", num_utts=2)
    pack_model(*save_model(tmp_path / "tiny"), [], tmp_path / "elsewhere/model.zip")
    (exp / "hf_ears").rename(tmp_path / "elsewhere/model")
    monkeypatch.chdir(tmp_path / "elsewhere")
    asr_mtl_attack.main(command.replace("DATA", str(data)).split()[1:])
    assert read_table(tmp_path / "elsewhere/attacked/wav.scp")


def test_the_decoding_of_the_results_goes_along(exp, tmp_path):
    config = tmp_path / "decode_wide.yaml"
    config.write_text("ctc_weight: 0.3\nbeam_size: 20\npenalty: 0.1\nbatch_size: 1\n")
    given = ("--inference_config", str(config), "--inference_args", "--lm_weight 0.2")
    card = publish(exp, "--dry_run", *given)
    made = exp / "hf_ears" / "decode.yaml"
    decoding = {"beam_size": 3, "ctc_weight": 0.3, "lm_weight": 0.2, "penalty": 0.1}
    if WINDOW in inspect.signature(asr_inference.Speech2Text.__init__).parameters:
        decoding[WINDOW] = 0  # stock ESPnet has another default
    assert yaml.safe_load(made.read_text()) == decoding  # three tokens, no wider beam
    for name, value in decoding.items():
        assert f"    {name}={value},\n" in card
    (attack,) = (x for x in card.splitlines() if x.startswith("asr_mtl_attack"))
    assert attack.endswith("--inference_config model/decode.yaml")
    with pytest.raises(UserError, match="decode_wide.yaml.*not options of decoding"):
        publish(exp, "--dry_run", *given[:3], "--no_such 1")


def make_scored(exp, tmp_path, **options):
    """A scored experiment of the packed model."""
    options = {"package": hash_file(exp / "x.zip"), **options}
    scored = make_exp(
        tmp_path / "scored",
        "ctc",
        errors=lambda *_: 6,
        attackers=["multitask"],
        **options,
    )
    return Path(shutil.copy(exp / "x.zip", scored)).parent


def test_what_was_measured_on_another_model_is_not_published(exp, tmp_path):
    scored = make_scored(exp, tmp_path, package="another")
    with pytest.raises(UserError, match="attack_pgd/test: another model was attacked"):
        publish(scored, "--dry_run")
    scored = make_scored(exp, tmp_path)
    decoded = scored / "decode_ctc/test"
    stamp_decoding(exp, decoded, exp / "valid.acc.ave.pth")
    publish(scored, "--dry_run")
    (exp / "valid.acc.ave.pth").write_bytes(b"trained for longer")
    stamp_decoding(exp, decoded, exp / "valid.acc.ave.pth")
    with pytest.raises(UserError, match="decode_ctc/test was decoded by other weights"):
        publish(scored, "--dry_run")


def test_what_was_measured_is_on_the_card(exp, tmp_path):
    scored = make_scored(exp, tmp_path)
    card = publish(scored, "--dry_run")
    assert "| decode_ctc | test | " in card  # WER of untouched audio
    assert "Under attack: set test, attack_pgd" in card
    assert "AdvTWER" in card and "multitask" in card and "Audit" in card


def test_the_upload_is_of_that_folder(exp, monkeypatch, capsys):
    calls = []

    class HfApi:
        def create_repo(self, repo, exist_ok):
            calls.append(("create_repo", repo, exist_ok))

        def upload_folder(self, **options):
            calls.append(("upload_folder", options["repo_id"], options["folder_path"]))

    module = types.SimpleNamespace(HfApi=HfApi)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    publish(exp)
    assert calls == [
        ("create_repo", "ann/ears", True),
        ("upload_folder", "ann/ears", str(exp / "hf_ears")),
    ]
    said = capsys.readouterr().err
    assert "Uploaded to https://huggingface.co/ann/ears" in said

    def refuse(self, repo, exist_ok):
        raise OSError("401 Unauthorized")

    monkeypatch.setattr(HfApi, "create_repo", refuse)
    with pytest.raises(UserError, match="ann/ears: .*401.*hf auth login"):
        publish(exp)


def test_without_the_package_the_message_says_how_to_get_it(exp, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match="pip install huggingface_hub"):
        publish(exp)
