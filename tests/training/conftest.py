"""A small data set of two tastes, and a model on its graph."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from supernet.data.dataset import Dataset, Pairs
from supernet.data.graph import build_graph
from supernet.model import Recommender
from supernet.space import SearchSpace

USERS, ITEMS, DIM = 12, 10, 4
SPACE = SearchSpace(1, ("sym",), ("light",), ("identity",), ("mean",))


def small(seed=0):
    """Users and items of one parity like each other; a pair in four is alpha, valid or test."""
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
    """The data, its graph, and models of any seed."""
    data = small()
    graph = build_graph(data.parts["train"], USERS, ITEMS)

    def model(seed=0, space=SPACE):
        return Recommender(space, graph.nodes, DIM, torch.Generator().manual_seed(seed))

    return SimpleNamespace(
        data=data, graph=graph, model=model, train=data.parts["train"], seen=data.user_items(["train"])
    )
