import pytest
import torch
import torch.nn.functional as F

from ops.aggregate import AGGREGATORS, Attention
from ops.relation import Relation

DIM = 4


def neighbours_loop(A, x, reduce):
    """Each target's neighbours, reduced in a Python loop; zeros where there are none."""
    rows = [x[row.nonzero().flatten()] for row in A]
    return torch.stack([reduce(i, near) if len(near) else x.new_zeros(DIM) for i, near in enumerate(rows)])


def degrees(A):
    return A.sum(1, keepdim=True).clamp(min=1), A.sum(0, keepdim=True).clamp(min=1)


def attention(A, x, target, weights):
    """GAT, eqs. 3 and 6, for each node: the mean over heads."""
    to_source, to_target = weights["source"], weights["target"]

    def heads(i, near):
        score = F.leaky_relu(near @ to_source + target[i] @ to_target, 0.2).softmax(dim=0)
        return torch.stack([score[:, h] @ near for h in range(score.shape[1])]).mean(dim=0)

    return neighbours_loop(A, x, heads)


def sym(A, left=0.5, right=0.5):
    """The matrix of d_i^-l d_j^-r."""
    return A * degrees(A)[0] ** -left * degrees(A)[1] ** -right


def polynomial(A, x, theta):
    """R̃ Σ_k θ_k T_k(2 R̃ᵀR̃ − I) x, by the definition T_k(cos φ) = cos kφ on the eigenvalues."""
    values, vectors = torch.linalg.eigh(sym(A).t() @ sym(A))
    angle = (2 * values - 1).clamp(-1, 1).acos()
    response = sum(t * torch.cos(k * angle) for k, t in enumerate(theta))
    return sym(A) @ (vectors * response) @ vectors.t() @ x


REFERENCE = {  # A: 0/1 matrix N_dst × N_src; x: sources; t: targets; w: weights by name
    "none": lambda A, x, t, w: torch.zeros(A.shape[0], DIM).to(x),
    "sum": lambda A, x, t, w: A @ x,
    "mean": lambda A, x, t, w: (A / degrees(A)[0]) @ x,
    "sym": lambda A, x, t, w: (A / (degrees(A)[0] * degrees(A)[1]).sqrt()) @ x,
    "unit": lambda A, x, t, w: sym(A, 0.5, 0.0) @ (x / x.norm(dim=1, keepdim=True)),
    "chebyshev": lambda A, x, t, w: polynomial(A, x, w["theta"]),
    "svd": lambda A, x, t, w: sym(A) @ x,  # its rank is above that of every graph here
    "max": lambda A, x, t, w: neighbours_loop(A, x, lambda i, near: near.amax(dim=0)),
    "attention": attention,
    "relational": lambda A, x, t, w: w["log_weight"][0].exp() * (A / degrees(A)[0]) @ x,
    "global": lambda A, x, t, w: torch.stack([x.sum(0) / len(x)] * A.shape[0]),
}


def test_every_registered_aggregator_has_a_reference():
    assert set(REFERENCE) == set(AGGREGATORS)


@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_is_the_dense_formula(name, relation, dense, leaf, initialised, assert_same):
    module = initialised(AGGREGATORS[name](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    weights = dict(module.named_parameters())
    expected = REFERENCE[name](dense, source, target, weights)
    assert_same(module(source, target, relation), expected, [source, target, *weights.values()])


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
@pytest.mark.parametrize("name", [name for name in AGGREGATORS if name != "none"])
def test_is_the_dense_formula_in_second_derivatives(
    name, relation, dense, leaf, initialised, assert_same_twice
):
    module = initialised(AGGREGATORS[name](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    weights = dict(module.named_parameters())
    expected = REFERENCE[name](dense, source, target, weights)
    assert_same_twice(module(source, target, relation), expected, [source, target, *weights.values()])


@pytest.mark.parametrize("name", list(AGGREGATORS))
def test_relabelling_nodes_relabels_the_output(name, graph, backend, relation, leaf, initialised):
    module = initialised(AGGREGATORS[name](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    generator = torch.Generator().manual_seed(3)
    new_target = torch.randperm(relation.n_target, generator=generator).to(source.device)
    new_source = torch.randperm(relation.n_source, generator=generator).to(source.device)
    sizes = (relation.n_target, relation.n_source)
    relabelled = Relation.from_edges(new_target[relation.row], new_source[relation.index], *sizes, backend)
    moved_source = torch.empty_like(source).index_copy(0, new_source, source)
    moved_target = torch.empty_like(target).index_copy(0, new_target, target)
    out = module(moved_source, moved_target, relabelled)
    torch.testing.assert_close(out[new_target], module(source, target, relation), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("left", "right"), [(0.3, 0.7), (0.0, 1.0), (1.0, -0.2)])
@pytest.mark.parametrize("name", ["sym", "unit"])
def test_exponents_are_those_of_the_degrees(name, left, right, relation, dense, leaf, assert_same):
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    x = source if name == "sym" else source / source.norm(dim=1, keepdim=True)
    module = AGGREGATORS[f"{name}({left},{right})"](DIM)
    assert_same(module(source, target, relation), sym(dense, left, right) @ x, [source])


@pytest.mark.parametrize("order", [1, 3, 5])
def test_a_polynomial_has_any_order(order, relation, dense, leaf, initialised, assert_same):
    module = initialised(AGGREGATORS[f"chebyshev({order})"](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    assert module.theta.shape == (order + 1,)
    assert_same(
        module(source, target, relation), polynomial(dense, source, module.theta), [source, module.theta]
    )


def test_a_polynomial_starts_as_three_hops(relation, dense, leaf):
    module = AGGREGATORS["chebyshev"](DIM)
    module.reset_parameters(torch.Generator())
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    expected = sym(dense) @ sym(dense).t() @ sym(dense) @ source
    torch.testing.assert_close(module.to(source)(source, target, relation), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_low_rank_filter_is_the_truncated_svd(rank, backend, dtype, device, leaf, monkeypatch, assert_same):
    monkeypatch.setattr("ops.aggregate.svd.OVERSAMPLING", 2)  # fewer columns than the rank of the matrix
    monkeypatch.setattr("ops.aggregate.svd.ITERATIONS", 80)
    dense = (torch.rand(12, 9, generator=torch.Generator().manual_seed(1)) < 0.4).to(device, dtype)
    relation = Relation.from_edges(*dense.nonzero().t(), 12, 9, backend)
    left, values, right = torch.linalg.svd(sym(dense), full_matrices=False)
    source, target = leaf(9, DIM), leaf(12, DIM)
    expected = (left[:, :rank] * values[:rank]) @ right[:rank] @ source
    found = AGGREGATORS[f"svd({rank})"](DIM)(source, target, relation)
    assert_same(found, expected, [source])


def test_neighbours_of_no_length_stay_finite(relation, leaf):
    source = torch.zeros_like(leaf(relation.n_source, DIM)).requires_grad_()
    AGGREGATORS["unit"](DIM)(source, source, relation).sum().backward()
    assert bool(source.grad.isfinite().all())


def test_short_neighbours_have_the_same_gradient_once_and_twice(relation, leaf):
    source = leaf(relation.n_source, DIM).detach()
    source[::2] *= 1e-8  # below SHORTEST, where the length no longer counts
    source.requires_grad_()
    out = AGGREGATORS["unit"](DIM)(source, source, relation)
    weight = torch.linspace(-1, 2, out.numel()).view_as(out).to(out)
    (once,) = torch.autograd.grad((out * weight).sum(), source, retain_graph=True)
    (again,) = torch.autograd.grad((out * weight).sum(), source, create_graph=True)
    torch.testing.assert_close(once, again.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_attention_has_any_number_of_heads(heads, relation, dense, leaf, initialised, assert_same):
    module = initialised(Attention(DIM, heads))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    expected = attention(dense, source, target, dict(module.named_parameters()))
    assert_same(module(source, target, relation), expected, [source, target, module.source, module.target])


def test_attention_survives_scores_that_overflow_exp(relation, dense, leaf, initialised, assert_same):
    module = initialised(Attention(DIM))
    source, target = leaf(relation.n_source, DIM, scale=300.0), leaf(relation.n_target, DIM, scale=300.0)
    expected = attention(dense, source, target, dict(module.named_parameters()))
    assert_same(module(source, target, relation), expected, [source, target])


def test_edges_of_every_type_have_their_own_weight(
    graph, backend, dtype, device, leaf, initialised, assert_same
):
    edges = torch.tensor(graph.edges, dtype=torch.int64, device=device).reshape(-1, 2)
    types = torch.arange(len(edges), device=device) % 3
    sizes = (graph.n_target, graph.n_source)
    relation = Relation.from_edges(*edges.t(), *sizes, backend, types)
    module = initialised(AGGREGATORS["relational"](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    expected = torch.zeros(graph.n_target, DIM, dtype=dtype, device=device)
    for (i, j), kind in zip(graph.edges, types.tolist(), strict=True):
        degree = sum(a == i for a, _ in graph.edges)
        row = torch.arange(graph.n_target, device=device).eq(i).to(dtype).unsqueeze(1)
        expected = expected + row * module.log_weight[kind].exp() / degree * source[j]
    assert_same(module(source, target, relation), expected, [source, target, module.log_weight])
    rows = torch.arange(0, graph.n_target, 2, device=device)
    part = module(source, target[rows], relation.rows(rows))
    torch.testing.assert_close(part, expected[rows], rtol=1e-5, atol=1e-5)
    turned, kinds = relation.T, dict(zip(graph.edges, types.tolist(), strict=True))
    found = zip(turned.index.tolist(), turned.row.tolist(), turned.edge_types.tolist(), strict=True)
    assert all(kinds[i, j] == kind for i, j, kind in found)


def test_too_many_types_are_refused(initialised):
    relation = Relation.from_edges(torch.tensor([0]), torch.tensor([0]), 1, 1, types=torch.tensor([64]))
    module = AGGREGATORS["relational"](DIM)
    with pytest.raises(ValueError, match="a relation has 65 types of edges; at most 64 are weighed"):
        module(torch.ones(1, DIM), torch.ones(1, DIM), relation)
