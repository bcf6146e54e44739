"""The tables of cold.jsonl: one a data set and side, of each model the latest line."""

from __future__ import annotations

import json
from pathlib import Path


def cold_tables(path: Path) -> list[str]:
    """Markdown lines; none where there is no file."""
    if not path.is_file():
        return []
    groups: dict[tuple[str, str], dict[str, dict]] = {}
    for text in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(text)
        groups.setdefault((row["data"], row["side"]), {})[row["name"].split("/", 3)[3]] = row
    parts = [
        "",
        "## Cold start",
        "",
        "From `benchmarks/results/cold.jsonl`, lines of `python benchmarks/cold.py data=NAME "
        "side=items|users`. p is Holm's, of the paired Wilcoxon test of the derived model's NDCG@20 against "
        "the row.",
    ]
    for (data, side), models in groups.items():
        parts += table(data, side, models)
    return parts


def table(data: str, side: str, models: dict[str, dict]) -> list[str]:
    """One data set and side, the best first."""
    first = next(iter(models.values()))
    columns = [m for m in first["metrics"] if m.rpartition("/")[2] in ("recall@20", "ndcg@20")]
    words = [name.replace("/recall", " Recall").replace("/ndcg", " NDCG") for name in columns]
    lines = [
        "",
        f"### {data}, new {side}",
        "",
        f"{first['told']} `{first['command']}` on {first['processor']}, {first['threads']} threads, commit "
        f"{first['commit']}.",
        "",
        f"| model | {' | '.join(words)} | seeds | p | |",
        f"| --- | {' | '.join(['---:'] * len(columns))} | ---: | ---: | --- |",
    ]
    return lines + [line(name, row, columns) for name, row in sorted(models.items(), key=_worst_last)]


def _worst_last(pair: tuple[str, dict]) -> float:
    return -pair[1]["value"]


def line(name: str, row: dict, columns: list[str]) -> str:
    """One model."""
    bold = "**" if name == "derived" else ""
    values = [f"{row['metrics'][m]:.4f}" if m in row["metrics"] else "" for m in columns]
    p = "" if row["holm_p"] is None else f"{row['holm_p']:.2g}"
    cells = [f"{bold}{name}{bold}", *values, row["repeats"], p, row["note"]]
    return "| " + " | ".join(map(str, cells)) + " |"
