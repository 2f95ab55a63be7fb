"""Data directories: the tables of one agree, and are written together."""

import pytest

from espnet_mtl.data.checks import check_formatted
from espnet_mtl.data.datadir import invert, load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError


def test_tables_are_read_by_name(data_dir):
    tables = load_data_dir(data_dir)
    assert list(tables) == ["wav.scp", "text", "utt2spk", "utt2accent"]
    assert tables["text"]["bob-1"] == "say 1 again"
    assert list(load_data_dir(data_dir, ["utt2accent"])) == ["utt2accent"]


@pytest.mark.parametrize("name", ["text", "utt2spk", "utt2accent"])
def test_a_missing_line_names_file_utterance_and_fix(data_dir, edit, name):
    line = f"bob-1 {load_data_dir(data_dir)[name]['bob-1']}\n"
    edit(data_dir / name, line, "")
    with pytest.raises(DataDirError) as caught:
        load_data_dir(data_dir)
    message = str(caught.value)
    assert message.startswith(f"{data_dir / name}: no line for 1 utterance (bob-1) of")
    assert "utils/fix_data_dir.sh" in message
    assert ("write '<unk>' where an accent is not known" in message) == (
        name == "utt2accent"
    )


def test_an_extra_line_names_file_line_utterance_and_fix(data_dir):
    path = data_dir / "utt2accent"
    path.write_text(path.read_text() + "carl-1 north\ncarl-2 north\n")
    with pytest.raises(DataDirError) as caught:
        load_data_dir(data_dir)
    assert str(caught.value) == (
        f"{path}:5: {data_dir / 'wav.scp'} has no line for 2 utterances (carl-1, "
        "carl-2); utils/fix_data_dir.sh keeps the utterances that every file has"
    )


def test_many_missing_lines_are_counted(tmp_path):
    keys = [f"a-{i}" for i in range(9)]
    tables = {"wav.scp": dict.fromkeys(keys, "x"), "text": {"a-0": "x"}}
    write_data_dir(tmp_path, tables)
    with pytest.raises(DataDirError, match=r"8 utterances \(a-1, .*, a-5, \.\.\.\)"):
        load_data_dir(tmp_path, ["wav.scp", "text"])


def test_an_empty_table_is_refused(tmp_path):
    write_data_dir(tmp_path, {"wav.scp": {}, "text": {}})
    with pytest.raises(DataDirError, match="wav.scp: no utterance in it"):
        load_data_dir(tmp_path, ["wav.scp", "text"])


def test_a_missing_directory_or_table_is_named(data_dir):
    with pytest.raises(DataDirError, match="nowhere: no such data directory"):
        load_data_dir(data_dir / "nowhere")
    (data_dir / "utt2accent").unlink()
    with pytest.raises(
        DataDirError, match="utt2accent: no such file; write '<utt.*awk"
    ):
        load_data_dir(data_dir)
    (data_dir / "text").unlink()
    with pytest.raises(DataDirError, match="text: no such file"):
        load_data_dir(data_dir, ["text"])


def test_ids_need_not_begin_with_their_speaker(data_dir, edit):
    edit(data_dir / "utt2spk", "bob-1 bob", "bob-1 carl")
    assert load_data_dir(data_dir)["utt2spk"]["bob-1"] == "carl"


def test_a_key_that_cannot_name_a_file_is_refused_only_where_it_does(tmp_path):
    tables = {name: {"../a": "../"} for name in ("wav.scp", "utt2spk")}
    write_data_dir(tmp_path, tables)
    tables = load_data_dir(tmp_path, ["wav.scp", "utt2spk"])
    with pytest.raises(DataDirError, match="wav.scp:1: there is a '/' in '../a'"):
        check_formatted(tmp_path, tables)


def test_parts_of_recordings_lead_and_wav_scp_has_the_recordings(segmented_dir):
    tables = load_data_dir(segmented_dir)
    assert tables["segments"]["ann-2"] == "rec/1 0.2 -1"
    assert tables["wav.scp"] == {"rec/1": "1.wav", "rec/2": "2.wav"}
    assert list(tables["text"]) == list(tables["segments"])
    assert "segments" not in load_data_dir(segmented_dir, ["text", "utt2spk"])
    with pytest.raises(DataDirError, match="segments: one audio file for each"):
        check_formatted(segmented_dir, tables)


@pytest.mark.parametrize(
    "name, old, new, fault",
    [
        ("wav.scp", "rec/1 1", "rec/0 1", "segments:1: 'ann-1' is a part of 'rec/1', "),
        ("segments", "bob-1 rec/2 0 1\n", "", "text:3: .*segments has no line for 1 "),
        ("text", "bob-1 say 1 again\n", "", "text: no line for 1 utterance .bob-1"),
        ("segments", "bob-1 rec/2 0 1", "bob-1 rec/2 1 0", "segments:3: 'bob-1' ends"),
    ],
)
def test_segments_that_do_not_fit_are_named(segmented_dir, edit, name, old, new, fault):
    edit(segmented_dir / name, old, new)
    with pytest.raises(DataDirError, match=fault):
        load_data_dir(segmented_dir)


def test_spk2utt_is_written_beside_utt2spk(data_dir):
    assert (data_dir / "spk2utt").read_text() == "ann ann-1 ann-2\nbob bob-1 bob-2\n"
    assert invert("utt2spk", {"b-2": "b", "a-1": "a", "b-1": "b"}) == {
        "a": "a-1",
        "b": "b-1 b-2",
    }


def test_a_full_disk_leaves_every_old_table(data_dir, fill_disk):
    before = {path.name: path.read_bytes() for path in data_dir.iterdir()}
    tables = load_data_dir(data_dir)
    fill_disk(after=2)
    for table in tables.values():
        del table["ann-1"]
    with pytest.raises(OSError):
        write_data_dir(data_dir, tables)
    assert {path.name: path.read_bytes() for path in data_dir.iterdir()} == before
