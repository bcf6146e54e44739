"""Search steps of one model on random batches: ours in every cost mode, unfolded, and of PyG's layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.rivals import PyGMixture
from ops.aggregate import NoMessage
from ops.mixture import (
    ActivationMixture,
    AggregateMixture,
    ConvolveMixture,
    Mixture,
    ReadoutMixture,
)
from ops.readout import Concat
from supernet.config import load_space
from supernet.data.dataset import Pairs
from supernet.data.graph import Graph
from supernet.data.sampling import Batch
from supernet.model import Recommender
from supernet.pipeline.stages import space_of
from supernet.search.relaxations import mix, partial, paths
from supernet.training.fit import adam
from supernet.training.losses import batch_loss, step_loss
from supernet.training.recipe import Recipe

BATCH = 4096
RECIPE = Recipe(loss="softmax", temperature=0.15, in_batch=True, negatives=0, batch_size=BATCH, lr=3e-3)
CASES = ("lightgcn", "dense", "alpha", "sampled", "partial", "naive", "pyg")


class Stepper:
    """Weight and alpha steps of one model on random batches."""

    def __init__(self, space: str, layers: int, dim: int, graph: Graph, pairs: Pairs) -> None:
        self.graph, self.pairs = graph, pairs
        self.generator = torch.Generator().manual_seed(0)
        chosen = replace(space_of(load_space(space)), layers=layers)
        self.model = Recommender(chosen, graph.nodes, dim, torch.Generator().manual_seed(0))
        self.optimiser = adam(self.model.weights(), RECIPE.lr)
        self.alphas = dict(self.model.alphas.items())

    def batch(self) -> Batch:
        """Random pairs."""
        chosen = torch.randint(self.pairs.users.numel(), (BATCH,), generator=self.generator)
        return Batch(self.pairs.users[chosen], self.pairs.items[chosen], chosen[:0])

    def weight(self, cost: str = "dense") -> None:
        """One Adam step of the weights."""
        weights = mix(self.alphas, "softmax", 1.0, detach=True)
        if cost == "sampled":
            weights = paths(self.alphas, "softmax", 1.0, self.generator, detach=True)
        if cost == "partial":
            weights = partial(weights, self.model.dim, 0.25, self.generator)
        self._descend(step_loss(self.model, self.graph, self.batch(), RECIPE, weights))

    def naive(self) -> None:
        """The same, each candidate computed on its own for every node."""
        weights = mix(self.alphas, "softmax", 1.0, detach=True)
        with unfolded(self.model):
            vectors = self.model(self.graph, weights)
        self._descend(batch_loss(self.model, vectors, self.batch(), RECIPE, weights))

    def alpha(self) -> None:
        """The gradient of the alphas."""
        weights = mix(self.alphas, "softmax", 1.0)
        loss = step_loss(self.model, self.graph, self.batch(), RECIPE, weights)
        torch.autograd.grad(loss, list(self.alphas.values()))

    def _descend(self, loss: Tensor) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()


class unfolded:  # noqa: N801
    """Within it the mixtures of a model compute Σ_k f_k candidate_k, one candidate after the other."""

    def __init__(self, model: Recommender) -> None:
        kinds = (AggregateMixture, ConvolveMixture, ActivationMixture, ReadoutMixture)
        self.slots = [m for m in model.modules() if isinstance(m, kinds) and m.only is None]

    def __enter__(self) -> None:
        for slot in self.slots:
            slot.forward = _one_by_one(slot)

    def __exit__(self, *_: object) -> None:
        for slot in self.slots:
            del slot.forward


def _one_by_one(slot: Mixture) -> Callable[..., Tensor]:
    def forward(*inputs: object) -> Tensor:
        *given, p = inputs
        factors = slot.factors(p)
        modules = list(slot.candidates.values())
        kept = [k for k, m in enumerate(modules) if not isinstance(m, NoMessage | Concat)]
        out = sum(factors[k] * modules[k](*given) for k in kept)
        for k, m in enumerate(modules):
            if isinstance(m, Concat):
                wide = factors[k] * m(*given)
                out = wide + F.pad(out, (0, wide.shape[1] - out.shape[1]))
        return out

    return forward


class PyGStepper(Stepper):
    """Weight steps of the mixture of PyG layers, under the same loss."""

    def __init__(self, layers: int, dim: int, graph: Graph, pairs: Pairs) -> None:
        super().__init__("lightgcn", layers, dim, graph, pairs)
        self.mixture = PyGMixture(graph, layers, dim)
        self.optimiser = adam(list(self.mixture.parameters()), RECIPE.lr)

    def step(self) -> None:
        """One Adam step."""
        self._descend(batch_loss(self.model, self.mixture(), self.batch(), RECIPE))


OF_FULL: dict[str, Callable[[Stepper], None]] = {
    "dense": Stepper.weight,
    "alpha": Stepper.alpha,
    "sampled": lambda full: full.weight("sampled"),
    "partial": lambda full: full.weight("partial"),
    "naive": Stepper.naive,
}
"""Case → the step that one model of the full space takes."""


def steppers(layers: int, dim: int, graph: Graph, pairs: Pairs, names: Sequence[str]) -> dict[str, Callable]:
    """The step of each named case; models that no case asks for are not built."""
    found: dict[str, Callable[[], None]] = {}
    if "lightgcn" in names:
        found["lightgcn"] = Stepper("lightgcn", layers, dim, graph, pairs).weight
    if any(name in OF_FULL for name in names):
        full = Stepper("full", layers, dim, graph, pairs)
        found |= {name: lambda step=step: step(full) for name, step in OF_FULL.items() if name in names}
    if "pyg" in names:
        found["pyg"] = PyGStepper(layers, dim, graph, pairs).step
    return found
