"""The table of transfer.jsonl, lines of benchmarks/transfer.py, for benchmarks/README.md."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

METRIC = "ndcg@20"
STAGES = {
    "search": "the supernet, begun with the source's users, projectors and alphas",
    "derived": "one design, begun with the source's derived model",
    "design": "the design found with init_from, from nothing",
    "genotype": "the source's design, from nothing, without a search",
}
SHOWN = (1, 2, 5)
"""Epochs beside the last."""


def transfer_tables(path: Path) -> list[str]:
    """Markdown lines; none where there is no file. Of equal settings and seed the latest line counts."""
    if not path.is_file():
        return []
    groups: dict[tuple[str, ...], dict[tuple[str, int], dict]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        key = (
            row["source"],
            row["data"],
            " ".join([*row["train"], *(f"init.{w}" for w in row["init_options"])]),
        )
        groups.setdefault(key, {})[row["stage"], row["seed"]] = row
    parts = [
        "",
        "## Transfer",
        "",
        "`python benchmarks/transfer.py data=NAME source=NAME`: NDCG@20 on valid by epochs and seconds of "
        "training, begun with another domain's run and from nothing. ± is the sample standard deviation of "
        "the gain over seeds. Last column: the epochs after which what is begun is as good as what begins "
        "from nothing is at its last (–: never), seed by seed.",
    ]
    if any(stage != "search" for rows in groups.values() for stage, _ in rows):
        parts[-1] += (
            " The first stage is of the supernet; the others are of trainings, against the design that was "
            "found from nothing, trained from nothing."
        )
    for (source, data, options), rows in groups.items():
        commits = ", ".join(dict.fromkeys(row["commit"] for row in rows.values()))
        with_what = f"With {options or 'the defaults'}, commit {commits}. {_taken(rows)}"
        parts += ["", f"### {source} → {data}", "", with_what, ""]
        parts += table(list(rows.values()))
    return parts


def table(rows: list[dict]) -> list[str]:
    """One pair of domains: a line a stage and epoch."""
    lines = [
        "| | seeds | epoch | from nothing | with transfer | gain | seconds | epochs to the same |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for stage, words in STAGES.items():
        own = [row for row in rows if row["stage"] == stage]
        if not own:
            continue
        last = min(len(row["gain"]) for row in own)
        for k, epoch in enumerate(sorted({*(e for e in SHOWN if e < last), last})):
            lines.append(line("" if k else words, own, epoch, last))
    return lines


def line(words: str, rows: list[dict], epoch: int, last: int) -> str:
    """The means over seeds at one epoch."""
    ends = [[row[start][epoch - 1] for row in rows] for start in ("nothing", "init")]
    means = [f"{statistics.fmean(point[METRIC] for point in points):.4f}" for points in ends]
    seconds = [f"{statistics.fmean(point['seconds'] for point in points):,.0f}" for points in ends]
    gains = [row["gain"][epoch - 1] for row in rows]
    spread = f" ± {statistics.stdev(gains):.4f}" if len(gains) > 1 else ""
    same = ", ".join(as_good(row) for row in rows) if epoch == last else ""
    cells = [words, len(rows), epoch, *means, f"{statistics.fmean(gains):+.4f}{spread}", " · ".join(seconds)]
    return "| " + " | ".join(map(str, [*cells, same])) + " |"


def as_good(row: dict) -> str:
    """The first epoch at which what is begun has the last score of what begins from nothing."""
    last = row["nothing"][-1][METRIC]
    return next((str(point["epoch"]) for point in row["init"] if point[METRIC] >= last), "–")


def _taken(rows: dict[tuple[str, int], dict]) -> str:
    first = next((row["taken"] for row in rows.values() if row["stage"] == "search"), [])
    return f"Taken: {'; '.join(first)}."
