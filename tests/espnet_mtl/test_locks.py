import errno
import fcntl
import os

import pytest

from espnet_mtl.errors import UserError
from espnet_mtl.locks import lock_file, open_locked


def test_a_file_is_open_for_one_at_a_time(tmp_path):
    file = open_locked(tmp_path / "new" / "file", "wait for it")
    with pytest.raises(UserError, match="new/file: another process .*: wait for it"):
        open_locked(tmp_path / "new" / "file", "wait for it")
    file.close()
    open_locked(tmp_path / "new" / "file", "wait for it").close()


def test_where_there_are_no_locks_a_warning_says_so(tmp_path, monkeypatch, caplog):
    def unsupported(*args):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with (tmp_path / "file").open("w") as file:
        lock_file(file)
    assert "This file system has no locks" in caplog.text
