import pytest

from espnet_mtl.report.page import to_page
from espnet_mtl.report.table import Table, counted, number

TABLE = Table(["name", "first", "second"], [["a|b", "1", "22"], ["<c>", "333", "4"]])


def test_one_is_no_plural():
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def test_markdown():
    assert TABLE.to_markdown().splitlines() == [
        "| name | first | second |",
        "| :--- | ---: | ---: |",
        "| a\\|b | 1 | 22 |",
        "| <c> | 333 | 4 |",
    ]


def test_html_is_escaped():
    page = to_page([TABLE], "a < b")
    assert '<th scope="row">&lt;c&gt;</th>' in page
    assert "<title>a &lt; b</title>" in page


def test_text_is_aligned():
    assert TABLE.to_text().splitlines() == [
        "name  first  second",
        "a|b       1      22",
        "<c>     333       4",
    ]


def test_wide_text_is_broken_with_the_first_column_repeated():
    first, second = TABLE.to_text(width=12).split("\n\n")
    assert first.splitlines()[0] == "name  first"
    assert second.splitlines() == ["name  second", "a|b       22", "<c>        4"]


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (1.005, False, "1.00"),
        (3.1, True, "+3.10"),
        (-0.001, True, "0.00"),
        (None, False, "-"),
        (float("nan"), True, "-"),
    ],
)
def test_number(value, sign, text):
    assert number(value, sign=sign) == text
