"""The tables of quality.jsonl (one a data set or scenario and protocol, of each the latest run),
sources.jsonl, closed_forms.jsonl and reproduction.jsonl in benchmarks/results."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from benchmarks.source_lines import right
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
        "search.select=rescored, then the default.",
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


def source_tables(path: Path) -> list[str]:
    """What texts and relations are worth, a row each; none where there is no file."""
    if not path.is_file():
        return []
    read = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    latest = {row["name"]: row for row in read}
    searches = {name: row for name, row in latest.items() if name.endswith("/search")}
    rows = {name: row for name, row in latest.items() if name not in searches}
    alphas = {name: alphas_right(row) for name, row in rows.items()}
    asked = [found for found in alphas.values() if found is not None]
    parts = [
        "",
        "## Sources",
        "",
        "From `benchmarks/results/sources.jsonl`, lines of `python benchmarks/sources.py scenario=NAME`: the "
        "derived model retrained without each source that it takes and with each that it leaves, by the same "
        "recipe and seeds, NDCG@20 on test, strict protocol. p: paired Wilcoxon over users, seeds averaged. "
        "A choice is right where a source that is taken does not lower the mean, or one that is left does "
        f"not raise it beyond noise: {sum(row['right'] for row in rows.values())} of {len(rows)}. Share "
        "left: the weight that the alphas gave to not taking the source; above one half they would leave it, "
        f"which alone would have been right {sum(asked)} times of {len(asked)}: the choice is made by short "
        "trainings.",
        "",
        "| data | source | chosen | with | without | p | seeds | right | share left | alphas right |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | --- | ---: | --- |",
    ]
    words = {True: "yes", False: "no", None: ""}
    for name, row in rows.items():
        _, data, source = row["name"].split("/")
        share = "" if row["left_share"] is None else f"{row['left_share']:.2f}"
        parts.append(
            f"| {data} | {source} | {'taken' if row['taken'] else 'left'} | {row['with']:.4f} | "
            f"{row['without']:.4f} | {row['p']:.2g} | {row['repeats']} | {words[row['right']]} | {share} | "
            f"{words[alphas[name]]} |"
        )
    return parts + search_tables(searches)


def alphas_right(row: dict) -> bool | None:
    """Whether leaving or taking a source as the alphas alone say was right; None where they did not say."""
    return None if row["left_share"] is None else right(row["left_share"] < 0.5, row["gain"], row["p"])


def search_tables(searches: dict[str, dict]) -> list[str]:
    """Searches with all sources of a scenario against those without any; none where there is none."""
    if not searches:
        return []
    parts = [
        "",
        "The search with all sources of a scenario among the candidates against the search without any, each "
        "derived with the same budget and seeds (`plain=true`); interval: 95 %, bootstrap over users.",
        "",
        "| data | with | without | difference | p | seeds |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in searches.values():
        interval = f"{row['gain']:+.4f} ({row['low']:+.4f} … {row['high']:+.4f})"
        cells = [row["name"].split("/")[1], f"{row['with']:.4f}", f"{row['without']:.4f}", interval]
        parts.append("| " + " | ".join([*cells, f"{row['p']:.2g}", str(row["repeats"])]) + " |")
    return parts


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
