"""A search on Gowalla: its peak memory beyond torch, and its seconds over those of training LightGCN.

    python benchmarks/memory.py --data FOLDER [--quick] [--run RUN]

FOLDER holds train.txt and test.txt in the LightGCN format (Gowalla). The search is `train.py
experiment=gowalla` with the `full` space (memory) and the default space (seconds), as a user starts it, in
processes of their own; the training is LightGCN by the same recipe and on the same data, stopped early on the
valid part. `--run` takes the folder of such a search that is done, and only trains LightGCN.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

import torch

from benchmarks import measure
from supernet.config import load_space, load_train_config
from supernet.pipeline.stages import graph_of, load_data, recipe_of, space_of, train_model
from supernet.space import Genotype


def main() -> None:
    """Run, print."""
    chosen = measure.options(
        __doc__,
        lambda parser: parser.add_argument("--run", type=Path, help="folder of a search that is done"),
    )
    if chosen.run:
        seconds_of(chosen.run)
        return
    base = torch_alone()
    with tempfile.TemporaryDirectory() as folder:
        short = ["search.epochs=1", "search.warmup=0", "search.select=argmax"]
        child(chosen.data, f"{folder}/full", "space=full", *short)
        peak = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        measure.row("search_peak_gib", [(peak - base) / 2**30], "GiB", torch_alone=base / 2**30, space="full")
        if chosen.quick:
            return
        child(chosen.data, f"{folder}/search")
        seconds_of(Path(folder) / "search")


def torch_alone() -> int:
    """Peak resident size of a process that only imports torch, bytes."""
    code = "import torch, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return 1024 * int(done.stdout)


def child(data: Path, folder: str, *more: str) -> None:
    """A search by the command line."""
    command = [
        sys.executable,
        "train.py",
        "experiment=gowalla",
        f"data.path={data.resolve()}",
        f"run={folder}",
        *more,
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=measure.ROOT)


def seconds_of(run: Path) -> None:
    """Seconds of a search, selection included, and of training LightGCN to early stopping; their ratio."""
    searched = Genotype.load(run / "genotype.json").metrics["seconds"]
    config = load_train_config(run)
    data = load_data(config).without("test")
    graph = graph_of(data, ["train"], config.ops.backend, torch.device("cpu"))
    lightgcn = space_of(load_space("lightgcn"))
    device = torch.device("cpu")
    _, fitted = train_model(config, data, lightgcn, recipe_of(config), config.seed, graph, device)
    epochs = {"epochs": fitted.epochs, "best_epoch": fitted.best_epoch, "most_epochs": config.training.epochs}
    measure.row("search_seconds", [searched], "s", search_epochs=config.search.epochs)
    measure.row("lightgcn_seconds", [fitted.seconds], "s", **epochs)
    measure.row("search_over_training", [searched / fitted.seconds], "ratio")


if __name__ == "__main__":
    main()
