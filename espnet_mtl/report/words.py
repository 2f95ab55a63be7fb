"""Which words of what was heard are those that were said, or those that were wanted."""

from collections.abc import Sequence

from espnet_mtl.metrics.wer import fold_case, split_words

SAID, WANTED, OTHER = "said", "wanted", "other"


def mark_words(heard: str, said: str, wanted: str | None) -> list[tuple[str, str]]:
    """Mark each word of what was heard.

    Args:
        heard: What the recogniser wrote.
        said: The truth.
        wanted: The attacker's sentence; ``None`` where there is none.

    Returns:
        Word and mark: ``SAID`` where it stands in its place in what was said, else
        ``WANTED`` where it does so in what was wanted, else ``OTHER``.
    """
    words = split_words(heard)
    as_said = _in_place(words, split_words(said))
    as_wanted = _in_place(words, split_words(wanted or ""))
    return [
        (word, SAID if said else WANTED if wanted else OTHER)
        for word, said, wanted in zip(words, as_said, as_wanted, strict=True)
    ]


def _in_place(words: Sequence[str], reference: Sequence[str]) -> list[bool]:
    """Tell which words are in a longest common subsequence with a reference."""
    first, second = fold_case(words), fold_case(reference)
    rows, columns = len(first), len(second)
    # The length of that of what is left from each pair of places on
    left = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in reversed(range(rows)):
        for column in reversed(range(columns)):
            left[row][column] = (
                left[row + 1][column + 1] + 1
                if first[row] == second[column]
                else max(left[row + 1][column], left[row][column + 1])
            )
    found = [False] * rows
    row = column = 0
    while row < rows and column < columns:
        if first[row] == second[column]:
            found[row] = True
            row, column = row + 1, column + 1
        elif left[row + 1][column] >= left[row][column + 1]:
            row += 1
        else:
            column += 1
    return found
