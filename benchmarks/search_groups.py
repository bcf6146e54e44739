"""Rows of search_quality.jsonl by method."""

from __future__ import annotations

from collections.abc import Sequence

Groups = dict[str, list[dict]]
"""Method → its rows."""

FEW = 3
"""Methods with fewer seeds are left out of the tables, where another has as many."""


def known_well(found: Groups) -> tuple[Groups, list[str]]:
    """Those with at least FEW rows, or all where there are none, and the names of the others."""
    enough = {method: own for method, own in found.items() if len(own) >= FEW} or found
    return enough, [method for method in found if method not in enough]


def by_method(rows: Sequence[dict], kind: str) -> Groups:
    """Method → its rows of a kind; an adviser's by its model."""
    found: Groups = {}
    for row in rows:
        if row["kind"] == kind:
            model = row.get("model")
            found.setdefault(f"{row['method']} ({model})" if model else row["method"], []).append(row)
    return found
