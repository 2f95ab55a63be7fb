"""Several data directories in one: nothing is lost without a word."""

import pytest

from espnet_mtl.bin.combine_data import main
from espnet_mtl.bin.validate_data_dir import main as validate
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table
from espnet_mtl.data.tools.combine import combine_data_dirs
from espnet_mtl.data.tools.copy_dir import copy_data_dir


@pytest.fixture
def other_dir(data_dir, add_tables, tmp_path):
    """The same data, tables of all kinds included, under other names."""
    add_tables(data_dir)
    copy_data_dir(data_dir, tmp_path / "other", ("x-", ""), ("x-", ""))
    return tmp_path / "other"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "both"


def test_every_table_is_combined(data_dir, other_dir, target):
    main([str(target), str(other_dir), str(data_dir)])
    validate([str(target)])
    assert list(load_data_dir(target)["text"]) == [
        *("ann-1", "ann-2", "bob-1", "bob-2"),
        *("x-ann-1", "x-ann-2", "x-bob-1", "x-bob-2"),
    ]
    sources = [other_dir, data_dir]
    for name in ("utt2age", "spk2gender", "reco2dur", "text_target", "utt2accent"):
        lines = [read_table(folder / name) for folder in sources]
        assert read_table(target / name) == lines[0] | lines[1]
    assert (target / "accent2utt").read_text().startswith("north ann-1 ann-2 x-ann-1 ")
    assert (target / "feats_type").read_text() == "raw\n"
    assert not (target / ".backup").exists()


def test_accents_that_one_lacks_are_not_known(data_dir, other_dir, target, caplog):
    (other_dir / "utt2accent").unlink()
    combine_data_dirs(target, [data_dir, other_dir])
    accents = load_data_dir(target)["utt2accent"]
    assert accents["ann-1"] == "north"
    assert accents["x-ann-1"] == "<unk>"
    assert f"utt2accent: not in {other_dir}: written as <unk>" in caplog.text


def test_what_only_some_have_is_said(data_dir, other_dir, target, caplog):
    for name in ("utt2age", "spk2gender"):
        (other_dir / name).unlink()
    (other_dir / "feats_type").write_text("extracted\n")
    combine_data_dirs(target, [other_dir, data_dir])
    assert (target / "utt2age").read_text() == (data_dir / "utt2age").read_text()
    assert f"utt2age: not in {other_dir}: those lines are missing" in caplog.text
    assert not (target / "spk2gender").exists()
    assert f"spk2gender: not in {other_dir}: left out" in caplog.text
    assert not (target / "feats_type").exists()
    assert "feats_type: the directories differ in it; left out" in caplog.text
    validate([str(target)])


@pytest.mark.parametrize(
    "first, second, combined",
    [
        ("flac.ark", "wav.ark", "flac.ark\n"),
        ("wav", "flac", "flac\n"),
        ("wav", "wav", "wav\n"),
        ("wav", "flac.ark", None),
        ("wav", "flac.multi", None),
        ("wav", "", None),
    ],
)
def test_formats_that_are_read_alike_are_one(
    data_dir, other_dir, target, caplog, first, second, combined
):
    (data_dir / "audio_format").write_text(f"{first}\n")
    if second:
        (other_dir / "audio_format").write_text(f"{second}\n")
    combine_data_dirs(target, [data_dir, other_dir])
    path = target / "audio_format"
    assert (path.read_text() if path.exists() else None) == combined
    assert ("these are both (flac.ark, wav)" in caplog.text) == (second == "flac.ark")


def test_the_same_utterance_may_come_twice(data_dir, other_dir, target):
    main([str(target), str(data_dir), str(other_dir), str(data_dir)])
    assert len(load_data_dir(target)["text"]) == 8


def test_a_known_accent_counts_more_than_none(data_dir, other_dir, target):
    copy_data_dir(data_dir, other_dir)
    (other_dir / "utt2accent").unlink()
    combine_data_dirs(target, [other_dir, data_dir])
    assert load_data_dir(target)["utt2accent"]["bob-2"] == "south"


@pytest.mark.parametrize(
    "name, key, old, new",
    [
        ("text", "bob-1", "say 1 again", "another"),
        ("utt2accent", "ann-2", "north", "south"),
        ("spk2gender", "bob", "m", "f"),
    ],
)
def test_an_id_of_two_things_is_named(
    data_dir, other_dir, target, edit, name, key, old, new
):
    copy_data_dir(data_dir, other_dir)
    edit(other_dir / name, f"{key} {old}", f"{key} {new}")
    number = list(read_table(data_dir / name)).index(key) + 1
    with pytest.raises(DataDirError) as caught:
        combine_data_dirs(target, [data_dir, other_dir])
    assert str(caught.value).startswith(
        f"{other_dir / name}:{number}: '{key} {new}', but {data_dir / name}:{number}: "
        f"'{key} {old}'; give the ids of one directory a prefix"
    )
    assert not target.exists()


def test_segments_are_written_for_those_without(data_dir, target, tmp_path, caplog):
    parts = tmp_path / "parts"
    copy_data_dir(data_dir, parts, ("x-", ""), ("x-", ""))
    (parts / "segments").write_text(
        "".join(f"x-{utt} call {i} {i + 1}\n" for i, utt in enumerate(_utts(data_dir)))
    )
    (parts / "wav.scp").write_text("call call.wav\n")
    combine_data_dirs(target, [data_dir, parts])
    validate([str(target)])
    tables = load_data_dir(target)
    assert tables["segments"]["ann-2"] == "ann-2 0 0.600000"
    assert tables["segments"]["x-ann-2"] == "call 1 2"
    assert tables["wav.scp"]["ann-2"] == str(data_dir / "ann-2.wav")
    assert tables["wav.scp"]["call"] == "call.wav"
    assert f"segments: not in {data_dir}: written as whole recordings" in caplog.text
    (data_dir / "utt2dur").write_text("".join(f"{u} 7.5\n" for u in _utts(data_dir)))
    combine_data_dirs(target, [data_dir, parts])
    assert load_data_dir(target)["segments"]["bob-1"] == "bob-1 0 7.500000"


def _utts(folder):
    return read_table(folder / "utt2spk")


def test_further_tables_and_no_mending(data_dir, other_dir, target, edit):
    for folder, prefix in ((data_dir, ""), (other_dir, "x-")):
        edit(folder / "text", f"{prefix}bob-2 say 2 again\n", "")
        (folder / "stress").write_text("".join(f"{u} 1\n" for u in _utts(folder)))
    options = ["--extra_files", "stress", "--skip_fix", "true"]
    main([*options, str(target), str(data_dir), str(other_dir)])
    assert len(read_table(target / "text")) == 6
    assert len(_utts(target)) == len(read_table(target / "stress")) == 8
    main([str(target), str(data_dir), str(other_dir)])
    assert len(_utts(target)) == 6


def test_a_source_is_never_the_target(data_dir, other_dir):
    with pytest.raises(DataDirError, match="source and target are the same"):
        main([str(data_dir), str(other_dir), str(data_dir)])
