"""Edges dropped anew for each step: nothing passes them, the rest is right on average, ranking has all."""

from dataclasses import replace

import pytest
import torch

from supernet.data.graph import ITEM, USER
from supernet.data.sampling import Batch
from supernet.model.perturb import Dropout
from supernet.space import SearchSpace
from supernet.training.fit import fit, training_loss
from supernet.training.losses import step_loss
from supernet.training.recipe import Recipe

RECIPE = Recipe(epochs=2, batch_size=20, lr=0.05, edge_dropout=0.4)
ONE = SearchSpace(1, ("sym",), ("light",), ("identity",), ("last",))
BATCH = Batch(torch.tensor([0, 1, 1, 3]), torch.tensor([2, 0, 2, 4]), torch.zeros(0, dtype=torch.long))


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def edges(graph, side):
    (link,) = graph.into(side)
    return set(zip(link.relation.row.tolist(), link.relation.index.tolist(), strict=True))


def test_an_edge_is_dropped_in_both_directions(tiny):
    thin = tiny.graph.thinned(0.4, gen())
    users, items = edges(thin, USER), edges(thin, ITEM)
    assert users == {(i, j) for j, i in items}
    assert users < edges(tiny.graph, USER)


def test_the_share_that_is_dropped_is_the_rate(tiny):
    generator, total = gen(), 0
    for _ in range(300):
        total += tiny.graph.thinned(0.3, generator).links[0].relation.n_edges
    share = total / 300 / tiny.graph.links[0].relation.n_edges
    assert share == pytest.approx(0.7, abs=0.02)


def test_nothing_dropped_is_the_graph_itself_and_draws_nothing(tiny):
    generator = gen()
    assert tiny.graph.thinned(0.0, generator) is tiny.graph
    assert torch.equal(generator.get_state(), gen().get_state())


def test_nothing_passes_a_dropped_edge(tiny):
    """One layer: the gradient of a user's vector to an item's is the edge's weight."""
    thin, model = tiny.graph.thinned(0.4, gen()), tiny.model(space=ONE)
    (link,) = tiny.graph.into(USER)
    user_degree, item_degree = link.relation.target_degree(), link.relation.source_degree()
    left = edges(thin, USER)
    items = model.features[ITEM].ids.weight
    for user in range(12):
        (found,) = torch.autograd.grad(model(thin).user[user, 0], items)
        for item in range(10):
            weight = (user_degree[user] * item_degree[item]).rsqrt() / 0.6 if (user, item) in left else 0.0
            assert float(found[item, 0]) == pytest.approx(float(weight), rel=1e-5)


@pytest.mark.parametrize(("filter_", "same"), [("svd", True), ("chebyshev", False)])
def test_filters_are_of_the_whole_graph_but_for_a_step_that_follows(tiny, filter_, same):
    model = tiny.model(space=SearchSpace(1, (filter_,), ("light",), ("identity",), ("last",)))
    with torch.no_grad():
        whole, thin = model(tiny.graph).user, model(tiny.graph.thinned(0.4, gen())).user
    assert torch.allclose(whole, thin) == same


def test_messages_are_right_on_average(tiny):
    model, generator = tiny.model(space=ONE), gen()
    with torch.no_grad():
        draws = torch.stack([model(tiny.graph.thinned(0.4, generator)).user for _ in range(4000)])
        whole = model(tiny.graph).user
    error = (draws.mean(0) - whole) / (draws.std(0) / 4000**0.5 + 1e-9)
    assert float(error.abs().max()) < 4.5  # standard errors, of 48 entries
    assert float(draws.std(0).mean()) > 0.05 * float(whole.abs().mean())


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_polynomial_is_the_model_layer_by_layer(tiny, layers):
    space = SearchSpace(layers, ("sym",), ("light",), ("identity",), ("mean",))
    model, thin = tiny.model(space=space), tiny.graph.thinned(0.4, gen())
    nothing = Dropout(0.0, gen())  # it takes the general path
    losses = [step_loss(model, thin, BATCH, RECIPE, None, drop) for drop in (None, nothing)]
    torch.testing.assert_close(*losses)
    for a, b in zip(*(torch.autograd.grad(loss, model.weights()) for loss in losses), strict=True):
        torch.testing.assert_close(a, b)


def test_a_step_is_the_step_on_a_thinned_graph(tiny):
    model = tiny.model()
    actual = training_loss(model, tiny.graph, BATCH, RECIPE, generator=gen(3))
    torch.testing.assert_close(actual, step_loss(model, tiny.graph.thinned(0.4, gen(3)), BATCH, RECIPE))
    whole = training_loss(model, tiny.graph, BATCH, RECIPE)
    torch.testing.assert_close(whole, step_loss(model, tiny.graph, BATCH, RECIPE))
    assert abs(actual.item() - whole.item()) > 1e-3


def test_a_correction_counts_the_edges_of_the_whole_graph(tiny):
    recipe = replace(RECIPE, correction=0.5)
    space = SearchSpace(1, ("none",), ("skip",), ("identity",), ("last",))
    model = tiny.model(space=space)  # edges matter to the correction alone
    a, b = (training_loss(model, tiny.graph, BATCH, recipe, generator=g) for g in (gen(), None))
    torch.testing.assert_close(a, b)


@pytest.mark.parametrize("aggregate", ["sym", "max", "attention", "mean"])
def test_training_repeats_and_ranking_reads_all_edges(tiny, aggregate):
    space = SearchSpace(2, (aggregate,), ("light",), ("tanh",), ("mean",))
    models = [tiny.model(space=space) for _ in range(3)]
    for model, recipe in zip(models, (RECIPE, RECIPE, replace(RECIPE, edge_dropout=0.0)), strict=True):
        fit(model, tiny.graph, tiny.train, tiny.seen, recipe, gen())
    one, two, plain = ([w.detach() for w in model.weights()] for model in models)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.allclose(one[0], plain[0], atol=1e-3)
    assert torch.equal(models[0](tiny.graph).user, models[0](tiny.graph).user)
