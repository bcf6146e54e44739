"""The table of selection.jsonl, lines of benchmarks/selection.py, for benchmarks/README.md."""

from __future__ import annotations

from pathlib import Path

from benchmarks.lines import read_lines
from benchmarks.markdown import head, line

TEXT = (
    "`python benchmarks/selection.py record|supernets|compare data=NAME`: the rule `rescored` as it is and "
    "with one thing changed, on recorded short trainings of the designs of the tabular benchmark, with every "
    "recorded supernet and seed of trainings. Regret as above, with its 95 % bootstrap interval, which is a "
    "little narrow, as choices share supernets and trainings; seconds of supernet, screen and trainings; "
    "random: random search on the table at three times these seconds; tau: Kendall's tau-b of the supernets' "
    "scores and the table on valid, over all designs and the best quarter."
)


def selection_tables(path: Path) -> list[str]:
    """Markdown lines; none where there is no file. Of equal names the latest line counts."""
    rows = {row["name"]: row for row in read_lines(path)}
    if not rows:
        return []
    commits = ", ".join(dict.fromkeys(row["commit"] for row in rows.values()))
    names = (
        "data",
        "supernet",
        "choices",
        "regret",
        "in the top 5 %",
        "seconds",
        "random × 3",
        "tau",
        "best quarter",
    )
    lines = head("rule", *names)
    for name, row in rows.items():
        _, data, rule, method = name.split("/")
        regret = f"{row['value']:.4f} ({row['low']:.4f} … {row['high']:.4f})"
        cells = [rule, data, method, row["repeats"], regret, f"{row['top']:.0%}", f"{row['seconds']:.0f}"]
        taus = f"{row['tau']:.3f}", f"{row['tau_top']:.3f}"
        lines.append(line(*cells, f"{row['random_3']:.4f}", *taus))
    return ["", "### Rounds of the selection", "", f"{TEXT} Commit {commits}.", "", *lines]
