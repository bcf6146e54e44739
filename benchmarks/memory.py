"""A search on Gowalla: its peak memory beyond torch, and its seconds over those of training LightGCN.

    python benchmarks/memory.py --data FOLDER [--quick]

FOLDER holds train.txt and test.txt in the LightGCN format (Gowalla). The search is `train.py
experiment=gowalla` with the `full` space (memory) and the default space (seconds), as a user starts it, in
processes of their own; the training is LightGCN by the same recipe, stopped early on the valid part.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure


def main() -> None:
    """Run, print."""
    chosen = measure.options(__doc__)
    base = torch_alone()
    with tempfile.TemporaryDirectory() as folder:
        short = ["search.epochs=1", "search.warmup=0", "search.select=argmax"]
        child(chosen.data, f"{folder}/full", "space=full", *short)
        peak = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        measure.row("search_peak_gib", [(peak - base) / 2**30], "GiB", torch_alone=base / 2**30, space="full")
        if chosen.quick:
            return
        searched = child(chosen.data, f"{folder}/search")
        trained = lightgcn_seconds(chosen.data, f"{folder}/search")
        measure.row("search_seconds", [searched], "s")
        measure.row("lightgcn_seconds", [trained], "s")
        measure.row("search_over_training", [searched / trained], "ratio")


def torch_alone() -> int:
    """Peak resident size of a process that only imports torch, bytes."""
    code = "import torch, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return 1024 * int(done.stdout)


def child(data: Path, folder: str, *more: str) -> float:
    """Seconds of a search by the command line."""
    start = time.perf_counter()
    command = [
        sys.executable,
        "train.py",
        "experiment=gowalla",
        f"data.path={data.resolve()}",
        f"run={folder}",
        *more,
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=measure.ROOT)
    return time.perf_counter() - start


def lightgcn_seconds(data: Path, folder: str) -> float:
    """Seconds of training LightGCN to early stopping with the recipe and data of that run."""
    command = [
        sys.executable, "derive.py", f"run={folder}", "tuning.trials=0", "seeds=[0]", "random_genotypes=0",
        "baselines=[lightgcn]", "refit=false",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, cwd=measure.ROOT)
    metrics = json.loads((Path(folder) / "metrics.json").read_text(encoding="utf-8"))
    return metrics["models"]["lightgcn"]["seconds"]


if __name__ == "__main__":
    main()
