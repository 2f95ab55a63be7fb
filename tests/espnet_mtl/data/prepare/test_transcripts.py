"""A text file for each clip."""

from espnet_mtl.data.prepare.clip import Clip
from espnet_mtl.data.prepare.options import get_parser, read_options
from espnet_mtl.data.prepare.transcripts import read_transcripts

OPTIONS = read_options(
    get_parser(None, text_case="upper", punctuation="remove", lang="en").parse_args([])
)


def test_files_as_corpora_have_them(tmp_path, caplog):
    contents = {
        "plain": b"It's full-time.\n",
        "marked": "\ufeffTwo\r\nlines\r\n".encode(),
        "empty": b"",
        "blank": b" ?! %\n",
        "latin": "café".encode("latin-1"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    names = [*contents, "gone"]
    clips = [Clip(i, n, "", "", f"of_{n}") for i, n in enumerate(names, start=1)]
    read_transcripts(clips, [tmp_path / name for name in names], OPTIONS)
    assert [clip.text for clip in clips] == [
        "IT'S FULL TIME",
        "TWO LINES",
        "",
        "",
        "",
        "",
    ]
    assert [clip.fate for clip in clips] == [
        "",
        "",
        "no_text",
        "no_text",
        "no_transcript",
        "no_transcript",
    ]
    assert clips[-1].why == f"no file {tmp_path / 'gone'}"
    assert "2 clips have no text that can be read" in caplog.text
    assert "of_latin (1 clips), of_gone (1 clips)" in caplog.text
    assert f"{tmp_path / 'latin'} is not UTF-8" in caplog.text
    assert f"1 texts have signs that people read aloud ({tmp_path}/blank: %)" in (
        caplog.text
    )
