"""Lines of Markdown tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.search_statistics import interval

NONE = "–"
"""In a cell that has no value."""


def line(*cells: object) -> str:
    """A row of Markdown."""
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*cells: str) -> list[str]:
    """The head of a table whose first column is of words."""
    return [line(*cells), "| --- |" + " ---: |" * (len(cells) - 1)]


def with_interval(values: Sequence[float]) -> str:
    """The mean, and its 95 % interval."""
    low, high = interval(values)
    return f"{statistics.fmean(values):.3f} ({low:.3f} … {high:.3f})"
