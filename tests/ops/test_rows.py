"""A relation of some rows gives what the whole one gives for them, whatever the operator."""

import pytest
import torch

from ops.aggregate import AGGREGATORS
from ops.mixture import AggregateMixture, calibrating

DIM = 4
SUBSETS = ["all", "every other", "last", "none"]


@pytest.fixture(params=SUBSETS)
def rows(request, relation):
    every = torch.arange(relation.n_target, device=relation.ptr.device)
    return {"all": every, "every other": every[::2], "last": every[-1:], "none": every[:0]}[request.param]


@pytest.mark.parametrize("name", [*AGGREGATORS, "mixture"])
def test_rows_alone_are_rows_of_the_whole(name, relation, rows, leaf, initialised, assert_same):
    mixed = name == "mixture"
    module = initialised(AggregateMixture(list(AGGREGATORS), DIM) if mixed else AGGREGATORS[name](DIM))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    p = leaf(len(AGGREGATORS)).detach().softmax(0).requires_grad_()
    more = (p,) if mixed else ()
    if mixed and relation.n_edges:
        with calibrating(module):
            module(source, target, relation, p)
    actual = module(source, target[rows], relation.rows(rows), *more)
    expected = module(source, target, relation, *more)[rows]
    assert_same(actual, expected, [source, target, *module.parameters(), *more], note=name)


def test_its_parts_are_consistent(relation, rows):
    part = relation.rows(rows)
    assert part.n_target == len(rows)
    assert part.n_source == relation.n_source
    assert torch.equal(part.ptr.diff(), relation.ptr.diff()[rows])
    assert torch.equal(part.index.index_select(0, part.perm), part.T.row)
    assert torch.equal(part.row.index_select(0, part.perm), part.index_t)
    assert torch.equal(part.perm[part.inverse], torch.arange(part.n_edges, device=part.perm.device))
    assert torch.equal(part.ptr_t.diff(), torch.bincount(part.index, minlength=part.n_source))
