"""What a killed job leaves is read again; other settings start anew."""

import json

import pytest

from espnet_mtl.errors import UserError
from espnet_mtl.journal import Journal, read_journal


def test_a_journal_drops_a_torn_line_and_other_settings(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "a")
    journal.append("utt1", {"text": "x"})
    with pytest.raises(UserError, match="another process writes it"):
        Journal(path, "a")
    journal.close()
    with path.open("a") as file:
        file.write('damaged\n{"utt": "utt2", "te')
    journal = Journal(path, "a")
    assert journal.results == {"utt1": {"utt": "utt1", "text": "x"}}
    journal.append("utt2", {"text": "y"})
    journal.close()
    lines = [line for line in path.read_text().splitlines() if line != "damaged"]
    assert [json.loads(line)["utt"] for line in lines[1:]] == ["utt1", "utt2"]
    journal = Journal(path, "b")
    assert journal.results == {}
    journal.close()


def test_a_journal_is_read_while_its_job_runs(tmp_path):
    path = tmp_path / "journal.jsonl"
    assert read_journal(path, "a") == {}
    journal = Journal(path, "a")
    journal.append("utt1", {"text": "x"})
    with path.open("ab") as file:
        file.write(b'{"utt": "utt2", "te')
    assert read_journal(path, "a") == {"utt1": {"utt": "utt1", "text": "x"}}
    assert read_journal(path, "b") == {}
    journal.close()
