"""Stage 4: the text that a language model is trained on."""

from collections.abc import Iterable
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_lines, sort_keys, split_line


def write_lm_text(texts: Iterable[Path], output: Path) -> int:
    """Put the sentences of several tables into one, and count them.

    They are sorted by their ids, as statistics of several jobs are when they are put
    together: a text that is cut into parts has to have its lengths in the same order.
    Lines without words are left out. A table with the same sentences is left untouched,
    and what was made of it stays the newer file.

    Raises:
        DataDirError: If a file is missing, an id occurs twice, or nothing is left.
    """
    sentences: dict[str, str] = {}
    for path in texts:
        for number, line in enumerate(read_lines(path), start=1):
            key, sentence = split_line(line)
            sentence = " ".join(sentence.split())  # as in the formatted text
            if not sentence:
                continue
            if key in sentences:
                raise DataDirError(
                    f"{path}:{number}: the id '{key}' occurs twice. The first word "
                    "of each line is its id: number the lines of a plain text by "
                    """awk '{ printf "line%09d %s\\n", NR, $0 }'"""
                )
            sentences[key] = sentence
    if not sentences:
        raise DataDirError(f"{', '.join(map(str, texts))}: no sentence in it")
    table = "".join(f"{key} {sentences[key]}\n" for key in sort_keys(sentences))
    if not output.is_file() or output.read_bytes() != table.encode():
        write_text(output, table)
    return len(sentences)
