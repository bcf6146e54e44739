"""Which code and settings a row of search quality is of; rows of others are refused."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from benchmarks import measure
from benchmarks.search_lab import config_of
from benchmarks.search_methods import SELECTS, rule_name, rules_of


def told(method: str, row: dict) -> dict:
    """Which code and settings a row is of."""
    return {
        "commit": measure.commit(),
        "search": settings_of(method, row["kind"], row["method"], row["data"]),
    }


def settings_of(method: str, kind: str, name: str, data: str) -> dict:
    """The settings of the search of a row, which may be of another selection than the method's."""
    if kind == "ranking":
        return _settings(data, method) | {"select": None}
    others = {rule_name(method, rule): SELECTS[rule] for rule in rules_of(method)}
    return _settings(data, method) | others.get(name, {})


@cache
def _settings(data: str, method: str) -> dict:
    return asdict(config_of(data, method, 0).search)


def refuse_others(rows: Iterable[dict], settings: dict[tuple[str, str], dict], path: Path) -> None:
    """Errors: SystemExit for a row of which a setting is another now. One that it does not know was not there
    then, and a row without any is of before they were written."""
    for row in rows:
        now, then = settings.get((row["kind"], row["method"]), {}), row.get("search", {})
        if changed := [key for key in now if key in then and then[key] != now[key]]:
            said = ", ".join(f"search.{key}={then[key]} (now {now[key]})" for key in changed)
            sys.exit(
                f"search_quality.py: {path}: the rows of {row['method']!r} are of {said}, commit "
                f"{row['commit']}: rename or delete them, or give another out="
            )
