"""The tokenizer of a model: its file is read while it is there."""

from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.text.abs_tokenizer import AbsTokenizer

from espnet_mtl.errors import UserError


def read_tokenizer(tokenizer: AbsTokenizer, place: Path | str) -> None:
    """Have a tokenizer read its file.

    sentencepiece reads it at the first use, when an unpacked package is gone already.
    ``place`` names the model in messages.

    Raises:
        UserError: If the file is damaged.
    """
    try:
        tokenizer.text2tokens("")
    except (OSError, RuntimeError) as error:
        raise UserError(f"{place}: its bpemodel cannot be read: {error}") from error
