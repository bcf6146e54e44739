"""The same code on CUDA: the same training as on the CPU to rounding, repeatable where it is asked to be."""

from dataclasses import replace

import pytest
import torch

from supernet.data.graph import build_graph
from supernet.data.sampling import Batches, sent
from supernet.data.views import View
from supernet.model import Recommender
from supernet.runtime import set_up
from supernet.training.fit import fit
from supernet.training.recipe import Recipe

from .conftest import DIM, ITEMS, SPACE, USERS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
CUDA = torch.device("cuda")
RECIPES = {
    "softmax": Recipe(epochs=2, batch_size=20, lr=0.05, negatives=5, correction=0.5),
    "bpr": Recipe(epochs=2, batch_size=20, lr=0.05, loss="bpr", negatives=2, l2=0.1),
    "dropout": Recipe(epochs=2, batch_size=20, lr=0.05, dropout=0.3),
    "edge_dropout": Recipe(epochs=2, batch_size=20, lr=0.05, edge_dropout=0.3),
    "item_dropout": Recipe(epochs=2, batch_size=20, lr=0.05, item_dropout=0.3),
    "contrast": Recipe(epochs=2, batch_size=20, lr=0.05, contrast=0.5),
}


VIEW = View(torch.randn(ITEMS, 3, generator=torch.Generator().manual_seed(5)), torch.ones(ITEMS))


def trained(tiny, recipe, device):
    """The losses and vectors of a training on a device, of a model that reads a view and ids."""
    data = tiny.data.to(device)
    graph = build_graph(tiny.train, USERS, ITEMS, views={"own": VIEW}).to(device)
    space = replace(SPACE, features=("sum:own",))
    model = Recommender(space, graph.nodes, DIM, torch.Generator().manual_seed(0), graph.views).to(device)
    seen, generator = data.user_items(["train"]), torch.Generator().manual_seed(0)
    result = fit(model, graph, data.parts["train"], seen, recipe, generator)
    with torch.no_grad():
        vectors = model(graph)
    return [epoch.loss for epoch in result.history], [v.cpu() for v in vectors]


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_training_is_that_of_the_cpu(tiny, name):
    here, there = (trained(tiny, RECIPES[name], device) for device in (torch.device("cpu"), CUDA))
    assert here[0] == pytest.approx(there[0], rel=1e-3)
    for a, b in zip(here[1], there[1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-3)


def test_a_deterministic_training_repeats_bit_for_bit(tiny):
    set_up("cuda", 0, deterministic=True)
    try:
        first, second = (trained(tiny, RECIPES["softmax"], CUDA) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    assert first[0] == second[0]
    assert all(torch.equal(a, b) for a, b in zip(first[1], second[1], strict=True))


def test_autocast_trains(tiny):
    losses, vectors = trained(tiny, replace(RECIPES["softmax"], autocast=True), CUDA)
    assert losses[-1] < losses[0]
    assert all(v.dtype == torch.float32 and bool(v.isfinite().all()) for v in vectors)


def test_batches_are_those_of_the_cpu(tiny):
    pairs = tiny.data.to(CUDA).parts["train"]
    here, there = (Batches(p, 7, torch.Generator().manual_seed(0)) for p in (tiny.train, pairs))
    for _ in range(10):
        for a, b in zip(here.draw(), there.draw(), strict=True):
            assert b.device.type == "cuda"
            assert torch.equal(a, b.cpu())


def test_what_is_sent_arrives_whole():
    x = torch.randn(1 << 20)
    assert torch.equal(sent(x, CUDA).cpu(), x)
