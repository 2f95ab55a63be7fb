"""Copies of data directories under other names."""

import pytest

from espnet_mtl.bin.copy_data_dir import main
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table


def test_every_table_gets_the_new_names(data_dir, add_tables, tmp_path):
    add_tables(data_dir)
    target = tmp_path / "copy"
    options = "--utt-prefix a- --utt-suffix -x --spk-prefix a- --spk-suffix=-y".split()
    main([*options, "--validate-opts", "--non-print", str(data_dir), str(target)])
    tables = load_data_dir(target)
    assert list(tables["text"]) == [
        f"a-{utt}-x" for utt in load_data_dir(data_dir)["text"]
    ]
    assert tables["utt2spk"]["a-ann-1-x"] == "a-ann-y"
    assert tables["utt2accent"]["a-bob-1-x"] == "south"
    assert tables["wav.scp"]["a-ann-1-x"] == str(data_dir / "ann-1.wav")
    for name, content in {
        "utt2age": "a-ann-2-x 30\na-bob-1-x 30\na-bob-2-x 30\n",
        "spk2gender": "a-ann-y f\na-bob-y m\n",
        "spk2utt": "a-ann-y a-ann-1-x a-ann-2-x\na-bob-y a-bob-1-x a-bob-2-x\n",
        "accent2utt": "north a-ann-1-x a-ann-2-x\nsouth a-bob-1-x a-bob-2-x\n",
        "feats_type": "raw\n",
    }.items():
        assert (target / name).read_text() == content
    assert list(read_table(target / "reco2dur")) == list(tables["text"])
    assert not (target / "text.bak").exists()


def test_recordings_keep_their_names(segmented_dir, add_tables, tmp_path):
    add_tables(segmented_dir)
    main(["--utt-prefix", "a-", str(segmented_dir), str(tmp_path / "copy")])
    tables = load_data_dir(tmp_path / "copy")
    assert tables["segments"]["a-ann-1"] == "rec/1 0 0.2"
    assert tables["wav.scp"] == load_data_dir(segmented_dir)["wav.scp"]
    assert read_table(tmp_path / "copy" / "reco2dur") == {
        "rec/1": "2.0",
        "rec/2": "2.0",
    }
    assert tables["utt2spk"]["a-ann-1"] == "ann"


def test_the_order_of_the_new_names_is_sorted(data_dir, tmp_path, edit):
    for name in ("wav.scp", "text", "utt2spk", "utt2accent"):
        path = data_dir / name
        path.write_text(path.read_text().replace("ann-2 ", "ann-1-2 "))
    (data_dir / "spk2utt").unlink()
    main(["--utt-suffix", "z", str(data_dir), str(tmp_path / "copy")])
    assert list(load_data_dir(tmp_path / "copy")["text"])[:2] == ["ann-1-2z", "ann-1z"]


def test_further_files_are_copied_and_what_is_absent_may_be(data_dir, tmp_path, edit):
    (data_dir / "notes").write_text("mine")
    (data_dir / "utt2accent").unlink()
    edit(data_dir / "text", "ann-1 say 1 again\n", "ann-1\n")
    main([str(data_dir), str(tmp_path / "copy")])
    assert (tmp_path / "copy" / "text").read_text().startswith("ann-1\nann-2 say")
    (data_dir / "text").unlink()
    main(["--extra-files", "notes", str(data_dir), str(tmp_path / "copy")])
    assert (tmp_path / "copy" / "notes").read_text() == "mine"
    with pytest.raises(DataDirError, match="other: no such file; --extra-files asks"):
        main(["--extra-files", "other", str(data_dir), str(tmp_path / "copy")])
    with pytest.raises(DataDirError, match="source and target are the same"):
        main(["--utt-prefix", "a-", str(data_dir), str(data_dir)])
