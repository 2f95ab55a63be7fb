"""The table of the Speech Accent Archive, with recordings that nobody listens to."""

from collections import Counter
from pathlib import Path

import pytest
import saa_archive
from saa_archive import add_rows, read_readings

from espnet_mtl.errors import UserError


@pytest.fixture(scope="module")
def reader(saa):
    return saa.load("archive")


@pytest.fixture
def table(tmp_path) -> Path:
    """The other layout, with recordings that nothing listens to."""
    root = tmp_path / "table"
    (root / "recordings").mkdir(parents=True)
    (root / "reading-passage.txt").write_text(saa_archive.PASSAGE)
    rows = [saa_archive.TABLE_COLUMNS]
    for number, name in enumerate(saa_archive.SOUND):
        stem = name.replace("_", " ")
        (root / "recordings" / f"{stem}.mp3").write_bytes(b"not read here")
        rows.append(saa_archive.row_of(name, number))
    (root / "speakers_all.csv").write_text("\n".join(rows) + "\n")
    return root


def test_a_table_says_who_reads(reader, table):
    readings = read_readings(reader, table)
    assert not any(reading.fate for reading in readings)
    found = {reading.speaker: reading for reading in readings}
    creole = found["haitian_creole1"]
    assert creole.path == f"{table}/recordings/haitian creole1.mp3"
    # A map names it as the table does.
    assert creole.labels == ("haitian creole",)
    assert creole.language == "haitian_creole"
    assert Counter(reading.language for reading in readings) == {
        "english": 4,
        "haitian_creole": 3,
        "dutch": 3,
    }


def test_any_column_is_a_label(reader, table):
    labels = {r.speaker: r.labels for r in read_readings(reader, table, "Sex")}
    assert labels["english4"] == ("male",) and labels["english1"] == ("female",)
    countries = {r.labels for r in read_readings(reader, table, "country")}
    assert countries == {("usa",)}
    with pytest.raises(UserError, match="no column 'height' among: age"):
        read_readings(reader, table, "height")


def test_rows_that_cannot_be_used_have_a_fate(reader, table):
    recordings = table / "recordings"
    (recordings / "dutch9.mp3").write_bytes(b"nobody says who")
    (recordings / "dutch5.mp3").write_bytes(b"two languages")
    add_rows(
        table,
        saa_archive.row_of("english2", 1),  # again
        saa_archive.row_of("dutch5", 40),
        saa_archive.row_of("dutch5", 40).replace("dutch ,female", "frisian,female"),
        saa_archive.row_of("sinhalese1", 41, missing=True),
        saa_archive.row_of("dutch7", 42),  # no such file
        "27,9,somewhere",
    )
    readings = read_readings(reader, table)
    fates = {(reading.name, reading.fate) for reading in readings if reading.fate}
    assert fates == {
        ("english2.mp3", "duplicate"),
        ("dutch5.mp3", "conflict"),
        ("sinhalese1", "not_recorded"),
        ("dutch7", "missing"),
        ("-", "malformed"),
        ("dutch9.mp3", "unlisted"),
    }
    assert Counter(reading.fate for reading in readings)["conflict"] == 2


def test_one_id_is_one_speaker(reader, table):
    name = table / "recordings" / "english9.mp3"
    name.write_bytes(b"the first again")
    add_rows(table, saa_archive.row_of("english9", 1))
    readings = {Path(r.name).stem: r for r in read_readings(reader, table)}
    assert readings["english9"].speaker == readings["english2"].speaker == "english2"
    assert readings["english9"].key == "english2-english9"
    assert readings["english2"].key == "english2"


def test_an_id_that_says_nothing_makes_nobody_one_speaker(reader, table):
    for name in ("english8", "english9"):
        (table / "recordings" / f"{name}.mp3").write_bytes(name.encode())
    add_rows(
        table,
        *(
            saa_archive.row_of(name, 900).replace("900", "NA")
            for name in ("english8", "english9")
        ),
    )
    readings = read_readings(reader, table)
    assert {"english8", "english9"} <= {reading.speaker for reading in readings}


def test_names_that_become_one_id_stay_two_readings(reader, table):
    for number, name in enumerate(("english_9", "english 9"), start=900):
        (table / "recordings" / f"{name}.mp3").write_bytes(name.encode())
        row = saa_archive.row_of("english1", number).replace("english1", name)
        add_rows(table, row)
    readings = read_readings(reader, table)
    assert not any(reading.fate for reading in readings)
    for names in ([r.key for r in readings], [r.speaker for r in readings]):
        assert len(set(names)) == len(names)
        assert "english_9" in names


def test_who_wants_one_language_needs_no_other(reader, table):
    for path in (table / "recordings").glob("english*"):
        path.unlink()
    readings = read_readings(reader, table, languages="dutch")
    fates = Counter(reading.fate for reading in readings)
    assert fates == {"": 3, "other_language": 7}
    for path in (table / "recordings").glob("dutch*"):
        path.unlink()
    readings = read_readings(reader, table, languages="dutch")
    assert Counter(reading.fate for reading in readings)["missing"] == 3


def test_rows_of_one_file_with_two_labels_leave_it_without(reader, table):
    """The reading itself is used, whatever the label is."""
    add_rows(table, saa_archive.row_of("english1", 0).replace("female", "male"))
    for label in ("sex", "accent"):
        readings = read_readings(reader, table, label)
        assert Counter(r.fate for r in readings if r.fate) == {"duplicate": 1}
        [first, again] = [r for r in readings if r.name == "english1.mp3"]
        assert again.fate and first.labels == {"sex": (), "accent": ("english",)}[label]


def test_who_has_one_id_is_one_speaker_whatever_names_become(reader, table):
    """Two files whose names become one id, the second by somebody with a third."""
    names = {"english_9": 900, "english 9": 901, "zed1": 901}
    for name in names:
        (table / "recordings" / f"{name}.mp3").write_bytes(name.encode())
    for name, person in names.items():
        row = saa_archive.row_of("english1", person).replace("english1", name)
        add_rows(table, row)
    readings = read_readings(reader, table)[-3:]
    first, second, third = (reading.speaker for reading in readings)
    assert second == third != first
    assert len({reading.key for reading in readings}) == 3


def test_rows_may_name_folders_and_endings(reader, table):
    recordings = table / "recordings"
    (recordings / "more").mkdir()
    for name in ("dutch7", "dutch8"):
        (recordings / "more" / f"{name}.wav").write_bytes(b"not read here")
    add_rows(
        table,
        saa_archive.row_of("dutch7", 70).replace("dutch7", "more/dutch7"),
        saa_archive.row_of("dutch8", 71).replace("dutch8", "more/dutch8.MP3"),
    )
    readings = read_readings(reader, table)
    assert [r.fate for r in readings] == [""] * len(readings)
    assert {"more/dutch7.wav", "more/dutch8.wav"} <= {r.name for r in readings}


def test_a_recording_in_two_formats_is_one(reader, table):
    recordings = table / "recordings"
    (recordings / "english1.flac").write_bytes(b"the same")
    readings = {r.name: r for r in read_readings(reader, table)}
    assert readings["english1.flac"].fate == ""
    assert readings["english1.mp3"].fate == "duplicate"
    assert "english1.flac is there" in readings["english1.mp3"].why


def test_folders_may_be_links(reader, table, tmp_path):
    recordings = table / "recordings"
    recordings.rename(tmp_path / "elsewhere")
    recordings.mkdir()
    (recordings / "all").symlink_to(tmp_path / "elsewhere")
    assert not any(reading.fate for reading in read_readings(reader, table))


def test_remarks_behind_the_last_column_do_not_matter(reader, table):
    add_rows(table, saa_archive.row_of("dutch3", 90).removesuffix(",") + "a note")
    fates = Counter(r.fate for r in read_readings(reader, table) if r.fate)
    assert fates == {"duplicate": 1}


def test_why_a_row_cannot_be_read_is_said(reader, table, caplog):
    path = table / "speakers_all.csv"
    row = saa_archive.row_of("dutch3", 90).replace("somewhere", "S\xe3o Paulo")
    path.write_bytes(path.read_bytes() + row.encode("latin1") + b"\n")
    fates = Counter(r.fate for r in read_readings(reader, table) if r.fate)
    assert fates == {"malformed": 1}
    assert "not UTF-8" in caplog.text and "line 12:" in caplog.text
    assert "such rows are not used" in caplog.text
