"""A document of few kinds of blocks, written as Markdown or as an HTML page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from espnet_mtl.report.table import Table


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph; a warning stands out."""

    text: str
    warning: bool = False


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


Block = Heading | Text | Bullets | Code | Image | AudioClips | Table


def to_markdown(blocks: Sequence[Block]) -> str:
    """Write blocks as Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Text(text, warning):
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
        case _:
            return block.to_markdown()


def to_html(blocks: Sequence[Block], title: str) -> str:
    """Write blocks as one page that needs nothing from elsewhere."""
    import jinja2  # here, since most commands write no page

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("espnet_mtl.report", package_path=""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = _mark_code
    template = environment.get_template("page.html")
    named = [(type(block).__name__, block) for block in blocks]
    return template.render(title=title, blocks=named)


def _mark_code(text: str) -> str:
    """Escape a text; backticks mark code, as in Markdown."""
    import markupsafe

    html = re.sub(r"`([^`]*)`", r"<code>\1</code>", str(markupsafe.escape(text)))
    return markupsafe.Markup(html)
