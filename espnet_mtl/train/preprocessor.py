"""Turns an utterance's accent label into a class number."""

from collections.abc import Callable, Mapping

import numpy as np

from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.errors import UserError

UNKNOWN_ACCENT_ID = -1

Preprocessor = Callable[[str, dict[str, np.ndarray]], dict[str, np.ndarray]]


class AccentPreprocessor:
    """ESPnet's preprocessor, followed by the accent label.

    It wraps ESPnet's preprocessor and is not a choice beside it: an exported
    configuration names only what stock ESPnet can build.

    Args:
        preprocessor: ESPnet's preprocessor, or ``None``.
        accent_list: Accent labels; the position of a label is its class. If empty,
            labels are dropped, so that the same data train a plain recogniser.
        labels: Accent by utterance, in place of those in the data.
    """

    def __init__(
        self,
        preprocessor: Preprocessor | None,
        accent_list: list[str],
        labels: Mapping[str, str] | None = None,
    ):
        self.preprocessor = preprocessor
        self.accent_ids = {accent: i for i, accent in enumerate(accent_list)}
        self.labels = labels

    def __call__(self, uid: str, data: dict) -> dict[str, np.ndarray]:
        """Prepare one utterance.

        Args:
            uid: Utterance id.
            data: The utterance's data by name; ``accent`` is a label.

        Returns:
            The prepared data; ``accent`` is a class number, (1,).

        Raises:
            UserError: If the accent is not in the list.
        """
        accent = data.pop("accent", None)
        if self.preprocessor is not None:
            data = self.preprocessor(uid, data)
        if accent is not None and self.accent_ids:
            accent = accent if self.labels is None else self.labels[uid]
            data["accent"] = np.array([self._accent_id(uid, accent)], dtype=np.int64)
        return data

    def _accent_id(self, uid: str, accent: str) -> int:
        if accent == UNKNOWN_ACCENT:
            return UNKNOWN_ACCENT_ID
        if accent not in self.accent_ids:
            raise UserError(
                f"utterance {uid}: the accent '{accent}' is not in the accent list "
                f"({', '.join(self.accent_ids)}). Make the list anew from the training "
                f"set (stage 5), or write {UNKNOWN_ACCENT} for it in utt2accent"
            )
        return self.accent_ids[accent]
