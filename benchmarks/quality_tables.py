"""The tables of quality.jsonl in benchmarks/results: one a data set or scenario and protocol, of each the
latest run."""

from __future__ import annotations

import json
from pathlib import Path

from supernet.pipeline.protocol import PROTOCOLS

EARLY = ("social",)
"""Scenarios that have lines from before these told their scenario."""

ALONE = (
    "No verdict: no other trained model was run beside it. The sections on reproduction and on baselines "
    "without training below have others on the same split."
)

NAMED = ("mf", "lightgcn_pp", "graphsage", "gat", "ngcf", "gcn")
"""Networks that may have been run with LightGCN's recipe."""

LENT = "not tuned on their own, but run with LightGCN's recipe, so that a lead over them proves little."


def quality_tables(path: Path) -> list[str]:
    """Markdown lines; none where there is no file."""
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    groups: dict[tuple[str, str], dict[str, dict]] = {}
    run: dict[str, dict] = {}
    for row in rows:
        run[row["name"].split("/", 2)[2]] = row
        if row["unit"] == "sentence":  # the verdict ends a run
            groups[case_of(row), row["protocol"]], run = run, {}
    parts = [
        "",
        "## Quality",
        "",
        "From `benchmarks/results/quality.jsonl`, lines of `python benchmarks/quality.py data=NAME`, and of "
        "`python benchmarks/sources.py scenario=NAME`, which runs fewer models. ± is the sample standard "
        "deviation over seeds; p is Holm's, of the paired Wilcoxon test of the derived model against the "
        "row, over users with the seeds averaged. Seconds are those of one seed's model with its tuning, "
        "and for the derived model the search. Searches before commit 21e8418 chose by "
        "the search.select=rescored of then: a pool of nine designs, two rounds.",
    ]
    for (case, protocol), models in groups.items():
        parts += table(case, protocol, models)
    return parts


def case_of(row: dict) -> str:
    """The data set, or the scenario of benchmarks/sources.py, whose name may be that of a data set."""
    return f"scenario {row['data']}" if "scenario" in row or row["data"] in EARLY else row["data"]


def table(case: str, protocol: str, models: dict[str, dict]) -> list[str]:
    """One data set or scenario under one protocol, the best first."""
    verdict = models.pop("verdict")
    first = next(iter(models.values()))
    lines = [
        "",
        f"### {case}, {protocol} protocol",
        "",
        f"{PROTOCOLS[protocol]}. `{verdict['command']}` on {first['processor']}, {first['threads']} threads, "
        f"commit {verdict.get('commit', 'not recorded')}.",
        "",
        "| model | NDCG@20 | Recall@20 | seeds | epochs | seconds | p | chosen by |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    lines += [line(name, row) for name, row in sorted(models.items(), key=lambda pair: -pair[1]["value"])]
    trained = [name for name, row in models.items() if any(row["epochs"]) and not name.startswith("derived")]
    if not trained:
        return [*lines, "", ALONE]
    lent = [name for name, row in models.items() if name in NAMED and "lightgcn's recipe" in row["note"]]
    told = f" {', '.join(lent)}: {LENT}" if lent else ""
    return [*lines, "", verdict["value"] + told]


def line(name: str, row: dict) -> str:
    """One model."""
    sd = "" if row["sd"] is None else f" ± {row['sd']:.4f}"
    epochs = f"{min(row['epochs'])}…{max(row['epochs'])}" if any(row["epochs"]) else ""
    p = "" if row["holm_p"] is None else f"{row['holm_p']:.2g}"
    bold = "**" if name == "derived" else ""
    recall, seeds = f"{row['metrics']['recall@20']:.4f}", row["repeats"]
    cells = [f"{bold}{name}{bold}", f"{row['value']:.4f}{sd}", recall, seeds, epochs]
    return "| " + " | ".join(map(str, [*cells, f"{row['seconds']:,.0f}", p, row["note"]])) + " |"
