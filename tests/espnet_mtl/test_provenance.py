"""Stamps: what a result was made of, and what has changed since."""

import hashlib

import pytest

from espnet_mtl.errors import UserError
from espnet_mtl.provenance import (
    find_changes,
    hash_file,
    hash_value,
    read_stamp,
    write_stamp,
)


def test_a_file_is_hashed_by_its_content(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"x" * (2**20 + 1))
    assert hash_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_values_are_hashed_by_what_they_say():
    assert hash_value({"a": 1, "b": [2, "é"]}) == hash_value({"b": (2, "é"), "a": 1})
    assert hash_value({"a": 1}) != hash_value({"a": "1"})
    hash_value("\udcff")  # a file's name need not be UTF-8


def test_a_stamp_names_what_has_changed(tmp_path):
    assert read_stamp(tmp_path) is None
    write_stamp(tmp_path, {"tokens": (30, "abc"), "seed": 0, "gone": 1})
    before = read_stamp(tmp_path)
    assert find_changes(before, {"tokens": (30, "abc"), "seed": 0, "gone": 1}) == []
    now = {"tokens": (30, "abd"), "seed": 0, "new": None}
    assert find_changes(before, now) == ["gone", "tokens"]


def test_a_damaged_stamp_is_named(tmp_path):
    (tmp_path / "stamp.json").write_text("{")
    with pytest.raises(UserError, match=r"stamp.json: damaged"):
        read_stamp(tmp_path)
