"""Items treated as new in a step: ids that are not read, and only the messages that new ones have."""

from dataclasses import replace

import pytest
import torch

from supernet.data.graph import COOCCURRENCE, INTERACTIONS, ITEM, KNOWLEDGE, TEXT_KNN, USER, build_graph
from supernet.data.new_nodes import new_nodes
from supernet.data.sampling import Batch
from supernet.data.side import Edges
from supernet.data.views import View
from supernet.model import Recommender
from supernet.model.fold_in import fold_in
from supernet.space import SearchSpace
from supernet.training.fit import training_loss
from supernet.training.losses import step_loss
from supernet.training.recipe import Recipe

from .conftest import DIM, ITEMS, USERS

RELATIONS = (INTERACTIONS, COOCCURRENCE, TEXT_KNN)
ALIKE = Edges(torch.arange(ITEMS), (torch.arange(ITEMS) + 2) % ITEMS, ITEMS)
BATCH = Batch(torch.tensor([0, 1, 1, 3]), torch.tensor([2, 1, 3, 5]), torch.zeros(0, dtype=torch.long))


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def graph(tiny):
    view = View(torch.randn(ITEMS, 3, generator=gen(5)), torch.ones(ITEMS))
    return build_graph(
        tiny.train, USERS, ITEMS, relations=RELATIONS, neighbours=3, views={"own": view},
        side={TEXT_KNN: ALIKE},
    )  # fmt: skip


def design(feature="sum:own", relations=RELATIONS, aggregate="sym", convolve="light", readout="mean"):
    return SearchSpace(
        2, (aggregate,), (convolve,), ("identity",), (readout,), features=(feature,), relations=relations
    )


def model_of(space, graph, seed=0):
    return Recommender(space, graph.nodes, DIM, gen(seed), graph.views)


def edges(graph, name, target):
    relation = graph.link(name, target).relation
    return set(zip(relation.row.tolist(), relation.index.tolist(), strict=True))


def test_what_is_new_sends_nothing_and_receives_by_texts_alone(graph):
    new = graph.as_new(0.4, gen())
    hidden = set((new.known[ITEM] == 0).nonzero().flatten().tolist())
    assert 0 < len(hidden) < ITEMS
    assert edges(new, INTERACTIONS, USER) == {
        (u, i) for u, i in edges(graph, INTERACTIONS, USER) if i not in hidden
    }
    assert edges(new, INTERACTIONS, ITEM) == {(i, u) for u, i in edges(new, INTERACTIONS, USER)}
    assert edges(new, COOCCURRENCE, ITEM) == {
        (i, j) for i, j in edges(graph, COOCCURRENCE, ITEM) if not {i, j} & hidden
    }
    assert edges(new, TEXT_KNN, ITEM) == {(i, j) for i, j in edges(graph, TEXT_KNN, ITEM) if j not in hidden}


def test_what_is_new_hears_of_no_entities_as_new_items_have_none(tiny):
    ties = Edges(torch.arange(ITEMS), torch.arange(ITEMS) % 3, 3)
    relations = (INTERACTIONS, KNOWLEDGE)
    graph = build_graph(tiny.train, USERS, ITEMS, relations=relations, side={KNOWLEDGE: ties})
    new = graph.as_new(0.4, gen())
    hidden = set((new.known[ITEM] == 0).nonzero().flatten().tolist())
    assert edges(new, KNOWLEDGE, ITEM) == {(i, i % 3) for i in range(ITEMS) if i not in hidden}


def test_the_share_is_the_rate_and_none_is_the_graph_itself(graph):
    generator = gen()
    shares = [float((graph.as_new(0.3, generator).known[ITEM] == 0).float().mean()) for _ in range(300)]
    assert sum(shares) / 300 == pytest.approx(0.3, abs=0.03)
    before = generator.get_state()
    assert graph.as_new(0.0, generator) is graph
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("feature", ["sum:own", "gate:own", "concat:own", "text:own"])
@pytest.mark.parametrize("readout", ["mean", "max"])  # a polynomial, and layer by layer
def test_what_is_new_has_the_vector_of_a_new_item_that_is_folded_in(graph, feature, readout):
    """Where nobody else changes: one layer, in which all users' features are as they were."""
    relations = (INTERACTIONS, TEXT_KNN)
    space = SearchSpace(
        1, ("mean",), ("light",), ("identity",), (readout,), features=(feature,), relations=relations
    )
    model, new = model_of(space, graph), graph.as_new(0.3, gen(3))
    for weight in model.weights():
        weight.data += 0.3 * torch.randn(weight.shape, generator=gen(1))
    hidden = (new.known[ITEM] == 0).nonzero().flatten()
    vectors = model(new).item[hidden]
    place = {int(item): k for k, item in enumerate(hidden)}
    pairs = [(place[i], j) for i, j in edges(graph, TEXT_KNN, ITEM) if i in place and j not in place]
    target, source = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).t()
    views = {name: View(v.vectors[hidden], v.known[hidden]) for name, v in graph.views[ITEM].items()}
    edges_in = {TEXT_KNN: Edges(target, source, ITEMS)}
    folded = fold_in(model, graph, new_nodes(graph, ITEM, len(hidden), edges=edges_in, views=views))
    torch.testing.assert_close(vectors, folded)


FILTERS = ("svd(3)", "chebyshev", "global")  # they reach nodes that no edge joins


@pytest.mark.parametrize("aggregate", FILTERS)
def test_what_is_new_receives_of_filters_what_a_new_item_does(graph, aggregate):
    space = SearchSpace(1, (aggregate,), ("light",), ("identity",), ("mean",), features=("sum:own",))
    model, new = model_of(space, graph), graph.as_new(0.3, gen(3))
    hidden = (new.known[ITEM] == 0).nonzero().flatten()
    views = {name: View(v.vectors[hidden], v.known[hidden]) for name, v in graph.views[ITEM].items()}
    folded = fold_in(model, graph, new_nodes(graph, ITEM, len(hidden), views=views))
    torch.testing.assert_close(model(new).item[hidden], folded)


@pytest.mark.parametrize("aggregate", FILTERS)
@pytest.mark.parametrize("relations", [(INTERACTIONS,), RELATIONS])
def test_what_is_new_sends_nothing_by_filters(graph, aggregate, relations):
    """Whatever its texts say, the vectors of all others stay as they are."""
    new = graph.as_new(0.4, gen())
    model = model_of(design(aggregate=aggregate, relations=relations), graph)
    known, own = new.known[ITEM] > 0, graph.views[ITEM]["own"]
    other = View(torch.where(known.unsqueeze(1), own.vectors, own.vectors + 5.0), own.known)
    before, after = model(new), model(replace(new, views={**new.views, ITEM: {"own": other}}))
    torch.testing.assert_close(after.user, before.user, rtol=0, atol=0)
    torch.testing.assert_close(after.item[known], before.item[known], rtol=0, atol=0)
    assert not torch.allclose(after.item[~known], before.item[~known])


def test_a_step_draws_them_in_models_that_read_texts_alone(graph):
    recipe = Recipe(item_dropout=0.5, in_batch=True)
    reads, blind = (model_of(design(f, (INTERACTIONS,)), graph) for f in ("sum:own", "id"))
    drawn, whole = gen(), gen()
    loss = training_loss(reads, graph, BATCH, recipe, generator=drawn)
    expected = step_loss(reads, graph.as_new(0.5, whole), BATCH, recipe)
    torch.testing.assert_close(loss, expected)
    assert torch.equal(drawn.get_state(), whole.get_state())
    before = drawn.get_state()
    torch.testing.assert_close(
        training_loss(blind, graph, BATCH, recipe, generator=drawn), step_loss(blind, graph, BATCH, recipe)
    )
    assert torch.equal(drawn.get_state(), before)


def test_ids_that_are_not_read_get_no_gradient(graph):
    model, new = model_of(design(relations=(INTERACTIONS,)), graph), graph.as_new(0.5, gen())
    model(new).item.square().sum().backward()
    moved = model.features[ITEM].ids.weight.grad.abs().sum(dim=1) > 0
    assert torch.equal(moved, new.known[ITEM] > 0)
