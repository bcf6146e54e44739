"""JSON lines that a benchmark adds to as it goes, so that it can be killed and started again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path


def read_lines(path: Path) -> list[dict]:
    """The objects of a file, none where it is missing. A line that a kill cut off is skipped; the file
    stays as it is, since another process may be writing it."""
    if not path.is_file():
        return []
    found = (parsed(line) for line in path.read_bytes().split(b"\n"))
    return [row for row in found if row is not None]


def parsed(line: bytes) -> dict | None:
    """The object in a line; None where there is none, as in the beginning of one."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def add_lines(path: Path, rows: Sequence[dict]) -> None:
    """Add the rows to the file in one write, and print them. What a kill cut off before them is ended
    first, so that it spoils no row."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        cut = b"\n" if size and file.read(1) != b"\n" else b""
        file.write(cut + text.encode())
    print(text, end="", flush=True)


def add_results(path: Path, rows: Sequence[dict], keep: bool) -> None:
    """Print the rows, and where `keep` add them to a file of results, but those that it has already: a
    benchmark that goes on after its models were written down."""
    print("".join(json.dumps(row) + "\n" for row in rows), end="", flush=True)
    known = {result_of(row) for row in read_lines(path)} if keep else set()
    new = [row for row in rows if result_of(row) not in known]
    if keep and new:
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in new))


def result_of(row: dict) -> tuple:
    """What a row says, of what: the same in a row that is written again."""
    return row["name"], row.get("protocol"), row.get("genotype"), row["commit"], row["value"]
