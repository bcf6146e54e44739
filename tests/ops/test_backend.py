import pytest
import torch

from ops import backend
from ops.backend import Backend, choose_backend

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
