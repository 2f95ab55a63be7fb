"""Tables as spreadsheets write them: understood, or refused with the line."""

import csv
import io
import zipfile

import pytest

from espnet_mtl.data.prepare.delimited import Rows
from espnet_mtl.errors import UserError

NEEDED = ("path", "text", "speaker", "accent")
# Texts with everything that a spreadsheet quotes.
TEXTS = ['He said "well"', "yes, no", '"All of it."', "a; b", "plain", '"', 'a "" b']


@pytest.fixture
def write(tmp_path):
    def run(content):
        path = tmp_path / "table.tsv"
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(content)
        return path

    return run


def read(path, **options):
    table = Rows(path, NEEDED, ("split",), **options)
    rows = [row for _, row in table]
    table.faults.raise_any()
    return rows


def texts_of(path, **options):
    return [row["text"] for row in read(path, **options)]


def export(texts, delimiter, quoting=csv.QUOTE_MINIMAL, end="\r\n"):
    """Write a table as programs do."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(NEEDED)
    writer.writerows([f"{i}.wav", text, "ann", "x"] for i, text in enumerate(texts))
    return out.getvalue()


def tabs(*texts):
    """Write a table without any quoting."""
    rows = [f"{i}.wav\t{text}\tann\tx" for i, text in enumerate(texts)]
    return "\n".join(["\t".join(NEEDED), *rows]) + "\n"


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_a_program_exports_is_read_back(write, delimiter, quoting, mark):
    path = write(mark + export(TEXTS, delimiter, quoting))
    assert texts_of(path) == TEXTS


def test_quotes_that_are_part_of_the_text_stay(write):
    texts = ['"Hello" he said', 'He said "well', '"All of it."', 'so "called']
    assert texts_of(write(tabs(*texts))) == texts
    assert texts_of(write(tabs(*texts)), release=True) == texts


def test_a_cell_that_could_be_either_is_refused_with_its_line(write):
    path = write(tabs("plain", '"Yes, all."'))
    with pytest.raises(
        UserError, match=r"table.tsv: line 3 \(\"Yes, all.\"\): are its"
    ):
        read(path)
    assert texts_of(path, quotes="csv") == ["plain", "Yes, all."]
    assert texts_of(path, quotes="literal") == ["plain", '"Yes, all."']
    assert texts_of(path, release=True) == ["plain", '"Yes, all."']
    assert texts_of(write(tabs("plain", '"Yes."', 'a "b'))) == [
        "plain",
        '"Yes."',
        'a "b',
    ]
    assert texts_of(write(tabs('"Yes."', '"a ""b"""'))) == ["Yes.", 'a "b"']


def test_cells_that_disagree_are_refused_with_both_lines(write, caplog):
    path = write(tabs('"so ""called"""', '"So" he said'))
    with pytest.raises(UserError) as error:
        read(path)
    assert 'line 2 ("so ""called""") has quotes as spreadsheets' in str(error.value)
    assert 'line 3 ("So" he said) has quotes that are part' in str(error.value)
    assert "--quotes csv" in str(error.value) and "--quotes literal" in str(error.value)
    assert texts_of(path, release=True) == ['"so ""called"""', '"So" he said']
    assert "line 3" in caplog.text and "taken for text" in caplog.text


def test_empty_cells_and_rows_at_the_end_mean_nothing(write):
    lines = [
        "path,text,speaker,accent,,",
        "a.wav,hi,ann,x,,,",
        "b.wav,ho,bob,,,",
        ",,,,,",
    ]
    rows = read(write("\n".join(lines)))
    assert [(r["path"], r["accent"]) for r in rows] == [("a.wav", "x"), ("b.wav", "")]


def test_blanks_of_any_kind_around_cells_mean_nothing(write):
    path = write("\u00a0path ,Text\u00a0,speaker,accent\na.wav\u00a0, hi\u202f,ann,x\n")
    assert read(path) == [
        {"path": "a.wav", "text": "hi", "speaker": "ann", "accent": "x"}
    ]


def test_columns_may_hold_decimal_commas_with_semicolons_between(write):
    head = "path;seconds;text;speaker;accent\n"
    assert texts_of(write(head + "a.wav;3,5;yes, no;ann;x\n")) == ["yes, no"]


def workbook():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


REFUSED = {
    "a workbook": (workbook(), "a workbook \\(.xlsx, .ods\\).*save it as 'CSV UTF-8'"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old workbook"),
    "compressed": (b"\x1f\x8b\x08", "compressed; unpack it by gunzip"),
    "a web page": (b"<!DOCTYPE html>\n<html>", "a page in HTML"),
    "UTF-16 with a mark": (tabs("a").encode("utf-16"), "UTF-16.*iconv -f utf-16"),
    "UTF-16 without": (tabs("a").encode("utf-16-le"), "UTF-16.*iconv -f utf-16"),
    "a note for Excel": (b"sep=;\r\npath;text", ":1: 'sep=;' is a note.*remove this"),
    "a title": (
        b"My corpus,,,\n,,,\npath,text,speaker,accent\na.wav,hi,ann,x\n",
        "line 3 names the columns: remove the lines above it",
    ),
    "merged cells above": (
        b"path,text,,accent\na.wav,hi,ann,x\n",
        "no column 'speaker' among: path, text, , accent; column 3 has no name",
    ),
    "no names": (b"a.wav\thi\tann\tx\n", ":1: no column 'path', 'text', 'speaker'"),
    "a name twice": (
        b"path,text,speaker,accent,Text\n",
        ":1: 'text' names the columns 2 and 5; rename or remove",
    ),
    "a line break in a cell": (
        b'path,text,speaker,accent\na.wav,"hi\nthere",ann,x\n',
        "unbalanced quotes.*on one line.*\n    line 2: a.wav",
    ),
    "a line break between tabs": (
        tabs('"hi\nthere"').encode(),
        "not the 4 fields.*a line break.*\n    line 2: 2 fields: 0.wav",
    ),
    "too few cells": (
        b"path,text,speaker,accent\na.wav,hi\n",
        "not the 4 fields.*\n    line 2: 2 fields: a.wav,hi",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_understood_is_refused_with_the_place_and_the_fix(write, name):
    content, said = REFUSED[name]
    with pytest.raises(UserError, match=f"(?s)table.tsv:? ?.*{said}"):
        read(write(content))


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(UserError, match="a folder, not a table; name the CSV"):
        read(tmp_path)
