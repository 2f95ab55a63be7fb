"""What a killed job leaves is read again; what was made of something else is not."""

import pytest

from espnet_mtl.errors import UserError
from espnet_mtl.journal import Journal, read_journals


def test_a_journal_drops_a_torn_line(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("a", {"utt1": {"text": "x"}})
        with pytest.raises(UserError, match="another process is writing it"):
            Journal(path)
    with path.open("a") as file:
        file.write('damaged\n{"key": "utt2", "te')
    with Journal(path) as journal:
        journal.append("a", {"utt2": {"text": "y"}})
    assert path.read_text().count("\n") == 3
    assert read_journals([path], dict) == {
        ("utt1", "a"): {"text": "x"},
        ("utt2", "a"): {"text": "y"},
    }


def test_a_journal_forgets_all_but_what_it_is_told(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("a", {"utt1": 1, "utt2": 2})
        journal.append("b", {"utt1": 3})
        journal.start_over([("a", "utt1", 1)])
        journal.append("c", {"utt3": 4})
    assert read_journals([path], int) == {("utt1", "a"): 1, ("utt3", "c"): 4}


def test_results_of_other_settings_stand_beside_each_other(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("a", {"utt1": 1})
        journal.append("b", {"utt1": 2})
    assert read_journals([path], int) == {("utt1", "a"): 1, ("utt1", "b"): 2}


def test_the_newest_counts_whichever_job_wrote_it(tmp_path):
    paths = [tmp_path / "2.jsonl", tmp_path / "1.jsonl", tmp_path / "none.jsonl"]
    for number, path in enumerate(paths[:2]):
        with Journal(path) as journal:
            journal.append("a", {"utt1": number})
    assert read_journals(reversed(paths), int) == {("utt1", "a"): 1}


def test_a_journal_is_read_while_its_job_runs(tmp_path):
    path = tmp_path / "journal.jsonl"
    assert read_journals([path], dict) == {}
    with Journal(path) as journal:
        journal.append("a", {"utt1": {"text": "x"}})
        with path.open("ab") as file:
            file.write(b'{"key": "utt2", "te')
        assert read_journals([path], dict) == {("utt1", "a"): {"text": "x"}}


def test_results_of_another_type_are_done_again(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("a", {"utt1": {"text": "x"}})
    assert read_journals([path], int) == {}


def test_a_job_reads_only_what_is_its_own(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("a", {"utt1": 1, "utt2": "of another type", "utt3": 3})
    assert read_journals([path], int, {"utt1", "utt2"}) == {("utt1", "a"): 1}
