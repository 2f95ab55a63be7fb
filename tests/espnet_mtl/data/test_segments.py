"""``segments``: strict reading."""

import pytest

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.segments import Segment, parse_segments
from espnet_mtl.data.tables import read_table


def test_segments_are_read_in_seconds(tmp_path):
    path = tmp_path / "segments"
    path.write_text("a-1 call 0 1.25\na-2 call\t1.25   -1\nb-1 chat 1e1 20.0\n")
    assert parse_segments(path, read_table(path)) == {
        "a-1": Segment("call", 0.0, 1.25),
        "a-2": Segment("call", 1.25, -1.0),
        "b-1": Segment("chat", 10.0, 20.0),
    }


@pytest.mark.parametrize(
    "value, fault",
    [
        ("call 0", "3 fields in 'a-2 call 0'; write '<utterance> <recording> <start>"),
        ("call 0 1 A", "5 fields .* seconds .a channel is not written here"),
        ("call 0 1 2 3", "6 fields in .*times in seconds$"),
        ("call 0 1s", "'1s' is not a time; write seconds, such as"),
        ("call nan 1", "'nan' is not a time"),
        ("call 0 inf", "'inf' is not a time"),
        ("call -0.5 1", "'a-2' starts at -0.5 s, before its recording"),
        ("call 1 1.0", "'a-2' ends at 1.0 s, not after its start at 1 s"),
        ("call 2 1", "'a-2' ends at 1 s, not after its start at 2 s; write a later"),
        ("call 0 -2", "'a-2' ends at -2 s"),
    ],
)
def test_a_line_that_is_no_segment_is_named(tmp_path, value, fault):
    path = tmp_path / "segments"
    path.write_text(f"a-1 call 0 1\na-2 {value}\n")
    with pytest.raises(DataDirError, match=f"segments:2: {fault}"):
        parse_segments(path, read_table(path))
