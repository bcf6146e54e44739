import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.profiler import ProfilerActivity, profile

from ops import kernels
from ops.relation import Relation
from ops.spmm import sddmm, spmax, spmm

D = 3
float64 = pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
some_graphs = pytest.mark.parametrize("graph", ["ordinary", "empty rows", "empty columns"], indirect=True)


def weighted(relation, dense, weight):
    """The dense matrix with the weight of each edge in its place."""
    return dense.index_put((relation.row, relation.index), weight)


def dense_maximum(dense, x):
    rows = []
    for row in dense:
        neighbours = row.nonzero().flatten()
        rows.append(x[neighbours].amax(0) if len(neighbours) else x.new_zeros(x.shape[1]))
    return torch.stack(rows)


def test_spmm_without_weights_is_the_dense_product(relation, dense, leaf, assert_same):
    x = leaf(relation.n_source, D)
    assert_same(spmm(relation, x), dense @ x, [x])


def test_spmm_is_the_dense_product(relation, dense, leaf, assert_same):
    x, weight = leaf(relation.n_source, D), leaf(relation.n_edges)
    assert_same(spmm(relation, x, weight), weighted(relation, dense, weight) @ x, [x, weight])


def test_spmm_of_the_transpose_is_the_transposed_product(relation, dense, leaf, assert_same):
    x, weight = leaf(relation.n_target, D), leaf(relation.n_edges)
    expected = weighted(relation, dense, weight).t() @ x
    assert_same(spmm(relation.T, x, weight[relation.perm]), expected, [x, weight])


def test_sddmm_is_the_dense_product_read_at_the_edges(relation, leaf, assert_same):
    left, right = leaf(relation.n_target, D), leaf(relation.n_source, D)
    expected = (left @ right.t())[relation.row, relation.index]
    assert_same(sddmm(relation, left, right), expected, [left, right])


def test_maximum_without_a_sparse_kernel_is_the_same(relation, leaf, monkeypatch):
    if not relation.n_edges:
        pytest.skip("a relation without edges needs no kernel")
    monkeypatch.setattr(kernels, "CHUNK", 2 * relation.n_edges)  # two channels at a time
    x = leaf(relation.n_source, D)
    found = relation.target_degree() > 0
    (top, edge), (expected, source) = kernels.gathered_maximum(relation, x), kernels.maximum(relation, x)
    assert torch.equal(top[found], expected[found])
    assert torch.equal(relation.index[edge[found]], source[found])


def test_sddmm_in_blocks_is_the_same(relation, leaf, assert_same, monkeypatch):
    monkeypatch.setattr(kernels, "CHUNK", 2 * D)
    left, right = leaf(relation.n_target, D), leaf(relation.n_source, D)
    expected = (left @ right.t())[relation.row, relation.index]
    assert_same(sddmm(relation, left, right), expected, [left, right])


def test_spmax_is_the_largest_neighbour(relation, dense, leaf, assert_same):
    x = leaf(relation.n_source, D)
    assert_same(spmax(relation, x), dense_maximum(dense, x), [x])


def test_spmax_of_negative_values_is_not_zero_where_there_is_a_neighbour(relation, dense, leaf, assert_same):
    x = leaf(relation.n_source, D)
    assert_same(spmax(relation, -x.abs() - 1), dense_maximum(dense, -x.abs() - 1), [x])


def test_a_maximum_of_nan_is_nan_and_has_some_neighbour(backend, device, dtype):
    """In a diverged model: never an index out of range."""
    if backend == "scatter":
        pytest.skip("the scatter kernel never compares NaN as greater")
    target, source = torch.tensor([[0, 0, 1, 3], [0, 1, 2, 1]], device=device)
    relation = Relation.from_edges(target, source, 4, 3, backend)
    x = torch.tensor([[1.0, 2.0], [torch.nan, 3.0], [4.0, 5.0]], dtype=dtype, device=device)
    x.requires_grad_()
    out = spmax(relation, x)
    expected = x.new_tensor([[torch.nan, 3.0], [4.0, 5.0], [0.0, 0.0], [torch.nan, 3.0]])
    torch.testing.assert_close(out, expected, equal_nan=True)
    (grad,) = torch.autograd.grad(out.nan_to_num(0.0).sum(), x)
    torch.testing.assert_close(grad[:, 1], x.new_tensor([0.0, 2.0, 1.0]))


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_a_tied_maximum_sends_its_gradient_to_one_of_the_tied(relation, dense, dtype, device):
    x = torch.tensor([[1.0], [2.0], [2.0], [0.0], [2.0], [1.0]], dtype=dtype, device=device).requires_grad_()
    out = spmax(relation, x)
    torch.testing.assert_close(out, dense_maximum(dense, x))
    out[3].backward()  # the hub, whose neighbours 1, 2 and 4 tie
    assert sorted(x.grad.flatten().tolist()) == [0, 0, 0, 0, 0, 1]
    assert x[x.grad > 0].item() == 2.0


@pytest.mark.parametrize("operation", [spmm, spmax], ids=["spmm", "spmax"])
def test_a_gradient_that_is_one_number_in_memory_is_read_right(operation, relation, leaf):
    x = leaf(relation.n_source, D)
    operation(relation, x).sum().backward()
    sent, x.grad = x.grad, None
    operation(relation, x).backward(torch.ones(relation.n_target, D).to(x))
    torch.testing.assert_close(sent, x.grad)


def test_columns_of_a_wider_matrix_are_read_right(relation, dense, leaf, assert_same):
    wide = leaf(relation.n_source, 2 * D)
    assert_same(spmm(relation, wide[:, ::2]), dense @ wide[:, ::2], [wide])
    assert_same(spmax(relation, wide[:, ::2]), dense_maximum(dense, wide[:, ::2]), [wide])


@float64
@some_graphs
def test_spmm_and_sddmm_are_differentiable_twice(relation, leaf):
    x, left, weight = leaf(relation.n_source, 2), leaf(relation.n_target, 2), leaf(relation.n_edges)
    for check in (gradcheck, gradgradcheck):
        assert check(lambda x, w: spmm(relation, x, w), (x, weight), fast_mode=True)
        assert check(lambda a, b: sddmm(relation, a, b), (left, x), fast_mode=True)


@float64
@some_graphs
def test_spmax_is_differentiable_twice(relation, leaf):
    x = leaf(relation.n_source, 2)
    assert gradcheck(lambda x: spmax(relation, x), x)
    assert gradgradcheck(lambda x: spmax(relation, x) ** 2, x)


@pytest.mark.parametrize("operation", [spmm, spmax], ids=["spmm", "spmax"])
@pytest.mark.parametrize("shape", [(4, 2), (3,), (3, 2, 2)], ids=str)
def test_a_wrong_shape_raises(operation, shape):
    relation = Relation.from_edges(torch.tensor([0]), torch.tensor([2]), 2, 3)
    with pytest.raises(ValueError, match=r"x must be \(3, D\)"):
        operation(relation, torch.zeros(shape))


def largest_block(step):
    """Bytes of the largest single allocation made while `step` runs, inside kernels too."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = profiler.profiler.kineto_results.events()
    return max(event.nbytes() for event in events if event.name() == "[memory]")


@pytest.mark.parametrize("device", [torch.device("cpu")], ids=["cpu"])
@pytest.mark.parametrize("dtype", [torch.float32], ids=["float32"])
def test_no_product_holds_all_edges_times_all_channels(backend, leaf, monkeypatch):
    n, dim = 50, 40
    edges = torch.cartesian_prod(torch.arange(n), torch.arange(n))
    relation = Relation.from_edges(*edges.t(), n, n, backend)
    monkeypatch.setattr(kernels, "CHUNK", relation.n_edges)
    x, weight = leaf(n, dim), leaf(relation.n_edges)

    def step():
        spmm(relation, x, weight).square().sum().backward()
        spmax(relation, x).square().sum().backward()
        spmm(relation, x).square().sum().backward()

    every_edge = torch.zeros(relation.n_edges, dim)
    assert largest_block(lambda: every_edge.clone()) == 4 * relation.n_edges * dim  # the measure sees one
    assert largest_block(step) <= 8 * relation.n_edges  # indices are 8 bytes each


def test_a_packed_maximum_is_exact_for_all_finite_floats(device):
    if device.type != "cpu":
        pytest.skip("packing is what the CPU does")
    relation = Relation.from_edges(
        *torch.tensor([[0, 0, 0, 1, 1, 2, 3], [0, 1, 2, 1, 2, 2, 0]]), 5, 3, "torch"
    )
    extreme = [[-0.0, 1e-45, -3.4e38, 1e-38], [0.0, -1e-45, 3.4e38, -1e-38], [-0.0, 0.0, 1.0, 1 / 3]]
    x = torch.tensor(extreme)
    out, source = kernels.packed_maximum(relation, x)
    for i, near in enumerate([[0, 1, 2], [1, 2], [2], [0], []]):
        assert torch.equal(out[i], x[near].amax(dim=0) if near else torch.zeros(4))
        if near:
            assert torch.equal(x[source[i], torch.arange(4)], out[i])
            assert set(source[i].tolist()) <= set(near)


def test_too_many_sources_to_pack_are_refused(relation, monkeypatch):
    monkeypatch.setattr(kernels, "PAYLOAD", 1)
    with pytest.raises(ValueError, match="sources can be packed, found"):
        kernels.packed_maximum(relation, torch.zeros(relation.n_source, 2))
