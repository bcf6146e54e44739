"""The result table: one row per model, mean ± sd over its seeds, for a terminal and for a Markdown page."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

MAIN = ("ndcg@20", "recall@20", "ndcg@10", "recall@10", "hit_rate@20", "mrr@20", "coverage@20")
"""The columns that fit a terminal of 80 characters."""

_LABELS = {"ndcg": "NDCG", "hit_rate": "HR", "mrr": "MRR", "map": "MAP"}
_MARKS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Row:
    """One model. metrics: "ndcg@20" → a value per seed; seconds: its whole cost; note: its footnote or ""."""

    model: str
    metrics: dict[str, list[float]]
    seconds: float
    note: str = ""
    highlight: bool = False


def markdown(
    rows: Sequence[Row],
    metrics: Sequence[str] | None = None,
    footnotes: Sequence[str] = (),
    plain: bool = False,
) -> str:
    """The table in Markdown: `metrics` (None: all there are), the best mean of each column in bold.

    A metric that a row lacks is a dash. `footnotes` of the whole table follow those of the rows. plain: no
    best, as where more is not better, and no seconds.
    """
    metrics = (
        list(dict.fromkeys(name for row in rows for name in row.metrics)) if metrics is None else metrics
    )
    notes = _notes(rows)
    last = [] if plain else ["seconds"]
    lines = [["model", *map(metric_label, metrics), *last], ["---", *["---:"] * len([*metrics, *last])]]
    for row in rows:
        name = row.model.replace("|", "\\|") + _mark(row, notes)
        cells = [f"**{name}**" if row.highlight else name]
        for metric in metrics:
            mean, sd = _mean_sd(row, metric)
            cell = mean if not sd else f"{mean} ± {sd}"
            cells.append(f"**{cell}**" if not plain and mean == _best(rows, metric) else cell)
        lines.append(cells if plain else [*cells, _seconds(row.seconds)])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    below = _below(rows, notes, footnotes)
    return table + "\n" + ("\n" + "\n".join(f"{line}  " for line in below) + "\n" if below else "")


def terminal(
    rows: Sequence[Row],
    metrics: Sequence[str] = MAIN,
    footnotes: Sequence[str] = (),
    title: str = "",
    console: Console | None = None,
    seconds: bool = True,
) -> None:
    """Print the table: means, their sd on the line below, the best of each column bold. 80 columns suffice.

    Args: console: where to; None is standard output. seconds: show them.
    """
    console = Console() if console is None else console
    notes = _notes(rows)
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False, title=title or None)
    table.title_justify = "left"
    table.add_column("model", overflow="fold", vertical="top")
    for metric in metrics:
        table.add_column(
            metric_label(metric).replace("Coverage", "Cover.").replace("@", "\n@"),
            justify="right",
            no_wrap=True,
        )
    if seconds:
        table.add_column("seconds", justify="right", no_wrap=True)
    for row in rows:
        name = Text(row.model + _mark(row, notes), style="bold cyan" if row.highlight else "")
        cells = [_cell(row, metric, _best(rows, metric)) for metric in metrics]
        table.add_row(name, *cells, *([_seconds(row.seconds)] if seconds else []))
    console.print(table)
    for line in _below(rows, notes, footnotes):
        console.print(Text(line, style="dim"))


def _cell(row: Row, metric: str, best: str) -> Text:
    mean, sd = _mean_sd(row, metric)
    cell = Text(mean, style="bold green" if mean == best else "")
    return cell.append(f"\n±{sd}", style="not bold dim default") if sd else cell


def _mean_sd(row: Row, metric: str) -> tuple[str, str]:
    """Mean and sample sd as written; "–" without a value, "" without an sd."""
    values = row.metrics.get(metric, [])
    if not values:
        return "–", ""
    return _fraction(statistics.fmean(values)), _fraction(statistics.stdev(values)) if len(values) > 1 else ""


def _best(rows: Sequence[Row], metric: str) -> str:
    """The highest mean as written: rows that read the same are equally best. "" if no row has the metric."""
    means = [statistics.fmean(row.metrics[metric]) for row in rows if row.metrics.get(metric)]
    return _fraction(max(means)) if means else ""


def _fraction(value: float) -> str:
    return f"{value:.4f}".replace("0.", ".", 1) if abs(value) < 0.99995 else f"{value:.4f}"


def _seconds(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def metric_label(metric: str) -> str:
    """A metric as it is written in a heading: "ndcg@20" → "NDCG@20"."""
    cohort, _, metric = metric.rpartition("/")
    name, at, k = metric.partition("@")
    return f"{cohort} ".lstrip() + _LABELS.get(name, name.replace("_", " ").capitalize()) + at + k


def _notes(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.note for row in rows if row.note))


def _mark(row: Row, notes: list[str]) -> str:
    return str(notes.index(row.note) + 1).translate(_MARKS) if row.note else ""


def _below(rows: Sequence[Row], notes: list[str], footnotes: Sequence[str]) -> list[str]:
    lines = [f"{str(number).translate(_MARKS)} {note}" for number, note in enumerate(notes, 1)]
    seeds = sorted({len(values) for row in rows for values in row.metrics.values() if len(values) > 1})
    if seeds:
        lines.append(f"± is the sample standard deviation over {' or '.join(map(str, seeds))} seeds.")
    return [*lines, *footnotes]
