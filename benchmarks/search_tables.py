"""Tables and pictures of search_quality.jsonl."""

from __future__ import annotations

from pathlib import Path


def write_tables(out: Path, folder: Path) -> None:
    """Collect the lines of `out` into folder/results, with the picture of regret over seconds."""
    lines = [line for path in sorted(out.glob("*.jsonl")) for line in path.read_text().splitlines()]
    (folder / "results" / "search_quality.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
