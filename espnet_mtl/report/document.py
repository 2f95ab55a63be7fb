"""A document of few kinds of blocks, written as Markdown or as an HTML page."""

import html
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


_STYLE = """
body { font: 16px/1.5 sans-serif; color: #1a1a1a; background: #fff;
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: left; }
thead th { border-bottom: 2px solid #888; vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
img { max-width: 100%; height: auto; }
pre { background: #f3f3f3; padding: .7rem; overflow-x: auto; }
td.fail { background: #fbdcd8; } td.not-run { background: #ececec; }
.warning { background: #fff3d6; border-left: 4px solid #c77700; padding: .6rem 1rem; }
figure { margin: 1rem 0; } audio { display: block; width: 100%; max-width: 26rem; }
"""


def to_html(blocks: Sequence[Block], title: str) -> str:
    """Write blocks as one page that needs nothing from elsewhere.

    Args:
        blocks: The content.
        title: Title of the window.

    Returns:
        The page.
    """
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Text(text, warning):
            kind = ' class="warning"' if warning else ""
            return f"<p{kind}>{_html_text(text)}</p>"
        case Bullets(items):
            lines = "".join(f"<li>{_html_text(item)}</li>" for item in items)
            return f"<ul>{lines}</ul>"
        case Code(text):
            return f"<pre><code>{html.escape(text)}</code></pre>"
        case Image(path, description):
            return (
                f'<figure><img src="{html.escape(path)}" '
                f'alt="{html.escape(description)}"></figure>'
            )
        case AudioClips(files):
            return "\n".join(_html_audio(*file) for file in files)
        case _:
            return re.sub(r"<td>(FAIL|NOT RUN)\b", _html_verdict, block.to_html())


def _html_verdict(cell: re.Match[str]) -> str:
    """Highlight gates that failed or were not run."""
    kind = cell[1].lower().replace(" ", "-")
    return f'<td class="{kind}">{cell[1]}'


def _html_text(text: str) -> str:
    """Escape a text; backticks mark code, as in Markdown."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _html_audio(what: str, heard: str, path: str) -> str:
    words = f", heard: “{heard}”" if heard else ""
    return (
        f"<figure><figcaption>{html.escape(what + words)}</figcaption>"
        f'<audio controls preload="none" src="{html.escape(path)}"></audio></figure>'
    )
