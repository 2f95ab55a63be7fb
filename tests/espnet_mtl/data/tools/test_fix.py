"""The repair of a data directory: what comes out is sound, what went in is kept."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.bin import validate_data_dir
from espnet_mtl.bin.fix_data_dir import main
from espnet_mtl.data.datadir import load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tools.fix import fix_data_dir

NAMES = ("wav.scp", "text", "utt2spk", "utt2accent")
# Few keys, so that tables share some; odd line ends and characters that split lines.
keys = st.sampled_from(["a-1", "a-2", "B-1", "b-1", "ä-1", "ä-\uff5e", "ä-😀"])
rests = st.sampled_from(["", " ", " one", "\ttwo words", "  x\u2028y", " \x85 z\r"])
tables_with_faults = st.fixed_dictionaries(
    {name: st.lists(st.tuples(keys, rests), max_size=12) for name in NAMES}
)


@given(tables=tables_with_faults)
@settings(max_examples=60)
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
            with pytest.raises(DataDirError, match="have no utterance in common"):
                fix_data_dir(folder)
            assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
            return
        fix_data_dir(folder)
        validate_data_dir.main([str(folder)])
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
    fix_data_dir(data_dir)
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


def test_tables_of_the_users_own_lose_lines_and_nothing_else(data_dir, add_tables):
    add_tables(data_dir)
    for name in ("utt2age", "text.de", "text_target"):
        path = data_dir / name
        path.write_text("carl-1 x\n" + path.read_text())
    (data_dir / "spk2gender").write_text("carl m\nbob m\nann f\n")
    (data_dir / "accent2utt").write_text("north carl-1\n")
    kept = {n: (data_dir / n).read_bytes() for n in ("text.txt", "text.bak")}
    main([str(data_dir)])
    assert (data_dir / "utt2age").read_text() == "ann-2 30\nbob-1 30\nbob-2 30\n"
    assert (data_dir / "spk2gender").read_text() == "ann f\nbob m\n"
    assert "carl" not in (data_dir / "text.de").read_text()
    assert "carl" not in (data_dir / "text_target").read_text()
    north = "north ann-1 ann-2\nsouth bob-1 bob-2\n"
    assert (data_dir / "accent2utt").read_text() == north
    assert len(load_data_dir(data_dir)["text"]) == 4
    assert {name: (data_dir / name).read_bytes() for name in kept} == kept
    assert "carl" in (data_dir / ".backup" / "utt2age").read_text()
    validate_data_dir.main([str(data_dir)])


def test_segments_and_recordings_are_fitted_to_each_other(
    segmented_dir, add_tables, edit
):
    add_tables(segmented_dir)
    edit(segmented_dir / "wav.scp", "rec/1 1.wav\n", "rec/0 0.wav\n")
    edit(segmented_dir / "text", "bob-2 say 2 again\n", "")
    main([str(segmented_dir)])
    tables = load_data_dir(segmented_dir)
    assert tables["segments"] == {"bob-1": "rec/2 0 1"}
    assert tables["wav.scp"] == {"rec/2": "2.wav"}
    assert (segmented_dir / "reco2dur").read_text() == "rec/2 2.0\n"
    assert (segmented_dir / "spk2gender").read_text() == "bob m\n"
    validate_data_dir.main([str(segmented_dir)])


def test_speakers_that_a_named_table_lacks_are_dropped(data_dir):
    (data_dir / "spk2age").write_text("bob 30\n")
    main([str(data_dir)])
    assert len(load_data_dir(data_dir)["text"]) == 4
    main(["--spk_extra_files", "spk2age", str(data_dir)])
    assert list(load_data_dir(data_dir)["text"]) == ["bob-1", "bob-2"]


def test_what_is_dropped_and_why_is_said(data_dir, edit, caplog):
    caplog.set_level("INFO")
    edit(data_dir / "text", "bob-1 say 1 again\n", "")
    fix_data_dir(data_dir)
    assert f"{data_dir / 'text'}: no line for 1 utterance (bob-1)" in caplog.text
    assert f"{data_dir}: kept 3 of 4 utterances" in caplog.text


def test_an_order_that_only_new_ids_could_mend_is_said(data_dir, edit, caplog):
    edit(data_dir / "utt2spk", "bob-1 bob", "bob-1 aaron")
    fix_data_dir(data_dir)
    assert "utt2spk:3: 'bob-1' of speaker 'aaron' comes after 'ann-2'" in caplog.text
    assert len(load_data_dir(data_dir)["text"]) == 4


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
