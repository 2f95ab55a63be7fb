"""The text of the language model: every sentence once, or a message."""

import os

import pytest

from espnet_mtl.bin import lm_text
from espnet_mtl.data.errors import DataDirError


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_sentences_of_all_files_without_empty_lines(tmp_path):
    first = write(tmp_path, "a", "utt2 one two\nutt1\nutt3\t three \n\n")
    second = write(tmp_path, "b", "book1 four\n")
    lm_text.main(["--output", str(tmp_path / "out" / "lm.txt"), first, second])
    assert (tmp_path / "out" / "lm.txt").read_text().splitlines() == [
        "book1 four",
        "utt2 one two",
        "utt3 three",
    ]


def test_the_same_sentences_leave_the_file_untouched_and_others_replace_it(tmp_path):
    text, output = write(tmp_path, "a", "b two\na one\n"), tmp_path / "lm.txt"
    lm_text.main(["--output", str(output), text])
    os.utime(output, (1, 1))
    lm_text.main(["--output", str(output), write(tmp_path, "c", "a one\nb two\n")])
    assert output.stat().st_mtime == 1
    lm_text.main(["--output", str(output), write(tmp_path, "a", "b two\na  other\n")])
    assert output.read_text() == "a other\nb two\n"


def test_a_text_without_ids_is_told_how_to_number_its_lines(tmp_path):
    plain = write(tmp_path, "plain", "the cat\na dog\nthe end\n")
    with pytest.raises(DataDirError, match="plain:3: the id 'the' occurs twice.*awk"):
        lm_text.main(["--output", str(tmp_path / "lm.txt"), plain])
    assert not (tmp_path / "lm.txt").exists()


def test_a_text_without_sentences_or_a_missing_one_is_named(tmp_path):
    empty = write(tmp_path, "empty", "utt1\n")
    with pytest.raises(DataDirError, match="empty: no sentence in it"):
        lm_text.main(["--output", str(tmp_path / "lm.txt"), empty])
    with pytest.raises(DataDirError, match="none: no such file"):
        lm_text.main(["--output", str(tmp_path / "x"), str(tmp_path / "none")])
