"""A search step against a step of one model, against a naive mixture, and against a mixture of PyG layers.

    python benchmarks/supernet.py --data FOLDER [--quick] [--check]

FOLDER holds train.txt and test.txt in the LightGCN format (Gowalla). All cases take batches of 4,096 pairs
under the same loss (softmax over the batch's other items); results are checked before time is taken. Ratios
are of steps that took turns in one process. Memory is the peak of a fresh process for each case, less what
its imports and the tensors of the graph hold.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.rivals import PACKAGES, runnable
from benchmarks.steps import CASES, RECIPE, Stepper, steppers, unfolded
from supernet.data.dataset import Pairs
from supernet.data.graph import Graph, build_graph
from supernet.search.relaxations import mix
from supernet.training.losses import batch_loss, step_loss

LATE = ("torch._dynamo",)
"""What torch imports at the first use of an optimiser."""


def check(graph: Graph, pairs: Pairs) -> None:
    """The folded step equals the naive one in loss and gradients."""
    full = Stepper("full", 2, 16, graph, pairs)
    batch, weights = full.batch(), mix(full.alphas, "softmax", 1.0)
    folded = step_loss(full.model, graph, batch, RECIPE, mix(full.alphas, "softmax", 1.0))
    with unfolded(full.model):
        vectors = full.model(graph, weights)
    naive = batch_loss(full.model, vectors, batch, RECIPE, weights)
    torch.testing.assert_close(folded, naive, rtol=1e-4, atol=1e-5)
    leaves = list(full.alphas.values())
    for a, b in zip(torch.autograd.grad(folded, leaves), torch.autograd.grad(naive, leaves), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-2, atol=1e-6)


def power_law(edges: int, n_users: int, n_items: int) -> Pairs:
    """Distinct pairs whose items follow a power law, as popularity does."""
    generator = torch.Generator().manual_seed(0)
    users = torch.randint(n_users, (int(1.3 * edges),), generator=generator)
    items = (n_items * torch.rand(len(users), generator=generator, dtype=torch.float64).pow(3)).long()
    key = torch.unique(users * n_items + items)
    key = key[torch.randperm(len(key), generator=generator)[:edges]]
    return Pairs(key // n_items, key % n_items)


def load(chosen: object) -> tuple[Graph, Pairs]:
    """The graph that the options ask for."""
    if chosen.synthetic:
        n_users, n_items = chosen.synthetic // 20, chosen.synthetic // 50
        pairs = power_law(chosen.synthetic, n_users, n_items)
        return build_graph(pairs, n_users, n_items), pairs
    data = measure.Interactions(chosen.data, chosen.share)
    return build_graph(data.train, data.n_users, data.n_items), data.train


def one_case(chosen: object) -> None:
    """Time and peak memory of one case in this process, as one JSON line.

    The base is what is live before the model: the imports, and the tensors of the graph. What loading freed
    is not in it, since steps use those pages again. loading: the peak before the model, over the same base.
    """
    for name in (*LATE, *PACKAGES.get(chosen.case, ())):
        importlib.import_module(name)
    imports = measure.peak_memory()
    graph, pairs = load(chosen)
    base = imports + measure.live_tensors()
    loading = measure.peak_memory() - base
    step = steppers(chosen.layers, chosen.dim, graph, pairs, [chosen.case])[chosen.case]
    times = measure.interleaved({chosen.case: step}, 3)[chosen.case]
    found = {"seconds": sorted(times)[1], "peak": measure.peak_memory() - base, "loading": loading}
    print(json.dumps(found | {"edges": pairs.users.numel(), "nodes": sum(graph.nodes.values())}))


def fitted_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Slope of log value over log size."""
    x, y = torch.tensor(sizes).log(), torch.tensor(values).log()
    return float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


def main_ratios(chosen: object, graph: Graph, pairs: Pairs) -> None:
    """The ratios at two layers and the chosen dim, all cases taking turns."""
    names = runnable(name for name in CASES if name != "pyg" or not chosen.quick)
    times = measure.interleaved(steppers(2, chosen.dim, graph, pairs, names), chosen.repeats)
    for name in names:
        measure.row(f"step_{name}", [1000 * t for t in times[name]], "ms", layers=2, dim=chosen.dim)
    pairs_of = {
        "supernet_dense_over_lightgcn": ("dense", "lightgcn"),
        "supernet_sampled_over_lightgcn": ("sampled", "lightgcn"),
        "supernet_partial_over_lightgcn": ("partial", "lightgcn"),
        "alpha_step_over_lightgcn": ("alpha", "lightgcn"),
        "naive_over_folded": ("naive", "dense"),
        "pyg_over_folded": ("pyg", "dense"),
    }
    for name, (above, below) in pairs_of.items():
        if above in times:
            measure.row(name, measure.ratios(times, above, below), "ratio", layers=2, dim=chosen.dim)


def shapes(chosen: object, graph: Graph, pairs: Pairs) -> None:
    """How the ratio depends on dim and layers."""
    for dim in (32, 64, 128):
        for layers in (1, 2, 3, 4):
            cases = steppers(layers, dim, graph, pairs, ["lightgcn", "dense"])
            times = measure.interleaved(cases, max(2, chosen.repeats // 2))
            found = measure.ratios(times, "dense", "lightgcn")
            measure.row(
                f"dense_over_lightgcn_dim{dim}_layers{layers}", found, "ratio", layers=layers, dim=dim
            )


def memory(chosen: object) -> None:
    """Peak memory of folded, naive and PyG's step, and how the folded one grows with the graph."""
    base = ["--data", str(chosen.data), "--dim", str(chosen.dim)]

    def case(name: str, *more: str) -> dict[str, float]:
        return measure.fresh("supernet.py", *base, "--case", name, *more)

    cases = {name: case(name) for name in runnable(("lightgcn", "dense", "naive", "pyg"))}
    for name, one in cases.items():
        peak_row(f"peak_{name}", one)
    if "pyg" in cases:
        measure.row("pyg_memory_over_folded", [cases["pyg"]["peak"] / cases["dense"]["peak"]], "ratio")
    sizes, found = [], []
    for edges in (625_000, 1_250_000, 2_500_000, 5_000_000, 10_000_000):
        grown = case("dense", "--synthetic", str(edges))
        sizes.append(grown["edges"] + grown["nodes"])
        found.append(grown)
        measure.row(f"power_law_{edges}_seconds", [grown["seconds"]], "s", edges=grown["edges"])
        peak_row(f"power_law_{edges}_peak", grown)
    measure.row("memory_exponent", [fitted_exponent(sizes, [f["peak"] for f in found])], "exponent")
    measure.row("time_exponent", [fitted_exponent(sizes, [f["seconds"] for f in found])], "exponent")
    for share in (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0):
        grown = case("dense", "--share", str(share))
        measure.row(f"edges_{grown['edges']}_seconds", [grown["seconds"]], "s", edges=grown["edges"])
        peak_row(f"edges_{grown['edges']}_peak", grown)


def peak_row(name: str, one: dict[str, float]) -> None:
    """The row of a case's peak, with that of loading and the edges."""
    peak, loading = (one[key] / 2**30 for key in ("peak", "loading"))
    measure.row(name, [peak], "GiB", loading=loading, edges=one["edges"])


def main() -> None:
    """Check, time, print."""

    def add(parser) -> None:
        parser.add_argument("--case", choices=CASES, help="this case alone, in this process")
        parser.add_argument("--layers", type=int, default=2)
        parser.add_argument("--share", type=float, default=1.0, help="share of the train pairs")
        parser.add_argument("--synthetic", type=int, default=0, help="edges of a power-law graph instead")

    chosen = measure.options(__doc__, add)
    if chosen.case:
        one_case(chosen)
        return
    graph, pairs = load(chosen)
    check(graph, pairs)
    if chosen.check:
        return
    main_ratios(chosen, graph, pairs)
    if not chosen.quick:
        shapes(chosen, graph, pairs)
        memory(chosen)


if __name__ == "__main__":
    main()
