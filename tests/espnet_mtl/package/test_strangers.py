"""A stranger's package reads, writes, fetches and starts nothing: each is watched.

A process of its own loads real packages (``watched.py``), and all that it does outside
its temporary folder is compared with nothing.
"""

import datetime
import io
import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import yaml
from espnet2.bin import pack
from model_factory import TOKENS, save_lm, save_model

from espnet_mtl.package.packing import pack_model

WATCHED = Path(__file__).with_name("watched.py")


@pytest.fixture(scope="module")
def bait(tmp_path_factory):
    """Files that a hostile configuration names, and a folder that it writes into."""
    folder = tmp_path_factory.mktemp("bait")
    for name in ("tokens.txt", "bpe.model", "nlsyms.txt", "w2v.pt", "config.yaml"):
        (folder / name).write_text("\n".join(TOKENS))
    (folder / "target").mkdir()
    save_stats(folder / "stats.npz")
    return folder


def save_stats(path):
    np.savez(path, count=100, sum=np.zeros(16), sum_square=np.full(16, 100.0))


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """A model as ESPnet's recipe trains and packs it: BPE, statistics, a nlsyms file.

    All of the paths in its configuration that ESPnet's packing leaves alone point to
    somewhere else.
    """
    root = tmp_path_factory.mktemp("egs") / "corpus" / "asr1"
    exp, bpe = root / "exp" / "asr_train", root / "data" / "token_list" / "bpe_unigram9"
    stats = root / "exp" / "asr_stats_raw_en_bpe9" / "train" / "feats_stats.npz"
    for folder in (exp, bpe, stats.parent):
        folder.mkdir(parents=True)
    save_stats(stats)
    (root / "data" / "nlsyms.txt").write_text("<laugh>\n")
    (bpe / "input.txt").write_text("a b c\nab bc ca\nabc cab\n" * 9)
    here = Path.cwd()
    os.chdir(root)
    try:
        name = str(bpe.relative_to(root) / "bpe")
        sentencepiece.SentencePieceTrainer.train(
            input=f"{bpe}/input.txt", model_prefix=name, vocab_size=9, minloglevel=2
        )
        pieces = sentencepiece.SentencePieceProcessor(model_file=f"{name}.model")
        words = [pieces.id_to_piece(n) for n in range(3, 9)]
        config, weights = save_model(
            exp.relative_to(root),
            token_list=["<blank>", "<unk>", *words, "<sos/eos>"],
            token_type="bpe",
            bpemodel=f"{name}.model",
            non_linguistic_symbols="./data/nlsyms.txt",
            normalize="global_mvn",
            normalize_conf={"stats_file": str(stats.relative_to(root))},
            accent_weight=0.0,
            noise_scp="/data/musan/noise.scp",
            rir_scp="data/rirs.scp",
            init_param=["/models/old.pth:encoder:encoder"],
            output_dir="/home/somebody/exp/asr_train",
        )
        options = [f"{name}.model", "data/nlsyms.txt", str(stats.relative_to(root))]
        pack.main(
            [
                *("asr", "--asr_train_config", str(config)),
                *("--asr_model_file", str(weights), "--outpath", "stock.zip"),
                *(word for option in options for word in ("--option", option)),
            ]
        )
    finally:
        os.chdir(here)
    return root / "stock.zip"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A plain model with a language model, to change."""
    folder = tmp_path_factory.mktemp("exp")
    config, weights = save_model(folder / "asr_mtl_x", accent_weight=0.0)
    pack_model(config, weights, [], folder / "x.zip", lm=save_lm(folder / "lm_x"))
    return folder / "x.zip"


def change(source, target, settings=(), lm=(), more=(), meta=None, texts=()):
    """Copy a package with other settings, more files, or texts instead of files."""
    names = {"asr_mtl_x/config.yaml": dict(settings), "lm_x/config.yaml": dict(lm)}
    texts = dict(texts)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name in names:
                content = yaml.safe_dump(yaml.safe_load(content) | names[name])
            if name == "meta.yaml" and meta:
                content = yaml.safe_dump(meta(yaml.safe_load(content)))
            new.writestr(name, texts.get(name, content))
        for name, content in dict(more).items():
            new.writestr(name, content)
    return target


def use_stats(name):
    return {"normalize": "global_mvn", "normalize_conf": {"stats_file": name}}


def hostile_packages(plain, folder, bait):
    """Yield packages, each with what has to be said of it."""

    def made(said, **changes):
        path = folder / f"{len(list(folder.iterdir()))}.zip"
        return change(plain, path, **changes), said

    def named(said, **settings):
        return made(said, settings=settings)

    config = "asr_mtl_x/config.yaml"
    # Classes that read, fetch and write
    yield named(
        "'encoder: wav2vec2' may read or fetch any file.*--trust_model_zip",
        encoder="wav2vec2",
        encoder_conf={
            "w2v_url": f"file://{bait}/w2v.pt",
            "w2v_dir_path": str(bait / "target"),
            "output_size": 8,
        },
    )
    yield named(
        "'frontend: s3prl' may",
        frontend="s3prl",
        frontend_conf={
            "frontend_conf": {
                "upstream": "wav2vec2_url",
                "path_or_url": f"file://{bait}/w2v.pt",
            },
            "download_dir": str(bait / "target"),
        },
    )
    yield named("'frontend: fused' may", frontend="fused")
    yield named("'encoder: Beats' may", encoder="Beats")
    yield named("'decoder: whisper' may", decoder="whisper")
    yield named(
        "'postencoder: hugging_face_trans", postencoder="hugging_face_transformers"
    )
    yield named("'token_type: hugging_face' may", token_type="hugging_face")
    yield named("'g2p: g2p_en' may", token_type="phn", g2p="g2p_en")
    yield made(
        "lm_x/config.yaml: refused: 'lm: transformer_opt'", lm={"lm": "transformer_opt"}
    )

    # Files outside the package
    files = {
        "token_list": "tokens.txt",
        "bpemodel": "bpe.model",
        "non_linguistic_symbols": "nlsyms.txt",
    }
    for setting, name in files.items():
        for path in (f"{bait}/{name}", f"../../{bait.name}/{name}", f"a/../{name}"):
            yield named(f"'{setting}: .*{name}' names a file", **{setting: path})
        yield named(f"'{setting}: {name}' is not in the package", **{setting: name})
    for value in (5, False, ["5"], {"5": 5}, b"5", datetime.date(2026, 1, 1)):
        yield named("'bpemodel: .*' is not the name", token_type="bpe", bpemodel=value)
    yield named("'token_list: 0' is not the name", token_list=0)
    yield named("'non_linguistic_symbols: b'.*' is not", non_linguistic_symbols=b"/x")
    yield named("'normalize_conf: stats_file: 3' is not the name", **use_stats(3))
    yield made(
        "'token_list: /.*' names a file", lm={"token_list": f"{bait}/tokens.txt"}
    )
    for path, said in (
        (f"{bait}/stats.npz", "'normalize_conf: stats_file: /.*names a file"),
        ("../stats.npz", r"'normalize_conf: stats_file: \.\./stats.npz' names"),
        ("stats.npz", "'normalize_conf: stats_file: stats.npz' is not in the package"),
    ):
        yield named(said, **use_stats(path))
    yield named(
        "'encoder_conf: w2v_url: http.*' names", encoder_conf={"w2v_url": "http://x/y"}
    )
    yield made(
        "not an ESPnet2 ASR package",  # a configuration among the other files
        meta=lambda meta: {
            "files": {**meta["files"], "asr_train_config": "evil.yaml"},
            "yaml_files": {},
        },
        more={"evil.yaml": "encoder: wav2vec2"},
    )
    link = zipfile.ZipInfo("tokens.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    package, said = named("'tokens.txt' is a link", token_list="tokens.txt")
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr(link, f"{bait}/tokens.txt")
    yield package, said

    # Bombs
    yield made(
        "has 5,.* bytes; the configuration", texts={config: b"a: b\n" + b"#" * 5242880}
    )
    yield made("meta.yaml: refused: it has 5,", texts={"meta.yaml": b"#" * 5242880})
    yield made("it has 10003 files", more={f"x/{n}": "" for n in range(9998)})
    yield made("it is nested more than", texts={config: b"a: " + b"[" * 100000})
    aliases = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    yield made("it has an alias: \\*a0", texts={config: aliases})
    yield made("it has an alias", texts={config: "encoder_conf: &a {x: *a}"})
    zeros = io.BytesIO()
    np.savez_compressed(zeros, sum=np.zeros(5 * 2**20))
    yield made(
        "'sum.npy' in 'stats.npz' would grow",
        settings=use_stats("stats.npz"),
        more={"stats.npz": zeros.getvalue()},
    )
    objects = io.BytesIO()
    np.save(objects, np.array([object], dtype=object), allow_pickle=True)
    yield made(
        "no model can be built from it: ValueError: .*allow_pickle",
        settings=use_stats("stats.npy"),
        more={"stats.npy": objects.getvalue()},
    )

    # Code in YAML
    code = f"!!python/object/apply:os.mkdir ['{bait}/target/made']"
    yield made("config.yaml: refused: not plain YAML", texts={config: f"a: {code}"})
    yield made("meta.yaml: refused: not plain YAML", texts={"meta.yaml": f"a: {code}"})

    # Native code: KenLM's files
    yield made(
        "its n-gram model 3gram.bin is read by KenLM.*--ngram_weight 0",
        meta=lambda meta: {
            **meta,
            "files": {**meta["files"], "ngram_file": "3gram.bin"},
        },
        more={"3gram.bin": b"mmap lm http://kheafield.com/code format version 5\n"},
    )
    # What is damaged is told
    yield made(
        "its bpemodel cannot be read",
        settings={"token_type": "bpe", "bpemodel": "bpe.model"},
        more={"bpe.model": b"no such model"},
    )
    yield named("no model can be built", encoder_conf={"num_blocks": "many"})
    yield named("no tokenizer can be built", token_type=None)


def test_nothing_outside_the_temporary_folder_is_touched(plain, stock, bait, tmp_path):
    hostile, temporary = tmp_path / "hostile", tmp_path / "temporary"
    hostile.mkdir()
    temporary.mkdir()
    cases = list(hostile_packages(plain, hostile, bait))
    outside = change(
        plain, tmp_path / "trusted.zip", {"token_list": f"{bait}/tokens.txt"}
    )
    dotted = change(
        plain,
        tmp_path / "dotted.zip",
        {"token_list": "tokens.txt"},
        more={"./tokens.txt": "\n".join(TOKENS)},
    )
    told = subprocess.run(
        [
            *(sys.executable, WATCHED, temporary, stock, plain, dotted),
            *(package for package, _ in cases),
            f"{outside}+",
        ],
        capture_output=True,
        text=True,
        cwd=bait,  # relative names would find a file here
        env={**os.environ, "PYTHONPATH": str(WATCHED.parents[3])},
    )
    assert told.returncode == 0, told.stderr
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    results = lines[-len(cases) - 5 :]

    # What is in a package is heard, and needs nothing outside.
    for result in results[:3]:
        assert result["ending"].startswith("heard"), result
        assert result["seen"] == []
    # What a stranger tries is refused, and has done nothing by then.
    for (package, said), result in zip(cases, results[3:-2], strict=True):
        assert result["ending"].startswith(f"refused {package}"), (said, result)
        assert re.search(said, result["ending"]), (said, result["ending"])
        assert result["seen"] == [], (said, result)
    # The watch sees what is read, where the user trusts the package.
    assert f"read {bait}/tokens.txt" in results[-2]["seen"], results[-2]
    assert results[-1]["seen"] == []  # nothing is left of what was unpacked
    assert list((bait / "target").iterdir()) == []
