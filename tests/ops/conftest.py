"""Small graphs whose dense matrix a reader can write down, and the comparison of values and gradients."""

from typing import NamedTuple

import pytest
import torch

from ops.backend import kernels_installed
from ops.relation import Relation

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


class Graph(NamedTuple):
    n_target: int
    n_source: int
    edges: list  # (target, source), in no order


GRAPHS = {
    "ordinary": Graph(4, 3, [(2, 1), (0, 2), (3, 2), (0, 0), (1, 1), (2, 0)]),
    "empty rows": Graph(6, 3, [(4, 0), (1, 2), (4, 2), (2, 1), (1, 0)]),
    "empty columns": Graph(3, 6, [(2, 4), (0, 1), (1, 1), (0, 4), (2, 2)]),
    "single edge": Graph(3, 2, [(1, 1)]),
    "no edges": Graph(3, 2, []),
    "hub": Graph(7, 6, [(3, j) for j in (5, 0, 2, 1, 4, 3)] + [(i, 2) for i in (6, 0, 5, 1, 2, 4)]),
}


@pytest.fixture(params=list(GRAPHS))
def graph(request):
    return GRAPHS[request.param]


@pytest.fixture(params=["torch", "scatter"])
def backend(request):
    if request.param == "scatter" and not kernels_installed():
        pytest.skip("torch-scatter and torch-sparse are not installed")
    return request.param


@pytest.fixture
def relation(graph, backend, device):
    target, source = torch.tensor(graph.edges, dtype=torch.int64, device=device).reshape(-1, 2).t()
    return Relation.from_edges(target, source, graph.n_target, graph.n_source, backend)


@pytest.fixture
def dense(graph, dtype, device):
    """The 0/1 matrix N_dst × N_src of the graph."""
    matrix = torch.zeros(graph.n_target, graph.n_source, dtype=dtype, device=device)
    for i, j in graph.edges:
        matrix[i, j] = 1
    return matrix


@pytest.fixture
def leaf(dtype, device):
    """Makes random tensors that want a gradient."""
    generator = torch.Generator().manual_seed(0)

    def make(*shape, scale=1.0):
        value = scale * torch.randn(*shape, generator=generator, dtype=torch.float64)
        return value.to(device, dtype).requires_grad_()

    return make


@pytest.fixture
def initialised(dtype, device):
    """Fills the weights of a module, and moves it to the test's device and precision."""

    def initialise(module):
        generator = torch.Generator().manual_seed(1)
        for part in module.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters(generator)
        for weight in module.parameters():  # zeros at the start would hide a wrong gradient
            weight.data += 0.1 * torch.randn(weight.shape, generator=generator)
        return module.to(device, dtype)

    return initialise


@pytest.fixture
def assert_same():
    """Checks two results, and their gradients to every leaf for one random cotangent."""

    def check(actual, expected, leaves, note=""):
        tolerance = TOLERANCE[actual.dtype]

        def close(a, b, what):
            torch.testing.assert_close(
                a, b, rtol=tolerance, atol=tolerance, msg=lambda text: f"{note} {what}: {text}"
            )

        close(actual, expected, "value")
        cotangent = torch.randn(actual.shape, generator=torch.Generator().manual_seed(2)).to(actual)
        got, wanted = gradients(actual, leaves, cotangent), gradients(expected, leaves, cotangent)
        for k, (a, b) in enumerate(zip(got, wanted, strict=True)):
            close(a, b, f"gradient to leaf {k}")

    return check


def gradients(out, leaves, cotangent):
    """The gradient to each leaf, zeros where there is none."""
    if not out.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return torch.autograd.grad(
        out, leaves, cotangent, retain_graph=True, allow_unused=True, materialize_grads=True
    )


@pytest.fixture
def assert_same_twice():
    """Checks gradients that can be differentiated, and the gradients of those."""

    def check(actual, expected, leaves):
        found = [derivatives(out, leaves) for out in (actual, expected)]
        for order, (got, wanted) in enumerate(zip(*found, strict=True), start=1):
            for k, (a, b) in enumerate(zip(got, wanted, strict=True)):
                torch.testing.assert_close(
                    a, b, msg=lambda text, k=k, n=order: f"order {n}, leaf {k}: {text}"
                )

    return check


def derivatives(out, leaves):
    """Of the sum of squares to each leaf; and of the sum of the squares of these."""
    options = {"allow_unused": True, "materialize_grads": True}
    if not out.requires_grad:
        return [[torch.zeros_like(leaf) for leaf in leaves]] * 2
    first = torch.autograd.grad(out.square().sum(), leaves, create_graph=True, **options)
    total = sum((k + 1) * g.square().sum() for k, g in enumerate(first))
    return first, gradients(total, leaves, torch.ones_like(total))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """What runs by blocks of rows runs by several."""
    for place in ("ops.kernels.ROWS", "ops.convolve.base.ROWS"):
        monkeypatch.setattr(place, 2)
