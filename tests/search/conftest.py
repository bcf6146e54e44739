"""A small data set, and searches on it of any seed and settings."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from supernet.data.dataset import Dataset, Pairs
from supernet.data.graph import build_graph
from supernet.model import Recommender
from supernet.search.loop import Search
from supernet.search.settings import SearchSettings
from supernet.space import SearchSpace
from supernet.training.recipe import Recipe

USERS, ITEMS, DIM = 12, 10, 4
SPACE = SearchSpace(
    2, ("sym", "attention", "max"), ("light", "gcn"), ("identity", "relu"), ("last", "mean", "concat")
)
RECIPE = Recipe(batch_size=12, lr=0.05)
SETTINGS = SearchSettings(
    epochs=4, warmup=1, alpha_lr=0.1, alpha_batch_size=4, temperature_start=1.0, temperature_end=0.2
)


def small(seed=0):
    """Users and items of one parity like each other; six pairs each are alpha, valid and test."""
    rng = np.random.default_rng(seed)
    pairs = np.array(
        [(u, i) for u in range(USERS) for i in range(ITEMS) if u % 2 == i % 2 or (u + i) % 5 == 0]
    )
    parts = np.zeros(len(pairs), dtype=int)
    parts[rng.permutation(len(pairs))[:18]] = np.repeat([1, 2, 3], 6)
    cut = [Pairs(*torch.from_numpy(pairs[parts == k]).t().contiguous()) for k in range(4)]
    names = [np.array([str(k) for k in range(n)], dtype=object) for n in (USERS, ITEMS)]
    return Dataset(
        "small", *names, names[1], None, dict(zip(("train", "alpha", "valid", "test"), cut, strict=True))
    )


@pytest.fixture
def tiny():
    """The data, its graph, and `search(...)`: a fresh one on them."""
    data = small()
    graph = build_graph(data.parts["train"], USERS, ITEMS)

    def search(settings=SETTINGS, recipe=RECIPE, space=SPACE, seed=0):
        model = Recommender(space, graph.nodes, DIM, torch.Generator().manual_seed(seed))
        return Search(model, graph, data, recipe, settings, torch.Generator().manual_seed(seed))

    return SimpleNamespace(
        data=data, graph=graph, search=search, space=SPACE, recipe=RECIPE, settings=SETTINGS
    )
