from itertools import pairwise

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from ops.segment import edge_attention, edge_softmax, plain_edge_attention, segment_sum, to_edges

H = 2


def split(relation, value):
    """The rows of `value` target by target."""
    return [value[a:b] for a, b in pairwise(relation.ptr.tolist())]


def dense_softmax(relation, score):
    """One ordinary softmax per target, in a Python loop."""
    return torch.cat([rows.softmax(dim=0) for rows in split(relation, score)])


def test_segment_sum_adds_the_edges_of_each_target(relation, leaf, assert_same):
    value = leaf(relation.n_edges, H)
    expected = torch.stack([rows.sum(0) for rows in split(relation, value)])
    assert_same(segment_sum(relation, value), expected, [value])


def test_to_edges_reads_the_target_of_each_edge(relation, leaf, assert_same):
    value = leaf(relation.n_target, H)
    degrees = relation.ptr.diff().tolist()
    expected = torch.cat([row.expand(d, H) for row, d in zip(value, degrees, strict=True)])
    assert_same(to_edges(relation, value), expected, [value])


@pytest.mark.parametrize("scale", [1, 100])  # 100 overflows a naive exp
def test_edge_softmax_is_one_softmax_per_target(scale, relation, leaf, assert_same):
    score = leaf(relation.n_edges, H, scale=scale)
    assert_same(edge_softmax(relation, score), dense_softmax(relation, score), [score])


def test_edge_softmax_sums_to_one_where_there_is_an_edge(relation, leaf, dtype):
    total = segment_sum(relation, edge_softmax(relation, leaf(relation.n_edges, H, scale=100)))
    torch.testing.assert_close(total, (relation.target_degree(dtype) > 0).to(total)[:, None].expand(-1, H))


def test_a_shift_of_a_targets_scores_changes_nothing(relation, leaf):
    score, shift = leaf(relation.n_edges, H), leaf(relation.n_target, H, scale=50)
    moved = edge_softmax(relation, score + to_edges(relation, shift))
    torch.testing.assert_close(moved, edge_softmax(relation, score), rtol=1e-4, atol=1e-5)


def test_the_gradient_of_a_plain_sum_is_read_right(relation, leaf):
    value, score = leaf(relation.n_edges, H), leaf(relation.n_edges, H)
    segment_sum(relation, value).sum().backward()
    torch.testing.assert_close(value.grad, torch.ones_like(value))
    edge_softmax(relation, score).sum().backward()
    torch.testing.assert_close(score.grad, torch.zeros_like(score))


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
@pytest.mark.parametrize("graph", ["ordinary", "empty rows", "hub"], indirect=True)
def test_all_are_differentiable_twice(relation, leaf):
    edges, nodes = leaf(relation.n_edges, H), leaf(relation.n_target, H)
    for check in (gradcheck, gradgradcheck):
        assert check(lambda v: segment_sum(relation, v) ** 2, edges)
        assert check(lambda v: to_edges(relation, v) ** 2, nodes)
        assert check(lambda v: edge_softmax(relation, v), edges)


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
@pytest.mark.parametrize("constant", [0, 1], ids=["source", "target"])
def test_attention_of_a_constant_side_is_differentiable_twice(relation, constant, leaf, assert_same_twice):
    sides = [leaf(H, relation.n_source), leaf(H, relation.n_target)]
    sides[constant].requires_grad_(False)
    found, plain = (f(relation, *sides, 0.2) for f in (edge_attention, plain_edge_attention))
    assert_same_twice(found, plain, [sides[1 - constant]])
