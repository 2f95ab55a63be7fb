"""The report as one page, by the templates beside this file."""

import re
from collections.abc import Sequence

from espnet_mtl.report.document import Block


def to_page(blocks: Sequence[Block], title: str) -> str:
    """Write blocks as a page that needs nothing from elsewhere."""
    import jinja2  # here, since most commands write no page

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("espnet_mtl.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["code"] = _mark_code
    environment.tests["of_kind"] = lambda block, kind: type(block).__name__ == kind
    return environment.get_template("page.html").render(title=title, blocks=blocks)


def _mark_code(text: str) -> str:
    """Escape a text; backticks mark code, as in Markdown."""
    import markupsafe

    html = re.sub(r"`([^`]*)`", r"<code>\1</code>", str(markupsafe.escape(text)))
    return markupsafe.Markup(html)
