"""A model by its name: what ESPnet's downloader brings becomes a checked package.

The downloader is a stand-in with the two methods that fetch, and a cache laid out as
Hugging Face's: links in ``snapshots/<commit>`` to files in ``blobs``.
"""

import pickle
import shutil
import sys
import types
import zipfile
from pathlib import Path

import pytest
import yaml
from model_factory import RunsCode, pack_stock, pack_tiny, write_data_dir

from espnet_mtl.bin import asr_mtl_attack
from espnet_mtl.errors import UserError
from espnet_mtl.package.zoo import fetch_model, zip_folder
from espnet_mtl.results.attack import read_records
from espnet_mtl.victim.loader import load_export

COMMIT = "0123abc"


class Zoo:
    """Stands in for ``ModelDownloader``; what it has is on the disk."""

    def __init__(self, cachedir: Path):
        self.cachedir = cachedir
        self.table: dict[str, Path] = {}  # zips by name
        self.repositories: dict[str, Path] = {}  # unpacked packages by name
        self.fetched: list[str] = []

    def get_url(self, name):
        if Path(name).exists():
            return name
        return "https://zenodo.org/1" if name in self.table else "huggingface.co"

    def download(self, name):
        self.fetched.append(name)
        return str(self.table[name])

    def huggingface_download(self, name):
        self.fetched.append(name)
        home = self.cachedir / f"models--{name.replace('/', '--')}"
        snapshot = home / "snapshots" / COMMIT
        for path in self.repositories[name].rglob("*"):
            inside = path.relative_to(self.repositories[name])
            if path.is_dir() or (snapshot / inside).is_symlink():
                continue
            blob = home / "blobs" / "-".join(inside.parts)
            blob.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, blob)
            (snapshot / inside).parent.mkdir(parents=True, exist_ok=True)
            (snapshot / inside).symlink_to(blob)
        return str(snapshot)


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    zoo = Zoo(tmp_path / "cache")
    module = types.ModuleType("espnet_model_zoo.downloader")
    module.ModelDownloader = lambda: zoo
    monkeypatch.setitem(sys.modules, "espnet_model_zoo", types.ModuleType("zoo"))
    monkeypatch.setitem(sys.modules, "espnet_model_zoo.downloader", module)
    return zoo


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    return pack_stock(tmp_path_factory.mktemp("stock"))


@pytest.fixture
def repository(stock, tmp_path):
    """The same package as a repository, with files that no model needs."""
    folder = tmp_path / "repository"
    with zipfile.ZipFile(stock) as archive:
        archive.extractall(folder)
    (folder / "README.md").write_text("# A model")
    (folder / "images").mkdir()
    (folder / "images" / "loss.png").write_bytes(b"png")
    return folder


def change_meta(folder, key, value):
    meta = yaml.safe_load((folder / "meta.yaml").read_text())
    part = "yaml_files" if key.endswith("config") else "files"
    meta[part][key] = value
    (folder / "meta.yaml").write_text(yaml.safe_dump(meta))


def test_a_zip_of_the_zoo_is_taken_as_it_is(zoo, stock):
    zoo.table["ann/ears"] = stock
    assert fetch_model("ann/ears") == stock


@pytest.mark.parametrize("before", ["", "https://huggingface.co/"])
def test_a_repository_becomes_the_model_that_was_packed(zoo, stock, repository, before):
    zoo.repositories["ann/ears"] = repository
    made = fetch_model(f"{before}ann/ears")
    again, packed = load_export(made), load_export(stock)
    mine, own = again.model.state_dict(), packed.model.state_dict()
    assert mine.keys() == own.keys()
    assert all((mine[name] == own[name]).all() for name in own)
    names = zipfile.ZipFile(made).namelist()
    assert "README.md" not in names
    assert fetch_model("ann/ears") == made


def test_the_zip_is_the_same_whenever_it_is_made(repository, tmp_path):
    for name in ("a.zip", "b.zip"):
        zip_folder(repository, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_names_that_espnet_has_made_absolute_are_relative_again(tmp_path):
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(pack_tiny(tmp_path / "x")) as archive:
        archive.extractall(folder)
    config = folder / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings |= {"token_list": str(folder / "tokens.txt")}
    (folder / "tokens.txt").write_text("a\n")
    config.write_text(yaml.safe_dump(settings))
    zip_folder(folder, tmp_path / "made.zip")
    with zipfile.ZipFile(tmp_path / "made.zip") as archive:
        packed = yaml.safe_load(archive.read("config.yaml"))
        assert packed["token_list"] == "tokens.txt"
        assert archive.read("tokens.txt") == b"a\n"


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret.yaml", "link.yaml"])
@pytest.mark.parametrize("key", ["asr_train_config", "asr_model_file"])
def test_files_outside_of_it_are_neither_read_nor_changed(
    zoo, repository, tmp_path, name, key
):
    secret = tmp_path / "secret.yaml"
    secret.write_text("password: 1\n")
    (repository / "link.yaml").symlink_to(secret)
    change_meta(repository, key, name)
    with pytest.raises(UserError, match="repository: "):
        zip_folder(repository, tmp_path / "made.zip")
    assert not (tmp_path / "made.zip").exists()
    assert secret.read_text() == "password: 1\n"


def test_what_it_brings_is_refused_as_a_zip_would_be(zoo, repository, tmp_path):
    marker = tmp_path / "ran"
    meta = yaml.safe_load((repository / "meta.yaml").read_text())
    weights = repository / meta["files"]["asr_model_file"]
    weights.write_bytes(pickle.dumps(RunsCode(marker), protocol=2))
    zoo.repositories["eve/ears"] = repository
    with pytest.raises(UserError, match="refused.*can run code"):
        load_export(fetch_model("eve/ears"))
    assert not marker.exists()


def test_a_model_of_another_task_is_told(zoo, repository):
    (repository / "meta.yaml").write_text(
        "yaml_files: {train_config: config.yaml}\nfiles: {model_file: model.pth}\n"
    )
    zoo.repositories["ann/voice"] = repository
    with pytest.raises(UserError, match="not an ESPnet2 ASR package"):
        load_export(fetch_model("ann/voice"))


def test_a_repository_without_a_package_is_told(zoo, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("nothing")
    zoo.repositories["ann/nothing"] = tmp_path / "empty"
    with pytest.raises(UserError, match="no 'meta.yaml' in it.*no package of ESPnet2"):
        fetch_model("ann/nothing")


def test_a_name_that_nobody_knows_is_told_with_the_way_out(zoo):
    with pytest.raises(
        UserError, match=r"no/such: not fetched \(KeyError.*--model_zip"
    ):
        fetch_model("no/such")


def test_a_file_is_no_name(zoo, stock):
    with pytest.raises(UserError, match="this is a file: give --model_zip"):
        fetch_model(str(stock))


def test_without_the_downloader_the_fix_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "espnet_model_zoo", None)
    with pytest.raises(UserError, match="pip install espnet_model_zoo.*--model_zip"):
        fetch_model("ann/ears")


def test_the_attack_takes_a_name(zoo, repository, tmp_path):
    zoo.repositories["ann/ears"] = repository
    data = write_data_dir(tmp_path / "data", num_utts=2)
    options = ["--data_dir", str(data), "--output_dir", str(tmp_path / "out")]
    (tmp_path / "fgsm.yaml").write_text("attacks: [{attack: fgsm}]\nbudgets: [0.01]\n")
    options += ["--config", str(tmp_path / "fgsm.yaml")]
    asr_mtl_attack.main(["--model_tag", "ann/ears", *options])
    records = read_records(tmp_path / "out")
    assert {record.utt for record in records.values()} == {"spk0-000", "spk1-001"}
    # By name and by zip it is the same model: nothing is attacked again.
    made = fetch_model("ann/ears")
    before = (tmp_path / "out" / "records.jsonl").read_bytes()
    asr_mtl_attack.main(["--model_zip", str(made), *options])
    assert (tmp_path / "out" / "records.jsonl").read_bytes() == before


def test_a_name_and_a_zip_are_one_too_many(stock, tmp_path, capsys):
    with pytest.raises(SystemExit):
        asr_mtl_attack.main(["--model_tag", "a/b", "--model_zip", str(stock)])
    assert "not allowed with argument" in capsys.readouterr().err
