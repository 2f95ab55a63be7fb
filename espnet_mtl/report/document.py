"""A document of few kinds of blocks, written as Markdown; ``page.py`` makes a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from espnet_mtl.report.table import Table


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph; a warning stands out, an aside stands back."""

    text: str
    warning: bool = False
    aside: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[str]


@dataclass(frozen=True)
class Code:
    """A command, or other text to be shown as it is."""

    text: str


@dataclass(frozen=True)
class Image:
    """A picture; ``path`` is relative to the document."""

    path: str
    description: str


@dataclass(frozen=True)
class AudioClips:
    """Sounds to listen to: what each is, what was heard in it, its path."""

    files: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Fold:
    """A section that the page shows on demand; in Markdown one with a heading."""

    title: str
    blocks: "Sequence[Block]"


@dataclass(frozen=True)
class Part:
    """What the page shows in its own way.

    Attributes:
        template: The macro that shows it, by the name of its file in ``templates/``;
            empty for what only Markdown shows.
        data: What the macro is given.
        words: The same in other blocks, for Markdown.
    """

    template: str
    data: Any
    words: "Sequence[Block]"


Block = Heading | Text | Bullets | Code | Image | AudioClips | Table | Fold | Part


def to_markdown(blocks: Sequence[Block]) -> str:
    """Write blocks as Markdown."""
    return "\n\n".join(part for block in blocks if (part := _markdown(block))) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Text(text, warning, _):
            return f"**{text}**" if warning else text
        case Bullets(items):
            return "\n".join(f"- {item}" for item in items)
        case Code(text):
            return f"```sh\n{text}\n```"
        case Image(path, description):
            return f"![{description}]({path})"
        case AudioClips(files):
            return "\n".join(
                f"- [{what}]({path})" + (f", heard: “{heard}”" if heard else "")
                for what, heard, path in files
            )
        case Fold(title, inside):
            return to_markdown([Heading(title), *inside]).rstrip()
        case Part(_, _, words):
            return to_markdown(words).rstrip()
        case _:
            return block.to_markdown()
