"""Sparse kernels of both backends, and the folded mixture against its candidates one by one.

    python benchmarks/ops.py --data FOLDER [--quick]

FOLDER holds train.txt in the LightGCN format (Gowalla: 810,128 pairs). Every result is checked before it is
timed. Prints JSON lines: name, value (median milliseconds, or a ratio of medians), unit, spread over the
repeats, machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the package `ops`

from ops.backend import kernels_installed
from ops.mixture import AggregateMixture
from ops.relation import Relation
from ops.spmm import sddmm, spmax, spmm
from supernet.data.readers import READERS
from supernet.runtime import versions

LINEAR = ["sum", "mean", "sym"]


def main() -> None:
    """Check, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.txt and test.txt")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="two repeats in place of seven")
    options = parser.parse_args()
    repeats = 2 if options.quick else 7
    relations = load(options.data)
    times: dict[str, list[float]] = {}
    expected: dict[str, torch.Tensor] = {}
    for backend, relation in relations.items():
        torch.manual_seed(0)
        x, y = torch.randn(relation.n_source, options.dim), torch.randn(relation.n_target, options.dim)
        cases = {
            "spmm": lambda r=relation, x=x: spmm(r, x),
            "spmax": lambda r=relation, x=x: spmax(r, x),
            "sddmm": lambda r=relation, x=x, y=y: sddmm(r, y, x),
        }
        for name, run in cases.items():
            torch.testing.assert_close(run(), expected.setdefault(name, run()), rtol=1e-4, atol=1e-4)
            times[f"{name}_{backend}"] = timed(run, repeats)
    times |= mixture(relations["torch"], options.dim, repeats)
    report(times)


def load(folder: Path) -> dict[str, Relation]:
    """The train pairs as a relation of each backend there is."""
    data = READERS["lightgcn"](path=str(folder))
    train = torch.from_numpy(data.parts == 0)
    users, items = torch.from_numpy(data.users)[train], torch.from_numpy(data.items)[train]
    backends = ["torch", "scatter"] if kernels_installed() else ["torch"]
    return {b: Relation.from_edges(users, items, data.n_users, data.n_items, b) for b in backends}


def mixture(relation: Relation, dim: int, repeats: int) -> dict[str, list[float]]:
    """A forward and backward pass of three linear aggregators: folded, and each on its own."""
    slot, p = AggregateMixture(LINEAR, dim), torch.tensor([0.2, 0.3, 0.5])
    x = torch.randn(relation.n_source, dim, requires_grad=True)
    target = torch.randn(relation.n_target, dim)

    def folded() -> torch.Tensor:
        return slot(x, target, relation, p)

    def naive() -> torch.Tensor:
        return torch.stack(
            [p[k] * m(x, target, relation) for k, m in enumerate(slot.candidates.values())]
        ).sum(0)

    torch.testing.assert_close(folded(), naive(), rtol=1e-4, atol=1e-4)
    return {
        "mixture_folded": timed(lambda: folded().sum().backward(), repeats),
        "mixture_naive": timed(lambda: naive().sum().backward(), repeats),
    }


def timed(run: object, repeats: int) -> list[float]:
    """Milliseconds of each repeat, after one that is not counted."""
    run()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        found.append(1000 * (time.perf_counter() - start))
    return found


def report(times: dict[str, list[float]]) -> None:
    """Print the medians and their ratios."""
    machine = versions()
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        row = {"name": name, "value": medians[name], "unit": "ms", "min": min(values), "max": max(values)}
        print(json.dumps(row | {"repeats": len(values)} | machine))
    pairs = [
        ("mixture_naive", "mixture_folded"),
        ("spmm_scatter", "spmm_torch"),
        ("spmax_scatter", "spmax_torch"),
    ]
    for slow, fast in pairs:
        if slow in medians:
            print(
                json.dumps(
                    {"name": f"{slow}_over_{fast}", "value": medians[slow] / medians[fast], "unit": "ratio"}
                )
            )


if __name__ == "__main__":
    main()
