import pytest
import torch

from ops import backend
from ops.backend import Backend, choose_backend, kernels_installed
from ops.relation import Relation
from ops.segment import edge_softmax, segment_sum
from ops.spmm import sddmm, spmax, spmm

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(params=[True, False], ids=["kernels", "no kernels"])
def installed(request, monkeypatch):
    monkeypatch.setattr(backend, "kernels_installed", lambda: request.param)
    return request.param


def test_auto_is_torch_on_the_cpu(installed):
    assert choose_backend("auto", CPU) == Backend("auto", "torch")


def test_auto_is_scatter_on_cuda_where_it_is_installed(installed):
    assert choose_backend("auto", CUDA) == Backend("auto", "scatter" if installed else "torch")


def test_torch_is_always_there(installed):
    for device in (CPU, CUDA):
        assert choose_backend("torch", device) == Backend("torch", "torch")


def test_scatter_is_used_or_says_how_to_get_it(installed):
    if installed:
        assert choose_backend("scatter", CPU) == Backend("scatter", "scatter")
    else:
        with pytest.raises(ValueError, match=r"needs torch-scatter and torch-sparse; run `make kernels`"):
            choose_backend("scatter", CPU)


def test_an_unknown_word_lists_the_choices():
    with pytest.raises(ValueError, match="unknown backend 'cuda'; choose from: auto, torch, scatter"):
        choose_backend("cuda", CPU)


@pytest.mark.skipif(not kernels_installed(), reason="torch-scatter and torch-sparse are not installed")
def test_both_agree_on_a_graph_of_ordinary_size(leaf, device, assert_same):
    """Wide enough for the vector instructions, and the blocks of threads, that toy graphs never reach."""
    chosen = torch.rand(300, 200, generator=torch.Generator().manual_seed(6)) < 0.05
    chosen[::7] = False
    target, source = chosen.nonzero().to(device).t()
    x, y, weight, score = leaf(200, 67), leaf(300, 67), leaf(len(target)), leaf(len(target), 3)
    results = []
    for name in ("scatter", "torch"):
        relation = Relation.from_edges(target, source, 300, 200, name)
        softmax = edge_softmax(relation, score)
        results.append(
            [
                (spmm(relation, x, weight), [x, weight]),
                (spmax(relation, x), [x]),
                (sddmm(relation, y, x), [y, x]),
                (softmax, [score]),
                (segment_sum(relation, score), [score]),
            ]
        )
    for (a, leaves), (b, _) in zip(*results, strict=True):
        assert_same(a, b, leaves)
