"""The tables of closed_forms.jsonl and reproduction.jsonl in benchmarks/results: paper protocol."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from supernet.pipeline.protocol import PROTOCOLS


def closed_form_tables(path: Path) -> list[str]:
    """The rows of benchmarks/closed_forms.py; none where there is no file."""
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    head = [
        "",
        "## Baselines without training, paper protocol",
        "",
        f"{PROTOCOLS['paper']}. Default settings, nothing chosen; `python benchmarks/closed_forms.py --data "
        f"FOLDER` on {rows[0]['processor']}, {rows[0]['threads']} thread, other processes beside it.",
        "",
        "| data | baseline | Recall@20 | NDCG@20 | fit, s | ranking, s | peak, GiB | | commit |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    return head + [closed_form_line(row) for row in rows]


def closed_form_line(row: dict) -> str:
    """One baseline on one data set."""
    _, data, name = row["name"].split("/")
    cells = [data, name, f"{row['recall']:.4f}", f"{row['value']:.4f}", f"{row['fit_seconds']:.0f}"]
    cells += [f"{row['rank_seconds']:.0f}", f"{row['peak_gib']:.2f}", row["note"]]
    cells.append(row.get("commit", "not recorded"))
    return "| " + " | ".join(cells) + " |"


PUBLISHED = {
    "gowalla/lightgcn_bpr": "Published: epoch 5 0.1071/0.0894, the log in the README of LightGCN-PyTorch (3 "
    "layers, lr .001, weights drawn with a standard deviation of .1)."
}
"""What others had at equal epochs."""


def reproduction_tables(path: Path) -> list[str]:
    """The rows of benchmarks/reproduction.py, and their curves; none where there is no file."""
    if not path.is_file():
        return []
    groups: dict[tuple[str, int, str], dict[int, dict]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        groups.setdefault((row["name"], row["epochs"], json.dumps(row["recipe"])), {})[row["seed"]] = row
    head = [
        "",
        "## Reproduction, paper protocol",
        "",
        f"{PROTOCOLS['paper']}. LightGCN for a number of epochs fixed beforehand, "
        "`python benchmarks/reproduction.py --data FOLDER --recipe softmax|bpr`; the curve is read, not "
        "chosen from. ± is the sample standard deviation over seeds.",
        "",
        "| data | recipe | layers | seeds | epochs | Recall@20 | NDCG@20 | seconds a seed | commits |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    curves = []
    for (name, epochs, _), seeds in groups.items():
        _, data, recipe = name.split("/")
        rows = list(seeds.values())
        means = [mean_and_sd([row[key] for row in rows]) for key in ("recall", "value")]
        seconds = f"{statistics.fmean(row['seconds'] for row in rows):,.0f}"
        commits = ", ".join(dict.fromkeys(row["commit"] for row in rows))
        cells = [data, recipe, rows[0]["layers"], len(rows), epochs, *means, seconds, commits]
        head.append("| " + " | ".join(map(str, cells)) + " |")
        points = (
            f"{p['epoch']} {p['recall']:.4f}/{p['ndcg']:.4f} ({p['seconds']:,.0f} s)"
            for p in rows[0]["curve"]
        )
        told = f"{data}, {recipe}, seed {rows[0]['seed']}, epoch Recall/NDCG: {', '.join(points)}."
        curves += ["", " ".join(filter(None, [told, PUBLISHED.get(f"{data}/{recipe}")]))]
    return head + curves


def mean_and_sd(values: list[float]) -> str:
    """.1234 ± .0005."""
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4f}{spread}"
