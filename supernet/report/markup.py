"""Pieces of an HTML page that needs nothing beside itself."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Collection, Sequence

from matplotlib.figure import Figure


def text(value: object) -> str:
    """The value as text of a page."""
    return html.escape(str(value))


def svg(figure: Figure) -> str:
    """The figure as an image in the page itself."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg")
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<p><img alt="" src="data:image/svg+xml;base64,{encoded}"></p>'


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    words: Collection[str] = (),
    chosen: Collection[int] = (),
) -> str:
    """A table, its cells as text. words: the columns that are not numbers; chosen: the rows in bold."""
    kinds = [' class="word"' if name in words else "" for name in head]
    names = "".join(f"<th{kind}>{text(name)}</th>" for kind, name in zip(kinds, head, strict=True))
    lines = []
    for number, row in enumerate(rows):
        cells = "".join(f"<td{kind}>{text(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        mark = ' class="chosen"' if number in chosen else ""
        lines.append(f"<tr{mark}>{cells}</tr>")
    return f"<table><tr>{names}</tr>{''.join(lines)}</table>"


def pairs(rows: Sequence[tuple[str, object]]) -> str:
    """A table of names and what they are, without a head."""
    lines = (
        f'<tr><td class="word">{text(name)}</td><td class="word">{text(told)}</td></tr>'
        for name, told in rows
    )
    return f"<table>{''.join(lines)}</table>"
