"""The polynomial of fixed operators equals a loop over dense matrices, and its gradients."""

import pytest
import torch

from ops.aggregate import AGGREGATORS, LinearAggregator
from ops.propagate import Arrow, Operator, propagate
from ops.relation import Relation

DIM = 3
LINEAR = [name for name in AGGREGATORS if issubclass(AGGREGATORS[name], LinearAggregator)]


def operator(name, relation, dtype):
    if name == "none":
        return Operator(None)
    return Operator(relation, *AGGREGATORS[name](DIM).edge_weights(relation, dtype))


USER, ITEM = 0, 1


def relations_of(relation):
    """Three of each side to itself or the other: (target, source) → relation. A node's neighbours among
    users are itself and the next; among items just the next."""
    n_users, n_items = relation.n_target, relation.n_source
    users, items = (torch.arange(n, device=relation.ptr.device) for n in (n_users, n_items))
    near, following = torch.cat([users, users]), torch.cat([users, (users + 1) % n_users])
    backend = relation.backend.used
    return {
        (USER, ITEM): relation,
        (ITEM, USER): relation.T,
        (USER, USER): Relation.from_edges(near, following, n_users, n_users, backend),
        (ITEM, ITEM): Relation.from_edges(items, (items + 1) % n_items, n_items, n_items, backend),
    }


def by_layers(layers, weights, relation, users, items, shares=None):
    """Each side's new vectors are the sum of what every relation brings it, each by its aggregator."""
    relations = relations_of(relation)
    x, out = (users, items), [weights[0] * users, weights[0] * items]
    shares = shares or [(0.0, 0.0)] * len(layers)
    for layer, weight, share in zip(layers, weights[1:], shares, strict=True):
        new = [torch.zeros_like(users), torch.zeros_like(items)]
        for (target, source), name in layer:
            message = AGGREGATORS[name](DIM)(x[source], x[target], relations[target, source])
            new[target] = new[target] + message
        x = [(1 - a) * n + a * start for n, a, start in zip(new, share, (users, items), strict=True)]
        out = [o + weight * v for o, v in zip(out, x, strict=True)]
    return out


def bipartite(to_users, to_items):
    return Arrow(USER, ITEM, to_users), Arrow(ITEM, USER, to_items)


def both(to_users, to_items):
    return [((USER, ITEM), to_users), ((ITEM, USER), to_items)]


CASES = {
    "lightgcn": ([both("sym", "sym")] * 2, [1 / 3, 1 / 3, 1 / 3]),
    "sides apart": ([both("sum", "mean"), both("mean", "sym"), both("sym", "sum")], [0.5, 0.0, 0.25, 1.0]),
    "last alone": ([both("mean", "sym")], [0.0, 1.0]),
    "a dropped message": ([both("none", "sym"), both("sym", "none")], [1.0, 2.0, 3.0]),
    "nothing at all": ([both("none", "none")], [0.0, 1.0]),
    "items among themselves": (
        [[*both("sym", "sym"), ((ITEM, ITEM), "mean")], [*both("mean", "none"), ((ITEM, ITEM), "sym")]],
        [0.5, 1.0, 0.25],
    ),
    "both among themselves, one relation twice": (
        [
            [*both("sym", "sum"), ((USER, USER), "mean"), ((ITEM, ITEM), "sum"), ((ITEM, ITEM), "sym")],
            [*both("none", "sym"), ((USER, USER), "sym"), ((ITEM, ITEM), "none")],
        ],
        [0.0, 0.5, 1.0],
    ),
}


@pytest.fixture(params=list(CASES))
def case(request, relation, dtype):
    layers, weights = CASES[request.param]
    relations = relations_of(relation)
    steps = [
        tuple(Arrow(*ends, operator(name, relations[ends], dtype)) for ends, name in layer)
        for layer in layers
    ]
    return layers, weights, steps


def test_it_is_the_sum_of_the_layers_with_its_gradients(case, relation, leaf, assert_same):
    layers, weights, steps = case
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    actual, expected = (
        propagate(users, items, steps, weights),
        by_layers(layers, weights, relation, users, items),
    )
    assert_same(torch.cat(actual), torch.cat(expected), [users, items])


SHARES = [(0.1, 0.0), (0.3, 1.0), (0.0, 0.5)]


@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
def test_layers_keep_a_share_of_the_start(some, case, relation, leaf, assert_same):
    layers, weights, steps = case
    shares = SHARES[: len(steps)]
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    rows = (subset(len(users), "every other"), subset(len(items), "last")) if some else None
    rows = None if rows is None else tuple(r.to(users.device) for r in rows)
    expected = by_layers(layers, weights, relation, users, items, shares)
    expected = expected if rows is None else [x[r] for x, r in zip(expected, rows, strict=True)]
    found = propagate(users, items, steps, weights, rows, shares)
    assert_same(torch.cat(found), torch.cat(expected), [users, items])


def subset(size, kind):
    every = torch.arange(size)
    return {"all": every, "every other": every[::2], "last": every[-1:], "none": every[:0]}[kind]


@pytest.mark.parametrize("kinds", [("every other", "last"), ("none", "all"), ("last", "none")], ids=str)
def test_rows_alone_are_rows_of_the_whole(case, kinds, relation, leaf, assert_same):
    layers, weights, steps = case
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    rows = tuple(subset(len(x), kind).to(x.device) for x, kind in zip((users, items), kinds, strict=True))
    expected = by_layers(layers, weights, relation, users, items)
    expected = torch.cat([x[r] for x, r in zip(expected, rows, strict=True)])
    assert_same(torch.cat(propagate(users, items, steps, weights, rows)), expected, [users, items])


def test_rows_of_no_layers_are_rows_of_the_features(relation, leaf, assert_same):
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    rows = subset(len(users), "last").to(users.device), subset(len(items), "every other").to(users.device)
    expected = torch.cat([2 * users[rows[0]], 2 * items[rows[1]]])
    assert_same(torch.cat(propagate(users, items, [], [2.0], rows)), expected, [users, items])


@pytest.mark.parametrize("own", [False, True], ids=["bipartite", "items among themselves"])
@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
def test_the_gradient_of_the_gradient_is_exact(some, own, relation, dtype, leaf):
    if dtype == torch.float32:
        pytest.skip("gradgradcheck needs float64")
    step = bipartite(operator("mean", relation, dtype), operator("sym", relation.T, dtype))
    if own:
        among = relations_of(relation)[ITEM, ITEM]
        step = (*step, Arrow(ITEM, ITEM, operator("mean", among, dtype)))
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)

    rows = (subset(len(users), "every other"), subset(len(items), "last")) if some else None
    rows = None if rows is None else tuple(r.to(users.device) for r in rows)

    def cubed(u, i):
        shares = [(0.1, 0.0), (0.2, 0.3)]
        return torch.cat(propagate(u, i, [step, step], [0.5, 0.3, 0.2], rows, shares)).pow(3)

    assert torch.autograd.gradcheck(cubed, (users, items))
    assert torch.autograd.gradgradcheck(cubed, (users, items))


def test_no_activation_is_kept_between_forward_and_backward(relation, leaf, dtype):
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    step = bipartite(operator("sym", relation, dtype), operator("sym", relation.T, dtype))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        propagate(users, items, [step] * 4, [0.2] * 5)
    assert not kept


def test_the_number_of_weights_is_checked(relation, leaf):
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    with pytest.raises(ValueError, match="0 layers need 1 weights, found 2"):
        propagate(users, items, [], [1.0, 1.0])
