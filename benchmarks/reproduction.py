"""Reproduction: LightGCN on a published split, for epochs fixed beforehand, with its learning curve.

    python benchmarks/reproduction.py --data FOLDER --recipe softmax|bpr [--epochs N] [--seeds 0,1,2]

Paper protocol: trained on train.txt as it is (with valid.txt, where there is one). The test part is read
every few epochs for the curve alone; nothing is chosen by it, and the value of a line is the last epoch's.
softmax is in `SOFTMAX`, chosen on the last eighth of each user's line of train.txt, which was left out (the
lines are in the order of time, and the test part is the latest; a part cut at random asks for another item
norm); bpr is LightGCN as published (conf/published/lightgcn_bpr.yaml). A JSON line a seed. --quick is the
small form that tests run.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

import torch

from benchmarks import measure
from supernet.config import load_published, load_space
from supernet.data.graph import build_graph
from supernet.evaluation.metrics import evaluate
from supernet.evaluation.ranking import top_items
from supernet.pipeline.stages import make_model, score_of, space_of
from supernet.space import SearchSpace
from supernet.training.fit import Epoch, fit
from supernet.training.recipe import Recipe

K = 20
IN_BATCH = {"negatives": 0, "in_batch": True, "correction": 0.25, "batch_size": 2048}
OTHER = "other"
SOFTMAX = {
    "gowalla": (1, Recipe(lr=0.002, temperature=0.12, item_norm=0.7, autocast=True, **IN_BATCH)),
    "yelp2018": (1, Recipe(lr=0.002, temperature=0.12, item_norm=0.7, autocast=True, **IN_BATCH)),
    OTHER: (2, Recipe(temperature=0.15, **IN_BATCH)),
}
"""Layers and recipe by data set."""

EPOCHS = {"softmax": 30, "bpr": 20}
SHOWN = ("loss", "temperature", "correction", "item_norm", "lr", "l2", "batch_size", "negatives", "in_batch")


def main() -> None:
    """One training a seed."""

    def add(parser) -> None:
        parser.add_argument("--recipe", choices=sorted(EPOCHS), default="softmax")
        parser.add_argument("--epochs", type=int, help="of every training")
        parser.add_argument("--every", type=int, default=5, help="epochs between points of the curve")
        parser.add_argument("--seeds", default="0,1,2")

    chosen = measure.options(__doc__, add)
    torch.set_num_threads(chosen.threads)
    name = chosen.data.name
    epochs = chosen.epochs or EPOCHS[chosen.recipe]
    seeds, dim = [int(seed) for seed in chosen.seeds.split(",")], chosen.dim
    if chosen.quick:
        seeds, dim, epochs = seeds[:1], 8, 2
    data = measure.Interactions(chosen.data)
    space, recipe = design(name, chosen.recipe)
    for seed in seeds:
        curve = train(data, space, replace(recipe, epochs=epochs), seed, dim, chosen.every)
        last = curve[-1]
        measure.row(
            f"reproduction/{name}/lightgcn_{chosen.recipe}",
            [last["ndcg"]],
            "ndcg@20",
            protocol="paper",
            seed=seed,
            recall=last["recall"],
            epochs=epochs,
            seconds=last["seconds"],
            layers=space.layers,
            dim=dim,
            recipe={key: getattr(recipe, key) for key in SHOWN},
            curve=curve,
        )


def design(name: str, recipe: str) -> tuple[SearchSpace, Recipe]:
    """LightGCN and how it is trained on the data set `name`."""
    if recipe == "bpr":
        space, published = load_published("lightgcn_bpr")
        return space_of(space), published
    layers, found = SOFTMAX.get(name, SOFTMAX[OTHER])
    return replace(space_of(load_space("lightgcn")), layers=layers), found


def train(
    data: measure.Interactions, space: SearchSpace, recipe: Recipe, seed: int, dim: int, every: int
) -> list[dict[str, float]]:
    """The curve: epoch, loss, recall, ndcg, and the seconds of training alone."""
    device = torch.device("cpu")
    graph = build_graph(data.train, data.n_users, data.n_items)
    model = make_model(space, graph, dim, seed, device)
    seen, test = data.user_items(data.train), data.user_items(data.test)
    users = (test.counts > 0).nonzero().flatten()
    curve: list[dict[str, float]] = []
    looking = 0.0

    def watch(epoch: Epoch) -> bool:
        nonlocal looking
        if epoch.epoch % every and epoch.epoch != recipe.epochs:
            return False
        start = time.perf_counter()
        with torch.no_grad():
            score = score_of(model, model(graph), recipe.item_norm)
            top = top_items(score, users, seen, K)
        means = evaluate(top, users, test, data.n_items, ks=(K,)).means()
        point = {
            "recall": means[f"recall@{K}"],
            "ndcg": means[f"ndcg@{K}"],
            "seconds": epoch.seconds - looking,
        }
        curve.append({"epoch": epoch.epoch, "loss": epoch.loss} | point)
        print(seed, curve[-1], file=sys.stderr, flush=True)
        looking += time.perf_counter() - start
        return False

    generator = torch.Generator().manual_seed(seed)
    fit(model, graph, data.train, seen, recipe, generator, watch=watch)
    return curve


if __name__ == "__main__":
    main()
