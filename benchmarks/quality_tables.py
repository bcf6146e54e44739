"""The tables of quality.jsonl in benchmarks/results: one a data set or scenario and protocol, of each the
latest run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.quality_lines import SEARCHED
from supernet.pipeline.contenders import is_rival
from supernet.pipeline.protocol import PROTOCOLS

EARLY = ("social",)
"""Scenarios that have lines from before these told their scenario."""

ALONE = (
    "No verdict: no other trained model was run beside it. The sections on reproduction and on baselines "
    "without training below have others on the same split."
)

OWNERS = {"lightgcn": "LightGCN's", "derived": "the derived model's"}
"""Whose recipe another model may have been run with, by the name in its note."""

LENT = "not tuned on their own, but run with {owner} recipe, so that a lead over them proves little."

TOLD = "Not tuned on their own"
"""Of a verdict that names these models itself."""

BEYOND = "@20"
"""Where the names end of the metrics beyond accuracy that are shown."""


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
        "and for the derived model and its network alone the search (“+ search”: an earlier release's row, "
        "without it). Beyond accuracy is explained in every run's results.md. Searches before commit 21e8418 "
        "chose by the search.select=rescored of then: a pool of nine designs, two rounds.",
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
    lines += [line(name, row) for name, row in ordered(models)]
    lines += beyond_table(models)
    trained = {name: row["note"] for name, row in models.items() if any(row["epochs"]) and is_rival(name)}
    if not trained:
        return [*lines, "", ALONE]
    told = [] if TOLD in verdict["value"] else lent(trained)
    return [*lines, "", " ".join([verdict["value"], *told])]


def lent(notes: Mapping[str, str]) -> list[str]:
    """Which models had another's recipe, a sentence for each owner; notes: of the trained models."""
    owned: dict[str, list[str]] = {}
    for name, note in notes.items():
        if found := re.match(r"(\w+)'s recipe\b", note):
            owned.setdefault(OWNERS.get(found[1], f"{found[1]}'s"), []).append(name)
    return [f"{', '.join(names)}: {LENT.format(owner=owner)}" for owner, names in owned.items()]


def beyond_table(models: Mapping[str, dict]) -> list[str]:
    """What the lists are made of, in the order of the first table; nothing where no row tells it."""
    told = {name: row for name, row in ordered(models) if row.get("beyond")}
    if not told:
        return []
    metrics = [name for name in next(iter(told.values()))["beyond"] if name.endswith(BEYOND)]
    names = [f"coverage{BEYOND}", *metrics]
    lines = ["", f"| model | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
    for name, row in told.items():
        values = row["metrics"] | row["beyond"]
        lines.append(f"| {shown(name)} | {' | '.join(f'{values[metric]:.4g}' for metric in names)} |")
    return lines


def ordered(models: Mapping[str, dict]) -> list[tuple[str, dict]]:
    """The best first."""
    return sorted(models.items(), key=lambda pair: -pair[1]["value"])


def shown(name: str) -> str:
    """The derived model stands out."""
    return f"**{name}**" if name == "derived" else name


def line(name: str, row: dict) -> str:
    """One model."""
    sd = "" if row["sd"] is None else f" ± {row['sd']:.4f}"
    epochs = f"{min(row['epochs'])}…{max(row['epochs'])}" if any(row["epochs"]) else ""
    p = "" if row["holm_p"] is None else f"{row['holm_p']:.2g}"
    recall, seeds = f"{row['metrics']['recall@20']:.4f}", row["repeats"]
    cells = [shown(name), f"{row['value']:.4f}{sd}", recall, seeds, epochs]
    lacks = name in SEARCHED and name != "derived" and "search_seconds" not in row
    seconds = f"{row['seconds']:,.0f}{' + search' if lacks else ''}"
    return "| " + " | ".join(map(str, [*cells, seconds, p, row["note"]])) + " |"
