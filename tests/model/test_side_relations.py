"""Models on relations beside the interactions, against the same messages written out by hand."""

from dataclasses import replace

import pytest
import torch

from supernet.config import load_space
from supernet.data.dataset import Pairs
from supernet.data.graph import build_graph
from supernet.data.side import Edges
from supernet.model import Recommender
from supernet.pipeline.stages import space_of

PAIRS = Pairs(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2]))
SIDE = {
    "trust": Edges(torch.tensor([0, 1, 0]), torch.tensor([1, 2, 2]), 3),
    "text_knn": Edges(torch.tensor([0, 2]), torch.tensor([1, 0]), 3),
    "knowledge": Edges(torch.tensor([0, 2, 2]), torch.tensor([3, 0, 1]), 4, torch.tensor([0, 1, 0])),
}


def dense(edges, n_target):
    matrix = torch.zeros(n_target, edges.n_source)
    matrix[edges.target, edges.source] = 1
    return matrix


def mean(matrix):
    return matrix / matrix.sum(dim=1, keepdim=True).clamp(min=1)


@pytest.fixture
def graph():
    return build_graph(PAIRS, 3, 3, relations=("interactions", *SIDE), side=SIDE)


def model_of(graph, layers=2, **changes):
    relations = ("interactions", *SIDE)
    usual = {"layers": layers, "relations": relations, "aggregate": ("mean",), "tie_sides": False}
    space = replace(space_of(load_space("lightgcn")), **usual, **changes)
    return Recommender(space, graph.nodes, 4, torch.Generator().manual_seed(0))


def test_messages_of_all_relations_add_up_and_entities_stay_as_they_are(graph):
    model = model_of(graph)
    u, i = (model.features[side].ids.weight for side in ("user", "item"))
    e = model.others["entity"].weight
    R = torch.zeros(3, 3)
    R[PAIRS.users, PAIRS.items] = 1
    layers = [(u, i)]
    for _ in range(2):
        x, y = layers[-1]
        layers.append(
            (
                mean(R) @ y + mean(dense(SIDE["trust"], 3)) @ x,
                mean(R.t()) @ x
                + mean(dense(SIDE["text_knn"], 3)) @ y
                + mean(dense(SIDE["knowledge"], 3)) @ e,
            )
        )
    vectors = model(graph)
    for k in range(2):
        torch.testing.assert_close(vectors[k], sum(layer[k] for layer in layers) / 3)
    rows = {"user": torch.tensor([1]), "item": torch.tensor([0, 2])}
    few = model(graph, rows=rows)
    torch.testing.assert_close(few.user, vectors.user[[1]])
    torch.testing.assert_close(few.item, vectors.item[[0, 2]])


def test_entities_are_trained(graph):
    model = model_of(graph)
    model(graph).item.square().sum().backward()
    grad = model.others["entity"].weight.grad
    assert bool((grad[[0, 1, 3]] != 0).all())
    assert not grad[2].any(), "an entity that nothing is tied to"


def test_none_drops_a_relation(graph):
    slots = {f"layer1/{side}/{name}/aggregate": ("none",) for side, name in
             (("user", "trust"), ("item", "text_knn"), ("item", "knowledge"))}  # fmt: skip
    dropped = model_of(graph, layers=1, slots=slots)
    plain_graph = build_graph(PAIRS, 3, 3)
    plain = Recommender(
        replace(dropped.space, relations=("interactions",), slots={}), plain_graph.nodes, 4,
        torch.Generator().manual_seed(0),
    )  # fmt: skip
    for one, two in zip(dropped(graph), plain(plain_graph), strict=True):
        torch.testing.assert_close(one, two)


def test_a_relation_has_candidates_of_its_own(graph):
    model = model_of(graph, layers=1, aggregate_of={"knowledge": ("none", "mean", "relational")})
    (slot,) = model.alphas
    assert slot == "layer1/item/knowledge/aggregate"
    loss = model(graph, {slot: model.alphas[slot].softmax(0)}).item.square().sum()
    loss.backward()
    assert bool((model.alphas[slot].grad != 0).all())
