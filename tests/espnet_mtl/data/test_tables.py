"""Tables: strict reading, sorted and whole writing."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espnet_mtl.atomic import write_files, write_text
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table, sort_keys, write_table

# One folder serves all examples: each writes its file anew.
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
words = st.text(min_size=1).filter(
    lambda word: word.split() == [word] and not word.startswith("\ufeff")
)
values = st.text().filter(lambda value: not {"\n", "\r"} & set(value)).map(str.strip)


@given(table=st.dictionaries(words, values))
@one_folder
def test_what_is_written_is_read_back_in_the_order_of_bytes(tmp_path, table):
    path = tmp_path / "table"
    write_table(path, table)
    found = read_table(path, allow_empty_value=True)
    assert found == table
    encoded = [key.encode() for key in found]
    assert encoded == sorted(encoded)


def test_order_is_that_of_sort_in_the_c_locale():
    keys = ["b", "B", "a-1", "a.1", "a1", "ä", "z", "😀", "\uff5e", "a"]
    found = subprocess.run(
        ["sort"],
        input="".join(f"{key}\n" for key in keys),
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
    )
    assert sort_keys(keys) == found.stdout.split()


@pytest.mark.parametrize(
    "content, line, fault",
    [
        ("a 1\nb 2\na 3\n", 3, "'a' occurs twice"),
        ("a 1\na 1\n", 2, "'a' occurs twice"),
        ("b 1\na 2\n", 2, "'a' is out of order after 'b'; sort by bytes"),
        ("a 1\nB 2\n", 2, "'B' is out of order"),
        ("a 1\nb\n", 2, "no value after 'b'; fill it in, or remove"),
        ("a 1\nb  \t\n", 2, "no value after 'b'"),
        ("a 1\n\nb 2\n", 2, "the line is empty; remove it"),
        ("a 1\nb \udcff\n", 2, "not UTF-8; convert the file"),
    ],
)
def test_a_faulty_line_is_named(tmp_path, content, line, fault):
    path = tmp_path / "text"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataDirError) as caught:
        read_table(path)
    assert str(caught.value).startswith(f"{path}:{line}: {fault}")


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataDirError, match="text: no such file"):
        read_table(tmp_path / "text")


@pytest.mark.parametrize(
    "content", ["a 1 2\nb 3\n", "a\t1 2\r\nb   3 \r\n", "\ufeffa 1 2\nb 3"]
)
def test_tabs_windows_line_ends_and_byte_order_marks_are_read(tmp_path, content):
    path = tmp_path / "text"
    path.write_bytes(content.encode())
    assert read_table(path) == {"a": "1 2", "b": "3"}


@pytest.mark.parametrize("key", ["", "a b", "a\t", "\ufeffa"])
def test_a_key_that_would_not_be_read_back_is_not_written(tmp_path, key):
    with pytest.raises(DataDirError, match="is not a key"):
        write_table(tmp_path / "text", {key: "1"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["one\ntwo", "one\rtwo"])
def test_a_value_of_several_lines_is_not_written(tmp_path, value):
    with pytest.raises(DataDirError, match="text: 'a': there is a line break"):
        write_table(tmp_path / "text", {"a": value})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_table_and_nothing_else(tmp_path, fill_disk):
    path = tmp_path / "text"
    write_table(path, {"a": "old"})
    fill_disk()
    with pytest.raises(OSError) as caught:
        write_table(path, {"a": "new", "b": "new"})
    assert caught.value.errno == errno.ENOSPC
    assert read_table(path) == {"a": "old"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_between_files_leaves_all_of_them_old(tmp_path, fill_disk):
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        write_text(path, "old")
    fill_disk(after=2)
    with pytest.raises(OSError):
        write_files({path: b"new" for path in paths})
    assert {path.read_text() for path in paths} == {"old"}
    assert sorted(tmp_path.iterdir()) == paths


def test_folders_are_made(tmp_path: Path):
    write_text(tmp_path / "a" / "b" / "c", "ä\n")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == "ä\n".encode()
