"""What a design costs on this machine: a table of the milliseconds and parameters of every candidate."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from ops.mixture import Choice, Mixture
from supernet.data.graph import SIDES, Graph
from supernet.data.views import Views
from supernet.model import Recommender
from supernet.model.layer import Layer
from supernet.runtime import InputError, write_json

REPEATS = 3
"""Timed runs of each candidate, after one that is not counted; the median counts."""


@dataclass(frozen=True)
class Costs:
    """Of every candidate of every open slot: milliseconds of a forward and backward pass over the whole graph
    by itself, and the number of its parameters, of both sides where they are tied."""

    milliseconds: dict[str, list[float]]
    parameters: dict[str, list[int]]

    def expected(self, mixture: Mapping[str, Tensor]) -> Tensor:
        r"""The expected milliseconds over those of the dearest design, :math:`\sum_s \sum_k p_{sk} c_{sk} /
        \sum_s \max_k c_{sk}`; a scalar with a gradient.  Paper: FBNet, arXiv 1812.03443

        In [0, 1] where the weights of each slot sum to 1, as those of a design do. Those of the relaxation
        `sigmoid` need not: a slot may keep several candidates and pays for each, so that it can be more."""
        return _expected(self.milliseconds, mixture)

    def expected_parameters(self, mixture: Mapping[str, Tensor]) -> Tensor:
        """The expected parameters over those of the largest design, likewise; 0 where no candidate has
        any."""
        return _expected(self.parameters, mixture)

    def weighed(self, mixture: Mapping[str, Tensor], milliseconds: float, parameters: float) -> Tensor:
        """Expected milliseconds and parameters, each over the most that a design has, times these weights."""
        time, size = self.expected(mixture), self.expected_parameters(mixture)
        return milliseconds * time + parameters * size

    def of(self, numbers: Mapping[str, int]) -> tuple[float, int]:
        """Milliseconds and parameters of the design with these candidates of the open slots."""
        time_of = sum(self.milliseconds[slot][k] for slot, k in numbers.items())
        return time_of, sum(self.parameters[slot][k] for slot, k in numbers.items())

    def save(self, path: Path) -> None:
        """Write as JSON, so that a resumed search goes on with the same numbers."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> Costs:
        """Read what `save` wrote. Errors: InputError for another file."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: not a table of costs: {error}; start a new run") from None


def measure_costs(model: Recommender, graph: Graph, repeats: int = REPEATS) -> Costs:
    """Time every candidate of every open slot on vectors like those of the model."""
    runs = _runs(model, graph)
    times: dict[str, list[float]] = {}
    sizes: dict[str, list[int]] = {}
    for slot, mixtures in model.mixtures().items():
        found = zip(mixtures, runs.get(slot, [None] * len(mixtures)), strict=True)
        spent = [[_milliseconds(mix, m, run, repeats) for m in mix.candidates.values()] for mix, run in found]
        times[slot] = [sum(column) for column in zip(*spent, strict=True)]
        counts = [[mix.size_of(number) for number in range(len(mix.names))] for mix in mixtures]
        sizes[slot] = [sum(column) for column in zip(*counts, strict=True)]
    return Costs(times, sizes)


def _expected(table: Mapping[str, Sequence[float]], mixture: Mapping[str, Tensor]) -> Tensor:
    most = sum(max(row) for row in table.values())
    shares = [p @ p.new_tensor(table[slot]) for slot, p in mixture.items()]
    return torch.stack(shares).sum() / max(most, 1e-9)


Run = Callable[[nn.Module], Tensor]
"""A candidate → its output on the inputs of its slot."""


def _runs(model: Recommender, graph: Graph) -> dict[str, list[Run | None]]:
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)

    def vectors(side: str) -> Tensor:
        shape = (graph.nodes[side], model.dim)
        return torch.randn(shape, generator=generator).to(device).requires_grad_()

    x = {side: vectors(side) for side in graph.nodes}
    runs: dict[str, list[Run | None]] = {}
    for sides in model.layers:
        for side, layer in cast(nn.ModuleDict, sides).items():
            own = cast(Layer, layer)
            for link in own.links(graph):
                run = _aggregate(x[link.source], x[side], link.relation)
                runs.setdefault(own.names[link.name], []).append(run)
            runs.setdefault(own.convolve_slot, []).append(_on(x[side], x[side] + 1, x[side]))
            runs.setdefault(own.activation_slot, []).append(_on(x[side]))
    for side in SIDES:
        features = cast(Mixture, model.features[side])
        runs[f"features/{side}"] = [_feature(features, graph.views.get(side))]
        layers = [x[side]] * (model.space.layers + 1)
        runs.setdefault("readout", []).append(_on(layers))
    return runs


def _feature(features: Mixture, views: Views | None) -> Run:
    """By the slot, which holds the ids and projects the views."""
    modules = list(features.candidates.values())
    return lambda module: cast(Tensor, features(Choice(modules.index(module)), views))


def _aggregate(source: Tensor, target: Tensor, relation: object) -> Run:
    return lambda module: cast(Tensor, module(source, target, relation))


def _on(*inputs: Tensor | Sequence[Tensor]) -> Run:
    return lambda module: cast(Tensor, module(*inputs))


def _milliseconds(mixture: Mixture, module: nn.Module, run: Run | None, repeats: int) -> float:
    if run is None:  # scores: computed for the batch alone
        return 0.0
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        out = run(module)
        if out.requires_grad:
            out.sum().backward()
        if out.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
        mixture.zero_grad(set_to_none=True)
    return statistics.median(times[1:])
