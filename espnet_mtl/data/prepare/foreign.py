"""Files that are no table in UTF-8, although they are called one."""

from pathlib import Path

from espnet_mtl.data.errors import DataDirError

_AS_TEXT = "in the spreadsheet, save it as 'CSV UTF-8' or as text with tabs"
# How files begin that people rename to .csv or .tsv.
_BEGINNINGS = {
    b"PK\x03\x04": f"a workbook (.xlsx, .ods) or another zip, not text; {_AS_TEXT}",
    b"\xd0\xcf\x11\xe0": f"an old workbook (.xls), not text; {_AS_TEXT}",
    b"\x1f\x8b": "compressed; unpack it by gunzip",
    b"BZh": "compressed; unpack it by bunzip2",
    b"\xfd7zXZ": "compressed; unpack it by unxz",
    b"PAR1": "a Parquet file, not text; write it as CSV",
    b"%PDF": "a PDF, not a table",
    b"RIFF": "audio; --table names the table of the clips",
}
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def refuse_foreign(path: Path, first: bytes) -> None:
    """Look at a table's first line: whether it is text in UTF-8, and in lines.

    Raises:
        DataDirError: If it is not; the message says what it is, and how to convert it.
    """
    for beginning, what in _BEGINNINGS.items():
        if first.startswith(beginning):
            raise DataDirError(f"{path}: {what}")
    if first[:2] in _WIDE_MARKS or b"\0" in first[:4]:
        raise DataDirError(
            f"{path}: UTF-16, not UTF-8; save it as UTF-8, for example by "
            f"'iconv -f utf-16 -t utf-8'"
        )
    if first.lstrip()[:1] == b"<":
        raise DataDirError(
            f"{path}:1: a page in HTML, not a table; perhaps the download failed"
        )
    if b"\r" in first.removesuffix(b"\r\n"):
        raise DataDirError(
            f"{path}:1: line ends of old Macs (carriage return only); save the "
            "table with Unix or Windows line ends"
        )
    if first.lower().startswith(b"sep="):
        raise DataDirError(
            f"{path}:1: '{first.decode('utf-8', 'replace').strip()}' is a note for "
            "Excel; remove this line, so that the first one names the columns"
        )
