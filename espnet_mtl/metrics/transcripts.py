"""References and hypotheses of the same utterances."""

from collections.abc import Collection
from pathlib import Path

from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError


def read_results(path: Path, keys: Collection[str]) -> dict[str, str]:
    """Read a table of a decoding, such as ``text``, for exactly the scored ``keys``.

    The result is in their order. In a line with an utterance alone, nothing was
    recognised.

    Raises:
        UserError: If an utterance is missing, or there is one too many. Leaving out
            those that were not decoded would make a result look better than it is.
    """
    table = read_table(path, allow_empty_value=True)
    missing = [key for key in keys if key not in table]
    extra = sorted(set(table).difference(keys))
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(keys)} utterances missing, the first is "
            f"'{missing[0]}'; decode again, finished utterances are kept"
        )
    if extra:
        line = list(table).index(extra[0]) + 1
        raise UserError(
            f"{path}:{line}: '{extra[0]}' is not an utterance of the data to be scored "
            f"({len(extra)} such); score against the data that was decoded"
        )
    return {key: table[key] for key in keys}
