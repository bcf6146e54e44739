"""The polynomial of fixed operators equals a loop over dense matrices, and its gradients."""

import pytest
import torch

from ops.aggregate import AGGREGATORS, LinearAggregator
from ops.propagate import Operator, Step, propagate

DIM = 3
LINEAR = [name for name in AGGREGATORS if issubclass(AGGREGATORS[name], LinearAggregator)]


def operator(name, relation, dtype):
    if name == "none":
        return Operator(None)
    return Operator(relation, *AGGREGATORS[name](DIM).edge_weights(relation, dtype))


def by_layers(names, weights, relation, users, items):
    """u_l = A i_(l-1), i_l = B u_(l-1), each by its aggregator."""
    x, out = (users, items), [weights[0] * users, weights[0] * items]
    for (to_users, to_items), weight in zip(names, weights[1:], strict=True):
        u = AGGREGATORS[to_users](DIM)(x[1], x[0], relation)
        i = AGGREGATORS[to_items](DIM)(x[0], x[1], relation.T)
        x = (u, i)
        out = [o + weight * v for o, v in zip(out, x, strict=True)]
    return out


CASES = {
    "lightgcn": ([("sym", "sym"), ("sym", "sym")], [1 / 3, 1 / 3, 1 / 3]),
    "sides apart": ([("sum", "mean"), ("mean", "sym"), ("sym", "sum")], [0.5, 0.0, 0.25, 1.0]),
    "last alone": ([("mean", "sym")], [0.0, 1.0]),
    "a dropped message": ([("none", "sym"), ("sym", "none")], [1.0, 2.0, 3.0]),
    "nothing at all": ([("none", "none")], [0.0, 1.0]),
}


@pytest.fixture(params=list(CASES))
def case(request, relation, dtype):
    names, weights = CASES[request.param]
    steps = [
        Step(operator(to_users, relation, dtype), operator(to_items, relation.T, dtype))
        for to_users, to_items in names
    ]
    return names, weights, steps


def test_it_is_the_sum_of_the_layers_with_its_gradients(case, relation, leaf, assert_same):
    names, weights, steps = case
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    actual, expected = (
        propagate(users, items, steps, weights),
        by_layers(names, weights, relation, users, items),
    )
    assert_same(torch.cat(actual), torch.cat(expected), [users, items])


def subset(size, kind):
    every = torch.arange(size)
    return {"all": every, "every other": every[::2], "last": every[-1:], "none": every[:0]}[kind]


@pytest.mark.parametrize("kinds", [("every other", "last"), ("none", "all"), ("last", "none")], ids=str)
def test_rows_alone_are_rows_of_the_whole(case, kinds, relation, leaf, assert_same):
    names, weights, steps = case
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    rows = tuple(subset(len(x), kind).to(x.device) for x, kind in zip((users, items), kinds, strict=True))
    expected = by_layers(names, weights, relation, users, items)
    expected = torch.cat([x[r] for x, r in zip(expected, rows, strict=True)])
    assert_same(torch.cat(propagate(users, items, steps, weights, rows)), expected, [users, items])


def test_rows_of_no_layers_are_rows_of_the_features(relation, leaf, assert_same):
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    rows = subset(len(users), "last").to(users.device), subset(len(items), "every other").to(users.device)
    expected = torch.cat([2 * users[rows[0]], 2 * items[rows[1]]])
    assert_same(torch.cat(propagate(users, items, [], [2.0], rows)), expected, [users, items])


@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
def test_the_gradient_of_the_gradient_is_exact(some, relation, dtype, leaf):
    if dtype == torch.float32:
        pytest.skip("gradgradcheck needs float64")
    step = Step(operator("mean", relation, dtype), operator("sym", relation.T, dtype))
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)

    rows = (subset(len(users), "every other"), subset(len(items), "last")) if some else None
    rows = None if rows is None else tuple(r.to(users.device) for r in rows)

    def cubed(u, i):
        return torch.cat(propagate(u, i, [step, step], [0.5, 0.3, 0.2], rows)).pow(3)

    assert torch.autograd.gradcheck(cubed, (users, items))
    assert torch.autograd.gradgradcheck(cubed, (users, items))


def test_no_activation_is_kept_between_forward_and_backward(relation, leaf, dtype):
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    step = Step(operator("sym", relation, dtype), operator("sym", relation.T, dtype))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        propagate(users, items, [step] * 4, [0.2] * 5)
    assert not kept


def test_the_number_of_weights_is_checked(relation, leaf):
    users, items = leaf(relation.n_target, DIM), leaf(relation.n_source, DIM)
    with pytest.raises(ValueError, match="0 layers need 1 weights, found 2"):
        propagate(users, items, [], [1.0, 1.0])
