"""Tables and the picture of search_quality.jsonl, for benchmarks/README.md."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lines import read_lines
from benchmarks.search_figure import regret_figure
from benchmarks.search_groups import FEW, by_method, known_well
from benchmarks.search_rankings import rankings, strategies
from benchmarks.search_rivals import fixed_recipes, rivals
from benchmarks.search_sections import agreement, collapse, discretisation, methods
from supernet.report.figures import save_figure
from supernet.runtime import InputError, write_text
from supernet.search.tabular import FILE, load_tables

RESULTS = "search_quality.jsonl"
PICTURE = "search_quality.png"

SEARCHES = (
    "`python benchmarks/search_quality.py data=NAME` on the tabular benchmark "
    "(benchmarks/tabular.py), one thread. Regret: how far the test NDCG@20 of the chosen design, "
    "tuned, is below that of the best of all designs; rank: the share of designs that are better; "
    "both are means over the seeds, regret with its 95 % bootstrap interval. Seconds are of the "
    "whole search, with pre-training, measured costs and selection. Random search draws design and "
    "recipe together, keeps what ranks best on valid, and gets the seconds of the search, "
    "once and three times, in trainings as long as they are now (some of the table's are timed again "
    "for every seed); p: Wilcoxon, the search's regret below that of random search. "
    "All seeds share one split of the data. Methods are changes of the search without noise, the default and "
    "strategies aside; p, no noise: of Wilcoxon's test, two-sided, that a method's regret is not that "
    "search's on the seeds of both; of so many methods some are below .05 by chance. "
    "Rows `rule …` are other selection rules on the default's supernet; a rule after a comma is one on "
    "that method's."
)
"""Above the tables of searches that were run."""


def write_tables(paths: Sequence[Path], results: Path, table: Path = FILE) -> None:
    """Collect the rows of the files in the folder `results`, with the picture of regret over seconds;
    print the tables. Errors: InputError where there is no row."""
    rows = list({key(row): row for path in paths for row in read_lines(path)}.values())
    if not rows:
        raise InputError("out: there is no row; run search_quality.py data=NAME with the same out first")
    write_text(results / RESULTS, "".join(json.dumps(row) + "\n" for row in rows))
    save_figure(regret_figure(rows), results / PICTURE)
    print("\n".join(search_tables(results / RESULTS, table)))


def key(row: dict) -> tuple:
    """What a row is of; there is one of each."""
    return row["kind"], row["data"], row["method"], row["seed"], row.get("model")


def search_tables(path: Path, table: Path = FILE) -> list[str]:
    """Markdown lines; none where there is no file. table: whose agreement with itself is the ceiling."""
    rows = read_lines(path)
    if not rows:
        return []
    parts = ["", "## Search quality", "", f"![regret over seconds](results/{PICTURE})"]
    if any(row["kind"] != "strategy" for row in rows):
        parts += ["", SEARCHES]
    tables = load_tables(table) if table.is_file() else {}
    for name in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == name]
        found, left = known_well(by_method(own, "method"))
        parts += ["", f"### {name}"]
        if left:
            parts += ["", f"Not shown, with fewer than {FEW} seeds so far: {', '.join(left)}."]
        for lines in (
            methods(found, tables.get(name)),
            rivals(found, tables.get(name)),
            discretisation(found),
            agreement(found),
            collapse(found, tables.get(name)),
            rankings(known_well(by_method(own, "ranking"))[0], tables.get(name)),
            strategies(by_method(own, "strategy")),
            fixed_recipes(tables.get(name)),
        ):
            parts += ["", *lines] if lines else []
    return parts
