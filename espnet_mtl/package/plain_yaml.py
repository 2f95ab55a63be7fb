"""Read YAML that may come from a stranger: plain values, and not too many of them."""

from typing import Any

import yaml

from espnet_mtl.errors import UserError

# The configuration of a model with 100,000 tokens has two megabytes.
MAX_YAML_BYTES = 4 * 2**20
_MAX_DEPTH = 30


class _PlainLoader(yaml.SafeLoader):
    """Knows no tags of Python's, as PyYAML's safe loader, and no aliases.

    A few lines of aliases stand for gigabytes or for a loop. ESPnet never writes them.
    """

    _depth = 0

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"it has an alias: *{self.peek_event().anchor}")
        if self._depth == _MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {_MAX_DEPTH} times")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_plain_yaml(content: bytes, place: str) -> dict[str, Any]:
    """Parse a mapping.

    ``place`` names the file in messages.

    Raises:
        UserError: If the content is too long, is nested too deeply, has aliases or tags
            of Python's, or is no mapping.
    """
    check_yaml_size(len(content), place)
    try:
        values = yaml.load(content, Loader=_PlainLoader)
    # Numbers and dates that Python does not take raise many kinds.
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise UserError(f"{place}: refused: not plain YAML ({error})") from error
    if not isinstance(values, dict):
        raise UserError(f"{place}: refused: no configuration, such as 'encoder: rnn'")
    return values


def check_yaml_size(size: int, place: str) -> None:
    """Refuse a file of so many bytes that reading it takes minutes."""
    if size > MAX_YAML_BYTES:
        raise UserError(
            f"{place}: refused: it has {size:,} bytes; the configuration of a model "
            f"has {MAX_YAML_BYTES:,} at most"
        )
