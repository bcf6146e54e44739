"""LightGCN's training: an epoch against PyG's and against a LightGCN-PyTorch-style loop; time to quality.

    python benchmarks/train.py --data FOLDER [--quick] [--check] [--quality]

FOLDER holds train.txt and test.txt in the LightGCN format (Gowalla). The epochs compared are of 2 layers, the
same dim and the same batch size; each is timed by its steps, times the steps of an epoch, in a process of its
own, so that PyG runs with glibc's default allocator as its own example does; the processes take turns. PyG's
cases are left out where its packages are not installed.
`--quality` trains the softmax loss until Recall@20 on test reaches .1830 (paper protocol: the published split
as it is, no validation part), for comparison with published times alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.rivals import LightGCNPyTorch, PyG, runnable
from supernet.config import load_space
from supernet.data.graph import ITEM, build_graph
from supernet.data.sampling import Batches
from supernet.evaluation.metrics import evaluate
from supernet.evaluation.ranking import scores_dot, top_items
from supernet.model import Recommender
from supernet.pipeline.stages import space_of
from supernet.training.fit import adam, draw_batch, training_loss
from supernet.training.recipe import Recipe

BATCH, LAYERS = 2048, 2
CASES = ("ours", "ours_bpr", "pyg", "pyg_sparse", "lightgcn_pytorch")
SOFTMAX = Recipe(temperature=0.12, correction=0.25, negatives=0, lr=3e-3, batch_size=BATCH)
BPR = Recipe(loss="bpr", similarity="score", negatives=1, in_batch=False, lr=1e-3, batch_size=BATCH)
TARGET = 0.1830


class Ours:
    """One step of the project's own training."""

    def __init__(
        self, data: measure.Interactions, recipe: Recipe, layers: int, dim: int, seed: int = 0
    ) -> None:
        self.data, self.recipe = data, recipe
        self.graph = build_graph(data.train, data.n_users, data.n_items)
        self.seen = data.user_items(data.train)
        self.generator = torch.Generator().manual_seed(seed)
        space = replace(space_of(load_space("lightgcn")), layers=layers)
        self.model = Recommender(space, self.graph.nodes, dim, self.generator)
        self.optimiser = adam(self.model.weights(), recipe.lr)
        self.batches = Batches(data.train, recipe.batch_size, self.generator)

    def step(self) -> None:
        """Draw, propagate, descend."""
        batch = draw_batch(self.batches, self.seen, self.graph.nodes[ITEM], self.recipe, self.generator)
        self.optimiser.zero_grad(set_to_none=True)
        training_loss(self.model, self.graph, batch, self.recipe).backward()
        self.optimiser.step()


def step_of(case: str, data: measure.Interactions, dim: int) -> Callable[[], None]:
    """The step of a case."""
    if case == "ours":
        return Ours(data, SOFTMAX, LAYERS, dim).step
    if case == "ours_bpr":
        return Ours(data, BPR, LAYERS, dim).step
    if case == "lightgcn_pytorch":
        return LightGCNPyTorch(data, dim, LAYERS, BATCH).step
    return PyG(data, dim, LAYERS, BATCH, sparse=case == "pyg_sparse").step


def check(data: measure.Interactions, dim: int) -> None:
    """The propagation of all is the same function of the same embeddings."""
    ours, loop = Ours(data, BPR, LAYERS, dim), LightGCNPyTorch(data, dim, LAYERS, BATCH)
    weight = torch.randn(data.n_users + data.n_items, dim)
    with torch.no_grad():
        layers = [weight]
        for _ in range(LAYERS):
            layers.append(torch.sparse.mm(loop.graph, layers[-1]))
        parts = weight.split([data.n_users, data.n_items])
        for side, part in zip(("user", "item"), parts, strict=True):
            ours.model.features[side].ids.weight.copy_(part)
        found = torch.cat(list(ours.model(ours.graph)))
        torch.testing.assert_close(found, sum(layers) / len(layers), rtol=1e-4, atol=1e-4)
        for case in runnable(["pyg", "pyg_sparse"]):
            theirs = PyG(data, dim, LAYERS, BATCH, sparse=case == "pyg_sparse")
            theirs.model.embedding.weight.copy_(weight)
            expected = theirs.model.get_embedding(theirs.edges)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def epochs(chosen: object, data: measure.Interactions) -> None:
    """Seconds of an epoch of each case, from steps of processes that take turns."""
    steps = -(-data.train.users.numel() // BATCH)
    base = ["--data", str(chosen.data), "--dim", str(chosen.dim), "--threads", str(chosen.threads)]
    served = {
        name: measure.Served("train.py", *base, "--case", name, *([] if own else ["--no-allocator"]))
        for name, own in [(c, c.startswith("ours")) for c in runnable(CASES)]
    }
    served["ours_default_allocator"] = measure.Served("train.py", *base, "--case", "ours", "--no-allocator")
    found: dict[str, list[float]] = {name: [] for name in served}
    for repeat in range(chosen.repeats + 1):
        for name, process in served.items():
            seconds = [process() for _ in range(3)]  # the first finds the caches of another process
            if repeat:
                found[name].append(min(seconds[1:]))
    for process in served.values():
        process.close()
    for name, values in found.items():
        measure.row(f"epoch_{name}", [steps * v for v in values], "s", batch=BATCH, layers=LAYERS)
    ratios = {
        "pyg_epoch_over_ours": ("pyg", "ours"),
        "pyg_sparse_epoch_over_ours": ("pyg_sparse", "ours"),
        "lightgcn_pytorch_epoch_over_ours": ("lightgcn_pytorch", "ours"),
        "pyg_epoch_over_ours_bpr": ("pyg", "ours_bpr"),
        "pyg_sparse_epoch_over_ours_bpr": ("pyg_sparse", "ours_bpr"),
        "default_allocator_over_ours": ("ours_default_allocator", "ours"),
    }
    for name, (above, below) in ratios.items():
        if above in found:
            measure.row(name, measure.ratios(found, above, below), "ratio", batch=BATCH, layers=LAYERS)


def quality(chosen: object, data: measure.Interactions) -> None:
    """Training seconds (evaluation apart) until Recall@20 on test reaches TARGET."""
    ours = Ours(
        data,
        replace(SOFTMAX, lr=chosen.lr, temperature=chosen.temperature, correction=chosen.correction),
        chosen.layers,
        chosen.dim,
    )
    test = data.user_items(data.test)
    users = (test.counts > 0).nonzero().flatten()
    seconds = 0.0
    for epoch in range(1, chosen.epochs + 1):
        start = time.perf_counter()
        for _ in range(len(ours.batches)):
            ours.step()
        seconds += time.perf_counter() - start
        with torch.no_grad():
            vectors = ours.model(ours.graph)
            top = top_items(scores_dot(vectors.user, vectors.item), users, ours.seen, 20)
            means = evaluate(top, users, test, data.n_items, ks=(20,)).means()
        measure.row(
            f"gowalla_epoch_{epoch}_recall",
            [means["recall@20"]],
            "recall@20",
            seconds=seconds,
            ndcg=means["ndcg@20"],
        )
        if means["recall@20"] >= TARGET:
            measure.row("gowalla_seconds_to_1830", [seconds], "s", epochs=epoch, protocol="paper")
            return


def main() -> None:
    """Check, time, print."""

    def add(parser) -> None:
        parser.add_argument("--case", choices=CASES, help="with --serve: the case whose steps to take")
        parser.add_argument(
            "--serve", action="store_true", help="take a step for every line of standard input"
        )
        parser.add_argument("--quality", action="store_true", help="time to Recall@20 of .1830 instead")
        parser.add_argument("--layers", type=int, default=1)
        parser.add_argument("--lr", type=float, default=3e-3)
        parser.add_argument("--temperature", type=float, default=0.12)
        parser.add_argument("--correction", type=float, default=SOFTMAX.correction)
        parser.add_argument("--epochs", type=int, default=30)

    chosen = measure.options(__doc__, add)
    data = measure.Interactions(chosen.data)
    if chosen.case:
        measure.serve(step_of(chosen.case, data, chosen.dim))
    elif chosen.quality:
        quality(chosen, data)
    else:
        check(data, chosen.dim)
        if not chosen.check:
            epochs(chosen, data)


if __name__ == "__main__":
    main()
