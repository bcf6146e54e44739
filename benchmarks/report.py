"""Run all benchmarks and write their tables into benchmarks/README.md.

    python benchmarks/report.py --data FOLDER [--from FILE]

FOLDER holds train.txt and test.txt in the LightGCN format (Gowalla). The JSON lines are kept in
benchmarks/results/speed.jsonl; `--from` writes the tables from such a file without running anything.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # this file's own folder would hide the packages

from benchmarks.cold_tables import cold_tables
from benchmarks.published_tables import closed_form_tables, reproduction_tables
from benchmarks.quality_tables import quality_tables
from benchmarks.search_tables import search_tables
from benchmarks.selection_tables import selection_tables
from benchmarks.source_tables import source_tables
from benchmarks.transfer_tables import transfer_tables

RUNS = (
    ("ops.py", "--repeats", "5"),
    ("supernet.py", "--repeats", "5"),
    ("train.py", "--repeats", "5"),
    ("train.py", "--quality"),
    ("evaluate.py", "--repeats", "5"),
    ("readers.py",),
    ("memory.py",),
    ("text.py",),
)
TARGETS = {
    "supernet_dense_over_lightgcn": ("weight step of the full dense supernet over LightGCN's", "≤ 3.5"),
    "supernet_sampled_over_lightgcn": ("the same, search.cost=sampled", "≤ 1.6"),
    "supernet_partial_over_lightgcn": ("the same, search.cost=partial", ""),
    "alpha_step_over_lightgcn": ("alpha step over LightGCN's weight step", "≤ 4.5"),
    "naive_over_folded": ("naive mixture over ours", "≥ 2.5"),
    "pyg_over_folded": ("mixture of PyG layers over ours", "≥ 12"),
    "pyg_memory_over_folded": ("peak memory, mixture of PyG layers over ours", "≥ 4"),
    "pyg_epoch_over_ours": ("LightGCN epoch, PyG's example over ours", "≥ 12"),
    "pyg_sparse_epoch_over_ours": ("the same, PyG with SparseTensor", "≥ 3"),
    "lightgcn_pytorch_epoch_over_ours": ("the same, LightGCN-PyTorch-style loop", ""),
    "default_allocator_over_ours": ("our epoch with glibc's default allocator over ours", ""),
    "spmm_roofline": ("sparse product, share of the roofline", "≥ .60"),
    "gowalla_seconds_to_1830": ("seconds of training to Recall@20 .1830", "≤ 300"),
    "ranking_over_limit": ("full ranking over GEMM and top-k", "≤ 1.4"),
    "by_user_over_ranking": ("ranking user by user over ours", ""),
    "csv_rows_per_second": ("rows of a 50-million-line csv read in a second", ""),
    "csv_peak_bytes_per_row": ("peak memory of reading it, bytes a row", ""),
    "search_peak_gib": ("peak memory of a Gowalla search beyond torch, GiB", "< 2"),
    "memory_exponent": ("growth of peak memory with edges + nodes, exponent", "≤ 1.05"),
    "time_exponent": ("growth of the step's time, exponent", ""),
    "text_encoding_over_model": ("encoding of texts over the model's own speed, MiniLM", "≥ .80"),
    "text_second_run_seconds": ("seconds of a second run, which encodes nothing", ""),
    "text_table_read_gib": ("peak memory of reading 1 M × 384 vectors beyond imports, GiB", "≤ 2"),
    "text_table_pass_gib": ("the same, and projecting all of them", "≤ 2"),
    "text_table_process_gib": ("the same, with the imports", ""),
    "search_over_training": ("seconds of a search over LightGCN to early stopping", "≤ 2"),
}


def main() -> None:
    """Run, keep, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with train.txt and test.txt")
    parser.add_argument("--from", dest="kept", type=Path, help="JSON lines of an earlier run")
    chosen = parser.parse_args()
    if (chosen.data is None) == (chosen.kept is None):
        parser.error("give either --data or --from")
    lines = chosen.kept.read_text(encoding="utf-8") if chosen.kept else run(chosen.data)
    rows = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    (ROOT / "benchmarks" / "README.md").write_text(tables(rows), encoding="utf-8")


def run(data: Path) -> str:
    """The output of all benchmarks, kept in results/speed.jsonl."""
    output = ""
    for script, *more in RUNS:
        command = [sys.executable, str(ROOT / "benchmarks" / script), "--data", str(data), *more]
        print("benchmark:", script, *more, flush=True)
        output += subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
        (ROOT / "benchmarks" / "results" / "speed.jsonl").write_text(output, encoding="utf-8")
    return output


def tables(rows: list[dict]) -> str:
    """Markdown: the figures that matter beside what was aimed at, then every row."""
    latest = {row["name"]: row for row in rows}
    first = rows[0]
    parts = [
        "# Benchmarks",
        "",
        f"Written by `python benchmarks/report.py` on {date.today()} on {first['processor']}, "
        f"{first['threads']} threads, torch {first['torch']}, on Gowalla, dim 64, float32. Ratios are of "
        "cases that took turns in one run; the range is the smallest and the largest of the repeats; an "
        "epoch is reckoned as the faster of two steps a turn times its steps. The rows are of",
        ", ".join(f"`benchmarks/{' '.join(run)}`" for run in RUNS) + ", each with `--data FOLDER`, "
        f"at commit {', '.join(sorted({row['commit'] for row in latest.values()}))}.",
        "",
        "| | measured | range | aim |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, (meaning, aim) in TARGETS.items():
        if name in latest:
            row = latest[name]
            told = aim + (", missed" if missed(row["value"], aim) else "")
            parts.append(f"| {meaning} (`{name}`) | {number(row['value'])} | {spread(row)} | {told} |")
    left = [
        f"{meaning} (aim {aim})" for name, (meaning, aim) in TARGETS.items() if aim and name not in latest
    ]
    parts += ["", f"Not measured in these runs: {'; '.join(left)}."] if left else []
    parts += ["", "## All rows", "", "| name | value | range | unit |", "| --- | ---: | ---: | --- |"]
    for name, row in latest.items():
        parts.append(f"| {name} | {number(row['value'])} | {spread(row)} | {row['unit']} |")
    results = ROOT / "benchmarks" / "results"
    parts += quality_tables(results / "quality.jsonl") + closed_form_tables(results / "closed_forms.jsonl")
    parts += reproduction_tables(results / "reproduction.jsonl")
    parts += source_tables(results / "sources.jsonl")
    parts += search_tables(results / "search_quality.jsonl")
    parts += selection_tables(results / "selection.jsonl")
    parts += transfer_tables(results / "transfer.jsonl")
    parts += cold_tables(results / "cold.jsonl")
    return "\n".join(parts) + "\n"


def missed(value: float, aim: str) -> bool:
    """Whether a figure is on the wrong side of its aim, "≤ 3.5" for instance; False without one."""
    sign, _, bound = aim.partition(" ")
    return (
        {"≤": value > float(bound), "<": value >= float(bound), "≥": value < float(bound)}[sign]
        if aim
        else False
    )


def spread(row: dict) -> str:
    """Smallest … largest."""
    return f"{number(row['min'])} … {number(row['max'])}" if row["repeats"] > 1 else ""


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
