"""A relation of some edges: what is dropped sends nothing, and the rest counts by the whole graph's
degrees."""

import pytest
import torch

from ops.aggregate import AGGREGATORS, Attention, LinearAggregator, RelationalMean
from ops.aggregate.chebyshev import Chebyshev
from ops.aggregate.overall import OverallMean
from ops.aggregate.svd import LowRank
from ops.aggregate.unit import UnitSum
from ops.mixture import AggregateMixture, calibrating
from ops.propagate import Operator
from ops.relation import Relation

DIM, SCALE = 4, 1.25


@pytest.fixture(params=["every other", "none"])
def mask(request, relation):
    number = torch.arange(relation.n_edges, device=relation.ptr.device)
    return number % 2 == 0 if request.param == "every other" else number < 0


def rebuilt(relation, mask):
    """A relation made of the kept edges alone, with degrees of its own."""
    return Relation.from_edges(
        relation.row[mask], relation.index[mask], relation.n_target, relation.n_source, relation.backend.asked
    )


def expected_of(module, source, target, relation, mask, scale=SCALE):
    """Weighted sums by a dense matrix of the whole graph's coefficients; others on the rebuilt relation."""
    if isinstance(module, LinearAggregator):
        return weighted(module, relation, mask * scale, source.dtype) @ source
    if isinstance(module, UnitSum):
        return weighted(module.norm, relation, mask * scale, source.dtype) @ torch.nn.functional.normalize(
            source, eps=1e-6
        )
    if isinstance(module, RelationalMean):
        mean = weighted(AGGREGATORS["mean"](DIM), relation, mask * scale, source.dtype)
        return module.log_weight[0].exp() * mean @ source
    if isinstance(module, Chebyshev):
        return weighted(module.norm, relation, mask * scale, source.dtype) @ filtered(
            module, relation, source
        )
    return module(source, target, relation if isinstance(module, LowRank) else rebuilt(relation, mask))


def weighted(module, relation, factor, dtype):
    """The dense matrix of the coefficients of the whole graph, each times the edge's factor."""
    weight = module.coefficients(relation, dtype) * factor
    dense = weight.new_zeros(relation.n_target, relation.n_source)
    return dense.index_put((relation.row, relation.index), weight)


def filtered(module, relation, x):
    """Σ_k θ_k T_k(2 R'R - 1) x on the whole graph."""
    whole = weighted(module.norm, relation, 1.0, x.dtype)
    step = 2 * whole.t() @ whole - torch.eye(relation.n_source).to(x)
    terms = [x, step @ x]
    for _ in module.theta[2:]:
        terms.append(2 * step @ terms[-1] - terms[-2])
    return sum(theta * term for theta, term in zip(module.theta, terms, strict=True))


@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_dropped_edges_send_nothing(name, relation, mask, leaf, initialised, assert_same):
    module = initialised(AGGREGATORS[name](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    actual = module(source, target, relation.kept(mask, SCALE))
    expected = expected_of(module, source, target, relation, mask)
    assert_same(actual, expected, [source, target, *module.parameters()], note=name)


def test_a_mixture_is_the_mixture_of_its_candidates(relation, mask, leaf, initialised, assert_same):
    module = initialised(AggregateMixture(list(AGGREGATORS), DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    p = leaf(len(AGGREGATORS)).detach().softmax(0).requires_grad_()
    if relation.n_edges:
        with calibrating(module):
            module(source, target, relation, p)
    parts = [expected_of(m, source, target, relation, mask) for m in module.candidates.values()]
    expected = sum(f * part for f, part in zip(module.factors(p), parts, strict=True))
    actual = module(source, target, relation.kept(mask, SCALE), p)
    assert_same(actual, expected, [source, target, *module.parameters(), p])


def test_its_transpose_keeps_the_same_edges(relation, mask, leaf, initialised, assert_same):
    """The other direction of a link: `kept.T` is what the transpose would have kept."""
    here, there = relation.kept(mask, SCALE).T, relation.T.kept(mask[relation.perm], SCALE)
    for name in ("ptr", "index", "row", "ptr_t", "index_t", "perm", "inverse"):
        assert torch.equal(getattr(here, name), getattr(there, name)), name
    x = leaf(relation.n_target, DIM)
    module = initialised(AGGREGATORS["sym"](DIM))
    assert_same(module(x, x, here), expected_of(module, x, x, relation.T, mask[relation.perm]), [x])
    assert here.T.part is not None
    assert here.T.T is here


def test_degrees_are_those_of_the_whole(relation, mask):
    kept, rows = relation.kept(mask, SCALE), torch.arange(relation.n_target, device=mask.device)[::2]
    for part, whole in ((kept, relation), (kept.T, relation.T)):
        assert torch.equal(part.target_degree(), whole.target_degree())
        assert torch.equal(part.source_degree(), whole.source_degree())
    assert torch.equal(kept.rows(rows).target_degree(), relation.target_degree()[rows])
    assert torch.equal(kept.rows(rows).source_degree(), relation.source_degree())


def test_its_parts_are_consistent(relation, mask):
    kept, alone = relation.kept(mask), rebuilt(relation, mask)
    for name in ("ptr", "index", "row", "ptr_t", "index_t", "perm", "inverse"):
        assert torch.equal(getattr(kept, name), getattr(alone, name)), name


@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_rows_of_it_are_its_rows(name, relation, mask, leaf, initialised, assert_same):
    module, kept = initialised(AGGREGATORS[name](DIM)), relation.kept(mask, SCALE)
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    rows = torch.arange(relation.n_target, device=mask.device)[::2]
    actual = module(source, target[rows], kept.rows(rows))
    assert_same(actual, module(source, target, kept)[rows], [source, target, *module.parameters()])


def test_a_fixed_operator_has_its_weights_in_both_orders(relation, mask, leaf, dtype, initialised):
    module, kept = initialised(AGGREGATORS["sym"](DIM)), relation.kept(mask, SCALE)
    operator = Operator(kept, *module.edge_weights(kept, dtype))
    x, y = leaf(relation.n_source, DIM).detach(), leaf(relation.n_target, DIM).detach()
    torch.testing.assert_close((operator.apply(x) * y).sum(), (operator.T.apply(y) * x).sum())


def test_attention_of_what_is_left_sums_to_one(relation, mask, leaf, initialised):
    module, kept = initialised(Attention(DIM)), relation.kept(mask, SCALE)
    share = module.coefficients(leaf(relation.n_source, DIM), leaf(relation.n_target, DIM), kept)
    total = share.new_zeros(relation.n_target).index_add(0, kept.row, share)
    torch.testing.assert_close(total, (kept.ptr.diff() > 0).to(total))


def nodes(relation):
    """Sources that send and targets that receive: all but every third."""
    numbers = (torch.arange(n, device=relation.ptr.device) for n in (relation.n_source, relation.n_target))
    return [number % 3 != 1 for number in numbers]


def between_expected(module, source, target, relation, senders, receivers):
    """The formula on the sources that send, in the rows of the targets that receive; `global` reaches all."""
    heard = source * senders.unsqueeze(1)
    if isinstance(module, OverallMean):
        return (heard.sum(dim=0) / senders.sum().clamp(min=1)).expand(relation.n_target, -1)
    if isinstance(module, LowRank):
        return module(heard, target, relation) * receivers.unsqueeze(1)
    edges = senders[relation.index] & receivers[relation.row]
    if isinstance(module, Chebyshev):
        return weighted(module.norm, relation, edges, source.dtype) @ filtered(module, relation, heard)
    return expected_of(module, source, target, relation, edges, scale=1.0)


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_between_some_nodes_no_others_send_or_receive(name, relation, leaf, initialised, assert_same):
    module = initialised(AGGREGATORS[name](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    senders, receivers = nodes(relation)
    part = relation.between(senders, receivers)
    actual = module(source, target, part)
    expected = between_expected(module, source, target, relation, senders, receivers)
    assert_same(actual, expected, [source, target, *module.parameters()], note=name)
    if name != "global":
        assert not bool(actual[~receivers].any())
    back = module(target, source, part.T)
    expected = between_expected(module, target, source, relation.T, receivers, senders)
    assert_same(back, expected, [source, target, *module.parameters()], note=f"{name}, transposed")


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
@pytest.mark.parametrize("name", ["svd", "chebyshev", "global"])
def test_rows_and_edges_of_it_are_between_the_same_nodes(
    name, relation, leaf, initialised, mask, assert_same
):
    module = initialised(AGGREGATORS[name](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    senders, receivers = nodes(relation)
    rows = torch.arange(0, relation.n_target, 2, device=relation.ptr.device)
    part, leaves = relation.between(senders, receivers), [source, target, *module.parameters()]
    expected = module(source, target, part)[rows]
    assert_same(module(source, target[rows], part.rows(rows)), expected, leaves, note=name)
    thin = relation.kept(mask)
    edges = mask[part.part.edges]
    found = module(source, target, thin.between(senders, receivers))
    assert_same(found, module(source, target, part.kept(edges)), leaves, note=name)
