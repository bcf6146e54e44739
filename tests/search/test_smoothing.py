"""Energy and cosine of layers, against dense formulas and in their extremes."""

import pytest
import torch

from supernet.data.dataset import Pairs
from supernet.data.graph import build_graph
from supernet.search.smoothing import dirichlet_energy, mean_cosine

GRAPH = build_graph(Pairs(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2])), 4, 5)


def test_energy_is_its_sum_over_the_edges():
    x = {
        side: torch.randn(n, 3, generator=torch.Generator().manual_seed(n)) for side, n in GRAPH.nodes.items()
    }
    degrees = {"user": [2, 1, 1, 0], "item": [1, 2, 1, 0, 0]}
    total = sum(
        (x["user"][u] / degrees["user"][u] ** 0.5 - x["item"][i] / degrees["item"][i] ** 0.5).square().sum()
        for u, i in [(0, 0), (0, 1), (1, 1), (2, 2)]
    )
    size = x["user"][:3].square().sum() + x["item"][:3].square().sum()
    (found,) = dirichlet_energy({side: [v] for side, v in x.items()}, GRAPH)
    assert found == pytest.approx(float(total / size), rel=1e-5)


def test_vectors_that_are_their_neighbours_have_no_energy():
    roots = {side: [torch.ones(n, 2)] for side, n in GRAPH.nodes.items()}
    degree = {"user": [2.0, 1, 1, 0], "item": [1.0, 2, 1, 0, 0]}
    smooth = {side: [torch.tensor(degree[side]).sqrt().unsqueeze(1) * v[0]] for side, v in roots.items()}
    assert dirichlet_energy(smooth, GRAPH)[0] == pytest.approx(0.0, abs=1e-6)
    opposed = {"user": smooth["user"], "item": [-smooth["item"][0]]}
    assert dirichlet_energy(opposed, GRAPH)[0] == pytest.approx(2.0, rel=1e-5)
    nothing = {side: [torch.zeros(n, 2)] for side, n in GRAPH.nodes.items()}
    assert dirichlet_energy(nothing, GRAPH) == [0.0]


def test_the_mean_cosine_tells_one_direction_from_many():
    many = torch.randn(300, 32, generator=torch.Generator().manual_seed(0))
    one = torch.ones(300, 32) + 0.01 * many
    history = {"user": [many, one], "item": [many, one]}
    far, near = mean_cosine(history, torch.Generator().manual_seed(0))
    assert abs(far) < 0.02
    assert near > 0.999
