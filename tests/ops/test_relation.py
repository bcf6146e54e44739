import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ops.backend import Backend
from ops.relation import Relation, _is_at
from ops.spmm import spmm


def to_dense(relation):
    """Reads the CSR row by row, in a loop."""
    matrix = torch.zeros(relation.n_target, relation.n_source, device=relation.ptr.device)
    ptr = relation.ptr.tolist()
    for i in range(relation.n_target):
        for j in relation.index[ptr[i] : ptr[i + 1]].tolist():
            matrix[i, j] += 1
    return matrix


def from_list(edges, n_target, n_source):
    target, source = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t()
    return Relation.from_edges(target, source, n_target, n_source)


@st.composite
def relations(draw):
    n_target, n_source = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    pairs = [(i, j) for i in range(n_target) for j in range(n_source)]
    return from_list(draw(st.lists(st.sampled_from(pairs), unique=True)), n_target, n_source)


@pytest.mark.parametrize("dtype", [torch.float32])
def test_is_the_dense_matrix(relation, dense):
    torch.testing.assert_close(to_dense(relation), dense)
    assert (relation.n_target, relation.n_source) == tuple(dense.shape)
    assert relation.n_edges == int(dense.sum())


@pytest.mark.parametrize("dtype", [torch.float32])
def test_transpose_is_the_dense_transpose(relation, dense):
    torch.testing.assert_close(to_dense(relation.T), dense.t())
    assert (relation.T.n_target, relation.T.n_source) == tuple(dense.t().shape)


def test_row_repeats_each_target_once_an_edge(relation):
    for r in (relation, relation.T):
        rows = torch.arange(r.n_target, device=r.ptr.device).repeat_interleave(r.ptr.diff())
        assert torch.equal(r.row, rows)


def test_transposing_twice_is_the_same_object(relation):
    assert relation.T.T is relation
    assert relation.T is relation.T
    assert relation.T.index.data_ptr() == relation.index_t.data_ptr()
    assert relation.T.backend == relation.backend


def test_degrees_are_the_sums_of_the_dense_matrix(relation, dense, dtype):
    torch.testing.assert_close(relation.target_degree(dtype), dense.sum(1))
    torch.testing.assert_close(relation.source_degree(dtype), dense.sum(0))


@given(relations())
def test_permutation_carries_each_edge_to_its_transpose(relation):
    value = torch.arange(relation.n_edges)
    twin = relation.T
    assert torch.equal(twin.row, relation.index[relation.perm])
    assert torch.equal(twin.index, relation.row[relation.perm])
    assert torch.equal(value[relation.perm][relation.inverse], value)
    assert torch.equal(value[relation.perm][twin.perm], value)
    assert torch.equal(to_dense(twin), to_dense(relation).t())


@given(relations())
def test_columns_rise_within_a_row(relation):
    for r in (relation, relation.T):
        key = r.row * r.n_source + r.index
        assert bool((key[1:] > key[:-1]).all())


def test_the_order_of_the_edges_does_not_matter(graph):
    one = from_list(graph.edges, graph.n_target, graph.n_source)
    other = from_list(graph.edges[::-1], graph.n_target, graph.n_source)
    assert torch.equal(one.index, other.index)
    assert torch.equal(one.perm, other.perm)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([(2, 0)], r"target indices must lie in \[0, 2\), found 2 … 2"),
        ([(-1, 0)], r"target indices must lie in \[0, 2\)"),
        ([(0, 3), (1, 1)], r"source indices must lie in \[0, 3\), found 1 … 3"),
        ([(0, -1)], r"source indices must lie in \[0, 3\)"),
        ([(0, 1), (1, 2), (0, 1)], "an edge occurs twice"),
    ],
    ids=str,
)
def test_impossible_edges_raise(edges, message):
    with pytest.raises(ValueError, match=message):
        from_list(edges, 2, 3)


@pytest.mark.parametrize(("target", "source"), [([0, 1], [0]), ([[0]], [[0]])], ids=str)
def test_lists_of_unlike_shape_raise(target, source):
    with pytest.raises(ValueError, match="must be two equal lists"):
        Relation.from_edges(torch.tensor(target), torch.tensor(source), 2, 3)


def test_moving_to_where_it_is_changes_nothing(relation, device):
    assert relation.to(relation.ptr.device) is relation


@pytest.mark.parametrize(
    ("wanted", "here", "same"),
    [
        ("cpu", "cpu", True),
        ("cuda", "cuda:0", True),
        ("cuda", "cuda:1", True),
        ("cuda:1", "cuda:1", True),
        ("cuda:1", "cuda:0", False),
        ("cuda", "cpu", False),
    ],
)
def test_a_device_without_a_number_is_any_of_its_kind(wanted, here, same):
    assert _is_at(torch.device(wanted), torch.device(here)) == same


@pytest.mark.parametrize("asked", ["auto", "torch"])
def test_moving_takes_every_index_along_and_forgets_what_was_cached(asked):
    here = Relation.from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), 2, 2, asked)
    here.T.target_degree()
    there = here.to("meta")
    for r in (there, there.T):
        names = ("ptr", "index", "row", "ptr_t", "index_t", "perm", "inverse")
        assert {getattr(r, name).device.type for name in names} == {"meta"}
    assert there.target_degree().device.type == "meta"
    assert there.backend == Backend(asked, "torch")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_there_and_back_is_the_same_relation(graph):
    here = from_list(graph.edges, graph.n_target, graph.n_source)
    there = here.to("cuda")
    assert there.to("cuda") is there
    assert torch.equal(to_dense(there.to("cpu")), to_dense(here))


def test_what_is_cached_is_made_once(relation):
    calls = []

    def make():
        calls.append(1)
        return torch.zeros(1)

    assert relation.cached("key", make) is relation.cached("key", make)
    assert len(calls) == 1


def test_a_relation_first_used_in_inference_mode_can_still_be_trained(relation, leaf):
    x = leaf(relation.n_source, 2)
    with torch.inference_mode():
        expected = spmm(relation, x)
    out = spmm(relation, x)
    torch.testing.assert_close(out.detach(), expected.clone())
    out.sum().backward()
    assert x.grad is not None
