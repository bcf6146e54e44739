"""Every aggregator and convolution, forward and with backward, against PyG's and against gather–scatter.

    python benchmarks/ops.py --data FOLDER [--quick] [--check]

FOLDER holds train.txt and test.txt in the LightGCN format (Gowalla: 810,128 pairs). A case is one layer over
both sides of the graph, 2 × 810,128 edges; results are checked before they are timed, and the cases of a
group take turns. Without torch-geometric PyG's are left out; its "pyg" forms find the weights of the edges at
every call, as its users run them, "pyg_normalised" has them given. The roofline is the bytes that a product
must move (for each edge index, weight and a row of the source, and a row for each target) over the copy
bandwidth measured in the same run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.rivals import pyg_aggregators, pyg_convolutions
from ops.aggregate import AGGREGATORS
from ops.backend import kernels_installed
from ops.convolve import CONVOLUTIONS
from ops.mixture import AggregateMixture
from ops.relation import Relation
from ops.spmm import sddmm, spmax, spmm

SIDES = ("user", "item")
Forms = dict[str, Callable[[], Tensor]]
"""Implementation → forward."""

AGGREGATE_OF = {"sage": "mean", "gin": "sum", "skip": "none"}
"""Convolution → the aggregator that it is known for; sym of all others."""

OTHER_WEIGHTS = ("gcn", "gat", "sage", "gin")
"""Cases whose layers have weights of their own, so that PyG's results are others of the same shape."""


class Sides:
    """Both directions of the interactions, and the square edge list that PyG takes."""

    def __init__(self, data: measure.Interactions, dim: int, backend: str) -> None:
        pairs = data.train
        relation = Relation.from_edges(pairs.users, pairs.items, data.n_users, data.n_items, backend)
        self.relations = {"user": relation, "item": relation.T}
        self.sizes = [data.n_users, data.n_items]
        users, items = relation.row, relation.index + data.n_users
        self.edges = torch.stack([torch.cat([items, users]), torch.cat([users, items])])  # source, target
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(sum(self.sizes), dim, generator=generator).requires_grad_()

    def layer(self, aggregate: nn.Module, convolve: nn.Module | None = None) -> Tensor:
        """One layer of ours, (N_users + N_items, D)."""
        x = dict(zip(SIDES, self.x.split(self.sizes), strict=True))
        out = []
        for side, other in (SIDES, SIDES[::-1]):
            message = aggregate(x[other], x[side], self.relations[side])
            out.append(message if convolve is None else convolve(x[side], message, x[side]))
        return torch.cat(out)

    def gathered(self, reduce: str) -> Tensor:
        """Gather every source row, then scatter: what one writes without sparse kernels."""
        source, target = self.edges
        sent = self.x.index_select(0, source)
        index = target.unsqueeze(1).expand_as(sent)
        out = torch.zeros_like(self.x)
        return out.scatter_reduce(0, index, sent, reduce, include_self=False)


def initialised(module: nn.Module) -> nn.Module:
    """Weights drawn with seed 1, as a model draws them."""
    for part in module.modules():
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset(torch.Generator().manual_seed(1))
    return module


def with_backward(forward: Callable[[], Tensor], x: Tensor) -> Callable[[], None]:
    """Forward, and backward of a random cotangent."""
    cotangent = torch.randn(forward().shape, generator=torch.Generator().manual_seed(2))

    def run() -> None:
        out = forward()
        if out.requires_grad:
            out.backward(cotangent)
            x.grad = None

    return run


def aggregators(sides: dict[str, Sides], dim: int) -> dict[str, Forms]:
    """name → implementation → forward."""
    own = sides["torch"]
    found: dict[str, Forms] = {}
    for name in AGGREGATORS:
        module = initialised(AGGREGATORS[name](dim))
        found[name] = {b: (lambda s=s, m=module: s.layer(m)) for b, s in sides.items()}
    for name, reduce in (("sum", "sum"), ("mean", "mean"), ("max", "amax")):
        found[name]["gather_scatter"] = lambda reduce=reduce: own.gathered(reduce)
    return with_pyg(found, own, pyg_aggregators(own.edges))


def convolutions(sides: dict[str, Sides], dim: int) -> dict[str, Forms]:
    """name → implementation → forward, each with the aggregator that it is known for; gat: attention and gcn,
    whose linear map is in PyG's GATConv."""
    found: dict[str, Forms] = {}
    pairs = {name: (AGGREGATE_OF.get(name, "sym"), name) for name in CONVOLUTIONS}
    for name, (aggregate, convolve) in {**pairs, "gat": ("attention", "gcn")}.items():
        parts = (initialised(AGGREGATORS[aggregate](dim)), initialised(CONVOLUTIONS[convolve](dim)))
        found[name] = {b: (lambda s=s, p=parts: s.layer(*p)) for b, s in sides.items()}
    own = sides["torch"]
    return with_pyg(found, own, pyg_convolutions(own.edges, dim))


def with_pyg(
    found: dict[str, Forms], own: Sides, layers: dict[str, dict[str, nn.Module]]
) -> dict[str, Forms]:
    """The cases, with PyG's layers among their forms."""
    for name, forms in layers.items():
        found[name] |= {form: (lambda layer=layer: layer(own.x, own.edges)) for form, layer in forms.items()}
    return found


def mixtures(own: Sides, dim: int) -> dict[str, Forms]:
    """A slot of three linear aggregators: folded, and each on its own."""
    slot, p = AggregateMixture(["sum", "mean", "sym"], dim), torch.tensor([0.2, 0.3, 0.5])
    modules = list(slot.candidates.values())
    return {
        "sum+mean+sym": {
            "torch": lambda: own.layer(lambda *x: slot(*x, p)),
            "one_by_one": lambda: own.layer(
                lambda *x: sum(w * m(*x) for w, m in zip(p, modules, strict=True))
            ),
        }
    }


def check(cases: dict[str, Forms]) -> None:
    """All implementations without weights of their own agree."""
    for name, forms in cases.items():
        expected = forms["torch"]()
        for form, run in forms.items():
            out = run()
            assert out.shape == expected.shape, (name, form)
            if not (form.startswith("pyg") and name in OTHER_WEIGHTS):
                torch.testing.assert_close(out, expected, rtol=1e-3, atol=1e-3)


def report(kind: str, cases: dict[str, Forms], x: Tensor, repeats: int) -> None:
    """Times of all forms, forward and with backward, and the others over ours."""
    for name, forms in cases.items():
        for phase in ("forward", "forward_backward"):
            runs = forms if phase == "forward" else {f: with_backward(r, x) for f, r in forms.items()}
            times = measure.interleaved(runs, repeats)
            for form, values in times.items():
                measure.row(f"{kind}_{name}_{phase}_{form}", [1000 * t for t in values], "ms")
            for form in (f for f in times if f != "torch"):
                found = measure.ratios(times, form, "torch")
                measure.row(f"{kind}_{name}_{phase}_{form}_over_torch", found, "ratio")


def kernels(sides: dict[str, Sides], dim: int, repeats: int) -> None:
    """The bare products of each backend from items to users, and the roofline of torch's."""
    copied, into = torch.randn(36 * 2**20), torch.empty(36 * 2**20)
    x, y = (v.detach() for v in sides["torch"].x.split(sides["torch"].sizes)[::-1])
    runs: dict[str, Callable[[], object]] = {"copy": lambda: into.copy_(copied)}
    for backend, side in sides.items():
        relation = side.relations["user"]
        runs |= {
            f"spmm_{backend}": lambda r=relation: spmm(r, x),
            f"spmax_{backend}": lambda r=relation: spmax(r, x),
            f"sddmm_{backend}": lambda r=relation: sddmm(r, y, x),
        }
    times = measure.interleaved(runs, repeats)
    for name, values in times.items():
        measure.row(name, [1000 * t for t in values], "ms")
    for name in ("spmm", "spmax", "sddmm"):
        if f"{name}_scatter" in times:
            found = measure.ratios(times, f"{name}_scatter", f"{name}_torch")
            measure.row(f"{name}_scatter_over_{name}_torch", found, "ratio")
    relation = sides["torch"].relations["user"]
    moved = relation.n_edges * (8 + 4 + 4 * dim) + relation.n_target * 4 * dim
    bandwidth = [2 * 4 * copied.numel() / t for t in times["copy"]]
    limits = [moved / b for b in bandwidth]
    measure.row("copy_bandwidth", [b / 2**30 for b in bandwidth], "GiB/s")
    found = [limit / t for limit, t in zip(limits, times["spmm_torch"], strict=True)]
    measure.row("spmm_roofline", found, "ratio", bytes=moved)


def main() -> None:
    """Check, time, print."""
    chosen = measure.options(__doc__)
    data = measure.Interactions(chosen.data)
    backends = ["torch", "scatter"] if kernels_installed() else ["torch"]
    sides = {b: Sides(data, chosen.dim, b) for b in backends}
    for side in sides.values():
        side.x = sides["torch"].x
    groups = {
        "aggregate": aggregators(sides, chosen.dim),
        "convolve": convolutions(sides, chosen.dim),
        "mixture": mixtures(sides["torch"], chosen.dim),
    }
    for cases in groups.values():
        check(cases)
    if chosen.check:
        return
    kernels(sides, chosen.dim, chosen.repeats)
    for kind, cases in groups.items():
        report(kind, cases, sides["torch"].x, chosen.repeats)


if __name__ == "__main__":
    main()
