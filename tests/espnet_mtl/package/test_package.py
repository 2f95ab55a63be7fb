"""Exported zips: what goes in comes out, and a stranger's zip does no harm."""

import importlib.metadata
import io
import os
import pickle
import shutil
import stat
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from espnet2.bin.asr_inference import Speech2Text
from espnet2.main_funcs.pack_funcs import unpack
from model_factory import (
    ACCENTS,
    RATE,
    RunsCode,
    make_args,
    make_batch,
    make_settings,
    pack_stock,
    save_lm,
    save_model,
)

from espnet_mtl.bin import asr_mtl_inference, asr_mtl_pack
from espnet_mtl.errors import UserError
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.search import read_search
from espnet_mtl.inference.speech2text import Speech2TextAccent
from espnet_mtl.package import unpacking
from espnet_mtl.package.packing import pack_model
from espnet_mtl.package.unpacking import unpack_model
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tasks.weight_names import fit_names
from espnet_mtl.victim.loader import load_export


@pytest.fixture(scope="module")
def stats_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("stats") / "feats_stats.npz"
    mean, square = np.zeros(16), np.full(16, 100.0)
    np.savez(path, count=100, sum=mean, sum_square=square)
    return path


@pytest.fixture(scope="module")
def exported(tmp_path_factory, stats_file):
    """A multi-task model packed by the command, with a file its config needs."""
    folder = tmp_path_factory.mktemp("exp") / "asr_mtl_x"
    config, weights = save_model(
        folder, normalize="global_mvn", normalize_conf={"stats_file": str(stats_file)}
    )
    options = ["--asr_train_config", str(config), "--asr_model_file", str(weights)]
    asr_mtl_pack.main([*options, "--outpath", str(folder / "x.zip")])
    return folder / "x.zip"


def test_names_with_a_colon_and_files_without_a_folder_come_back(tmp_path, monkeypatch):
    """As options in the tag give them, and a recipe that lies elsewhere."""
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    monkeypatch.chdir(recipe)
    (recipe / "nlsyms.txt").write_text("<laugh>\n")
    exp = tmp_path / "disk" / "asr_mtl_init_parama.pth:encoder:encoder"
    config, weights = save_model(exp, non_linguistic_symbols="nlsyms.txt")
    pack_model(config, weights, [], tmp_path / "x.zip")
    monkeypatch.chdir(tmp_path)
    files = unpack_model(tmp_path / "x.zip", tmp_path / "out")
    settings = yaml.safe_load(Path(files["asr_train_config"]).read_text())
    assert Path(settings["non_linguistic_symbols"]).read_text() == "<laugh>\n"
    assert Path(settings["non_linguistic_symbols"]).is_relative_to(tmp_path / "out")


def _change(source, folder, ending, change):
    """Copy a zip; ``change`` turns the files of an ending into others, or into none."""
    target = folder / "bad.zip"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(ending):
                content = change(content)
            if content is not None:
                new.writestr(name, content)
    return target


def test_our_loader_gets_the_model_back(exported, stats_file):
    moved = stats_file.rename(stats_file.with_suffix(".away"))
    try:  # nothing outside the zip may be needed
        export = load_export(exported)
    finally:
        moved.rename(stats_file)
    assert export.accents == tuple(ACCENTS)
    assert export.rate == RATE
    assert export.encode_text("a b") == [2, 5, 3]
    loss, _, _ = export.model(**make_batch())
    assert torch.isfinite(loss) and not export.model.training


def test_stock_espnet_loads_the_zip_and_hears_the_same(exported, tmp_path):
    stock = Speech2Text(**unpack(exported, tmp_path), beam_size=2)
    assert type(stock.asr_model).__name__ == "ESPnetASRModel"
    theirs = stock.asr_model.state_dict()
    ours = fit_names(load_export(exported).model.state_dict(), theirs)
    for name, value in theirs.items():
        assert torch.equal(value, ours[name]), name
    text, *_ = stock(make_batch(1)["speech"][0])[0]
    assert isinstance(text, str)


@pytest.fixture(scope="module")
def with_lm(tmp_path_factory):
    """The same with a language model; folders beside each other, as in ``exp``."""
    folder = tmp_path_factory.mktemp("exp")
    config, weights = save_model(folder / "asr_mtl_x")
    lm_config, lm_file = save_lm(folder / "lm_x")
    asr_mtl_pack.main(
        [
            *("--asr_train_config", str(config), "--asr_model_file", str(weights)),
            *("--lm_train_config", str(lm_config), "--lm_file", str(lm_file)),
            *("--outpath", str(folder / "x.zip")),
        ]
    )
    return folder / "x.zip"


def test_stock_espnet_hears_the_same_with_a_packed_language_model(with_lm, tmp_path):
    options = {"beam_size": 2, "lm_weight": 0.6, "maxlenratio": -6}
    files = unpack(with_lm, tmp_path / "stock")
    assert set(files) == {
        *("asr_train_config", "asr_model_file"),
        *("lm_train_config", "lm_file"),
    }
    stock = Speech2Text(**files, **options)
    ours = Speech2TextAccent(**unpack_model(with_lm, tmp_path / "ours"), **options)
    for name, value in stock.beam_search.full_scorers["lm"].state_dict().items():
        other = ours.speech2text.beam_search.full_scorers["lm"].state_dict()[name]
        assert torch.equal(value, other), name
    speech = make_batch(1)["speech"][0]
    text, _, ids, hypothesis = stock(speech)[0]
    best, *_ = ours(speech.numpy()).nbest
    assert (best.text, best.token_int) == (text, " ".join(map(str, ids)))
    assert float(best.score) == pytest.approx(float(hypothesis.score))
    assert float(hypothesis.scores["lm"]) != 0.0
    assert load_export(with_lm).has_accent  # an attack finds the recogniser


def test_a_language_model_that_runs_code_is_refused(with_lm, tmp_path):
    marker, hostile = tmp_path / "ran", io.BytesIO()
    torch.save(RunsCode(marker), hostile)
    bad = _change(with_lm, tmp_path, "ave.pth", lambda _: hostile.getvalue())
    with pytest.raises(UserError, match=r"valid.loss.ave.pth: refused"):
        Speech2TextAccent(**unpack_model(bad, tmp_path / "out"))
    assert not marker.exists()


def test_a_language_model_of_other_tokens_is_refused(with_lm, tmp_path):
    lm = save_lm(tmp_path / "lm", tokens=["<blank>", "<unk>", "a", "<sos/eos>"])
    asr = with_lm.parent / "asr_mtl_x"
    config, weights = asr / "config.yaml", asr / "model.pth"
    with pytest.raises(UserError, match="lm/config.yaml: .*other tokens"):
        pack_model(config, weights, [], tmp_path / "x.zip", lm=tuple(lm))
    assert not (tmp_path / "x.zip").exists()
    with pytest.raises(UserError, match="lm/config.yaml: .*other tokens"):
        Speech2TextAccent(config, weights, lm_train_config=lm[0], lm_file=lm[1])


def test_a_language_model_needs_both_of_its_files(tmp_path):
    options = ["--asr_train_config", "x", "--asr_model_file", "y", "--outpath", "z"]
    with pytest.raises(UserError, match="give both, or neither"):
        asr_mtl_pack.main([*options, "--lm_file", str(tmp_path)])


def test_an_ngram_model_is_packed_by_its_argument(with_lm, tmp_path, monkeypatch):
    ngram = tmp_path / "ngram" / "3gram.bin"
    ngram.parent.mkdir()
    ngram.write_bytes(b"counts")
    asr = with_lm.parent / "asr_mtl_x"
    pack_model(
        asr / "config.yaml", asr / "model.pth", [], tmp_path / "x.zip", ngram=ngram
    )
    files = unpack_model(tmp_path / "x.zip", tmp_path / "out")
    assert files["ngram_file"].read_bytes() == b"counts"
    assert unpack(tmp_path / "x.zip", tmp_path / "stock")["ngram_file"]
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(UserError, match="pip install kenlm"):
        Speech2TextAccent(**files)


def test_an_ngram_model_is_read_where_the_package_is_trusted(
    with_lm, tmp_path, monkeypatch
):
    ngram = tmp_path / "3gram.bin"
    ngram.write_bytes(b"counts")
    asr, zip_file = with_lm.parent / "asr_mtl_x", tmp_path / "x.zip"
    pack_model(asr / "config.yaml", asr / "model.pth", [], zip_file, ngram=ngram)
    search = read_search(Decoding())
    with pytest.raises(UserError, match=r"3gram.bin is read by KenLM.*--trust_model_z"):
        search.with_package(zip_file, tmp_path / "a")
    trusted = search.with_package(zip_file, tmp_path / "b", trusted=True)
    assert trusted.options["ngram_file"].endswith("3gram.bin")
    # Without a weight it is not needed; one that an option names is the user's own.
    search = read_search(Decoding(args="--ngram_weight 0"))
    assert not search.with_package(zip_file, tmp_path / "c").options["ngram_file"]
    search = read_search(Decoding(args=f"--ngram_file {ngram}"))
    used = search.with_package(zip_file, tmp_path / "d").options["ngram_file"]
    assert used == str(ngram)
    assert load_export(zip_file)  # an attack that does not listen needs none of it
    options = ["--model_zip", str(zip_file), "--output_dir", str(tmp_path / "out")]
    options += ["--data_path_and_name_and_type", "none,speech,sound"]
    monkeypatch.setitem(sys.modules, "kenlm", None)
    for more, said in (([], "--trust_model_zip"), (["--trust_model_zip"], "pip inst")):
        with pytest.raises(UserError, match=said):
            asr_mtl_inference.main([*options, *more])


def test_an_old_sentencepiece_is_warned_of_once(
    exported, tmp_path, monkeypatch, caplog
):
    def with_bpe(content):
        settings = yaml.safe_load(content)
        return yaml.safe_dump({**settings, "bpemodel": "meta.yaml"})

    package = _change(exported, tmp_path, "config.yaml", with_bpe)
    for version, times in (("0.2.0", 1), ("0.2.1", 0)):
        unpacking._warn_of_old_sentencepiece.cache_clear()
        caplog.clear()
        monkeypatch.setattr(importlib.metadata, "version", lambda _, v=version: v)
        for name in "abc":
            folder = tmp_path / version / name
            unpack_model(package, folder, trusted=name == "a")
        assert caplog.text.count("CVE-2026-1260") == times


def test_a_class_that_is_not_allowed_is_built_where_the_package_is_trusted(
    exported, tmp_path
):
    def ask_for_beats(content):
        return yaml.safe_dump({**yaml.safe_load(content), "encoder": "beats"})

    package = _change(exported, tmp_path, "config.yaml", ask_for_beats)
    with pytest.raises(UserError, match="bad.zip: .*'encoder: beats' may read"):
        load_export(package)
    with pytest.raises(UserError, match="bad.zip: .*no model can be built"):
        load_export(package, trusted=True)  # ESPnet tries


def test_a_stock_package_is_a_model_without_accents(tmp_path):
    export = load_export(pack_stock(tmp_path))
    assert not export.has_accent and export.accents == ()


def test_the_same_model_gives_the_same_bytes_whenever_and_wherever_it_is(
    exported, tmp_path
):
    folder = exported.parent
    again, copied = tmp_path / "again.zip", tmp_path / "copied.zip"
    os.utime(folder / "model.pth", (0, 0))
    pack_model(folder / "config.yaml", folder / "model.pth", [], again)
    assert again.read_bytes() == exported.read_bytes()

    config, weights = save_model(tmp_path / "a")
    pack_model(config, weights, [], again)
    copy = shutil.copytree(config.parent, tmp_path / "elsewhere" / "b")
    pack_model(copy / config.name, copy / weights.name, [], copied)
    assert again.read_bytes() == copied.read_bytes()


def test_packing_names_a_missing_file(exported, tmp_path):
    folder = exported.parent
    missing = folder / "RESULTS.md"
    with pytest.raises(UserError, match="RESULTS.md: no such file"):
        pack_model(
            folder / "config.yaml", folder / "model.pth", [missing], tmp_path / "y.zip"
        )
    assert not (tmp_path / "y.zip").exists()


@pytest.mark.parametrize("save", [pickle.dump, torch.save])
def test_weights_that_run_code_are_refused(exported, tmp_path, save):
    marker, hostile = tmp_path / "ran", io.BytesIO()
    save(RunsCode(marker), hostile)
    bad = _change(exported, tmp_path, "model.pth", lambda _: hostile.getvalue())
    with pytest.raises(UserError, match=r"bad.zip: .*refused.*can run code"):
        load_export(bad)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["config.yaml", "meta.yaml"])
def test_yaml_that_runs_code_is_refused(exported, tmp_path, name):
    marker = tmp_path / "ran"
    hostile = f"a: !!python/object/apply:os.mkdir ['{marker}']"
    message = rf"{name}: refused: not plain YAML .*apply:os.mkdir"
    with pytest.raises(UserError, match=message):
        load_export(_change(exported, tmp_path, name, lambda _: hostile))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "mode", "said"),
    [
        ("../evil", stat.S_IFREG, "refused: '.*outside its folder"),
        ("/tmp/evil", stat.S_IFREG, "refused: '.*outside its folder"),
        ("a/../../evil", stat.S_IFREG, "refused: '.*outside its folder"),
        ("a\\evil", stat.S_IFREG, "refused: '.*outside its folder"),
        ("c:evil", stat.S_IFREG, "refused: '.*outside its folder"),
        ("link", stat.S_IFLNK, "'link' is a link"),
        ("meta.yaml", stat.S_IFREG, "'meta.yaml' is in it twice"),
    ],
)
def test_what_would_be_written_elsewhere_is_refused(
    exported, tmp_path, name, mode, said
):
    bad = shutil.copy(exported, tmp_path / "bad.zip")
    info = zipfile.ZipInfo("evil")
    info.filename = name
    info.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(bad, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=said):
        unpack_model(bad, tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused(exported, tmp_path):
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(20 * 2**20))
    with pytest.raises(UserError, match="'zeros' would grow"):
        unpack_model(bad, tmp_path / "out")


def test_a_damaged_zip_is_refused(exported, tmp_path):
    content = bytearray(exported.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    bad = tmp_path / "bad.zip"
    bad.write_bytes(content)
    with pytest.raises(UserError, match="bad.zip: "):
        load_export(bad)
    bad.write_bytes(b"not a zip")
    with pytest.raises(UserError, match="not a readable zip"):
        load_export(bad)


def test_a_zip_that_is_no_package_is_refused(exported, tmp_path):
    with pytest.raises(UserError, match="not an ESPnet2 ASR package"):
        load_export(_change(exported, tmp_path, "meta.yaml", lambda _: None))


def test_more_than_the_disk_has_room_for_is_refused(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=f"{tmp_path}/there has 1000; free some space"):
        unpack_model(exported, tmp_path / "there" / "out")


def test_nothing_that_a_configuration_names_is_unpickled(tmp_path):
    """An encoder that loads a checkpoint of its own, from a stranger's zip."""
    marker = tmp_path / "ran"
    torch.save({"cfg": RunsCode(str(marker)), "model": {}}, tmp_path / "beats.pt")
    settings = make_settings(
        encoder="beats", encoder_conf={"beats_ckpt_path": str(tmp_path / "beats.pt")}
    )
    config = tmp_path / "config.yaml"
    full = {**vars(make_args()), **settings}
    full["encoder_conf"] = {"beats_ckpt_path": str(tmp_path / "beats.pt")}
    config.write_text(yaml.safe_dump(full))
    with pytest.raises(Exception, match="(?i)weights.only|unpickl"):
        ASRMTLTask.build_model_from_file(config)
    assert not marker.exists()


def test_a_zip_without_accent_list_is_refused(exported, tmp_path):
    def forget(content):
        return yaml.safe_dump({**yaml.safe_load(content), "accent_list": None})

    with pytest.raises(UserError, match="bad.zip: .*no accent list"):
        load_export(_change(exported, tmp_path, "config.yaml", forget))


@pytest.mark.parametrize("change", ["missing", "extra"])
def test_weights_that_do_not_fit_are_refused(exported, tmp_path, change):
    weights = torch.load(exported.parent / "model.pth")
    if change == "missing":
        del weights["accent_head.classifier.0.bias"]
    else:
        weights["surplus"] = torch.zeros(1)
    other = io.BytesIO()
    torch.save(weights, other)
    bad = _change(exported, tmp_path, "model.pth", lambda _: other.getvalue())
    with pytest.raises(UserError, match="(?s)do not fit.*(classifier.0.bias|surplus)"):
        load_export(bad)
