"""The tables of sources.jsonl in benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.source_lines import right


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
