"""The repair of a data directory: what comes out is sound, what went in is kept."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.data import validate
from espnet_mtl.data.datadir import load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.fix import fix_data_dir, main

NAMES = ("wav.scp", "text", "utt2spk", "utt2accent")
# Few keys, so that tables share some; odd line ends and characters that split lines.
keys = st.sampled_from(["a-1", "a-2", "B-1", "b-1", "ä-1", "ä-\uff5e", "ä-😀"])
rests = st.sampled_from(["", " ", " one", "\ttwo words", "  x\u2028y", " \x85 z\r"])
tables_with_faults = st.fixed_dictionaries(
    {name: st.lists(st.tuples(keys, rests), max_size=12) for name in NAMES}
)


@given(tables=tables_with_faults)
@settings(max_examples=60, deadline=None)
def test_the_result_is_sound_or_the_directory_is_untouched(tables):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speakers = [
            (key, rest.strip() and f" {key[0]}") for key, rest in tables["utt2spk"]
        ]
        tables = {**tables, "utt2spk": speakers}
        for table, lines in tables.items():
            content = "".join(f"{key}{rest}\n" for key, rest in lines)
            (folder / table).write_bytes(content.encode())
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        shared = set.intersection(
            *({key for key, rest in lines if rest.strip()} for lines in tables.values())
        )
        if not shared:
            with pytest.raises(DataDirError, match="share no utterance"):
                fix_data_dir(folder, [])
            assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
            return
        fix_data_dir(folder, [])
        validate.main([str(folder)])
        found = load_data_dir(folder)
        for table, lines in tables.items():
            first = {k: v.strip() for k, v in reversed(lines) if v.strip()}
            assert found[table] == {key: first[key] for key in shared}
        if (folder / ".backup").exists():
            kept = {p.name: p.read_bytes() for p in (folder / ".backup").iterdir()}
            assert kept == before
        else:
            assert {name: (folder / name).read_bytes() for name in NAMES} == before


def test_every_backup_is_kept_and_a_sound_directory_needs_none(data_dir, edit):
    main([str(data_dir)])
    assert not (data_dir / ".backup").exists()
    first = (data_dir / "text").read_bytes()
    edit(data_dir / "utt2accent", "ann-1 north\n", "")
    main([str(data_dir)])
    second = (data_dir / "text").read_bytes()
    edit(data_dir / "utt2accent", "bob-1 south\n", "")
    main([str(data_dir)])
    assert list(load_data_dir(data_dir)["text"]) == ["ann-2", "bob-2"]
    assert (data_dir / ".backup" / "text").read_bytes() == first
    assert (data_dir / ".backup.1" / "text").read_bytes() == second
    main([str(data_dir)])
    assert not (data_dir / ".backup.2").exists()


def test_spk2utt_is_made_anew(data_dir):
    (data_dir / "spk2utt").write_text("carl carl-1\n")
    main([str(data_dir)])
    assert (data_dir / "spk2utt").read_text() == "ann ann-1 ann-2\nbob bob-1 bob-2\n"


def test_the_first_of_doubled_keys_stays_and_the_user_is_told(data_dir, caplog):
    path = data_dir / "utt2accent"
    path.write_text(path.read_text() + "ann-1 south\nann-2 north\n")
    fix_data_dir(data_dir, [])
    assert load_data_dir(data_dir)["utt2accent"]["ann-1"] == "north"
    assert (
        f"{path}: different values for 1 doubled key(s), such as 'ann-1'" in caplog.text
    )


def test_further_tables_are_mended_too(data_dir):
    write_data_dir(
        data_dir, {"utt2age": {"bob-1": "30", "ann-1": "40", "carl-1": "50"}}
    )
    main(["--utt_extra_files", "utt2age utt2none", str(data_dir)])
    assert (data_dir / "utt2age").read_text() == "ann-1 40\nbob-1 30\n"
    assert list(load_data_dir(data_dir)["wav.scp"]) == ["ann-1", "bob-1"]


def test_what_only_the_user_can_mend_is_said(data_dir):
    (data_dir / "utt2spk").unlink()
    with pytest.raises(DataDirError, match="utt2spk: no such file; write '<utterance>"):
        main([str(data_dir)])


def test_a_full_disk_leaves_the_faulty_tables(data_dir, edit, fill_disk):
    edit(data_dir / "utt2accent", "ann-1 north\n", "")
    before = {path: path.read_bytes() for path in data_dir.iterdir()}
    fill_disk(after=1)
    with pytest.raises(OSError):
        main([str(data_dir)])
    assert {path: path.read_bytes() for path in before} == before
