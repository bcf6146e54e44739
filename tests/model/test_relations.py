"""A second relation: the design against a dense formula, and models without it that do not notice it."""

from dataclasses import replace

import pytest
import torch

from supernet.data.dataset import Pairs
from supernet.data.graph import COOCCURRENCE, INTERACTIONS, build_graph
from supernet.space import SearchSpace

from .conftest import EDGES, ITEMS, USERS

ONE = SearchSpace(2, ("sym",), ("light",), ("identity",), ("mean",), tie_sides=True)
TWO = replace(ONE, relations=(INTERACTIONS, COOCCURRENCE), aggregate_of={COOCCURRENCE: ("mean",)})


def dense(link, graph):
    A = torch.zeros(graph.nodes[link.target], graph.nodes[link.source])
    A[link.relation.row, link.relation.index] = 1
    return A


def mean(A):
    return A / A.sum(1, keepdim=True).clamp(min=1)


def sym(A):
    return A / (A.sum(1, keepdim=True).clamp(min=1) * A.sum(0, keepdim=True).clamp(min=1)).sqrt()


@pytest.mark.parametrize("polynomial", [True, False], ids=["polynomial", "by layers"])
def test_items_also_receive_from_their_neighbours(tools, graph, polynomial, monkeypatch):
    """u_l = sym(A) i_(l-1), i_l = sym(A)ᵀ u_(l-1) + mean(C) i_(l-1); the mean of all layers."""
    model = tools.model_of(TWO, graph)
    if not polynomial:
        monkeypatch.setattr(type(model), "_polynomial", lambda *_: None)
    A, C = (
        sym(dense(graph.link(INTERACTIONS, "user"), graph)),
        mean(dense(graph.link(COOCCURRENCE, "item"), graph)),
    )
    u, i = (model.features[side].ids.weight for side in ("user", "item"))
    users, items = [u], [i]
    for _ in range(2):
        u, i = A @ i, A.T @ u + C @ i
        users, items = [*users, u], [*items, i]
    expected = sum(users) @ sum(items).T / 9
    actual = tools.scores(model, graph)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
    cotangent = torch.randn(actual.shape, generator=torch.Generator().manual_seed(2))
    for a, b in zip(
        *(torch.autograd.grad(x, model.weights(), cotangent) for x in (actual, expected)), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert ("_PolynomialBackward" in str(model(graph).user.grad_fn)) == polynomial


@pytest.mark.parametrize("aggregate_of", [{}, {COOCCURRENCE: ("none",)}], ids=["without", "none"])
def test_a_model_that_drops_the_relation_is_the_model_without(tools, graph, aggregate_of):
    space = replace(TWO if aggregate_of else ONE, aggregate_of=aggregate_of)
    plain = build_graph(Pairs(*torch.tensor(EDGES).t()), USERS, ITEMS)
    expected = tools.scores(tools.model_of(ONE, plain), plain)
    assert torch.equal(tools.scores(tools.model_of(space, graph), graph), expected)
    assert not torch.allclose(tools.scores(tools.model_of(TWO, graph), graph), expected)


def test_a_graph_built_without_the_relation_is_refused(tools, graph):
    plain = build_graph(Pairs(*torch.tensor(EDGES).t()), USERS, ITEMS)
    with pytest.raises(ValueError, match="no relation 'cooccurrence' into items; it was built with: inter"):
        tools.model_of(TWO, graph)(plain)
