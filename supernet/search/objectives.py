"""What the alphas learn from: pairs that were held out, or no labels at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ops.registry import Registry
from ops.sphere import unit_rows
from ops.uniformity import uniformity
from supernet.data.dataset import Dataset
from supernet.data.graph import ITEM, SIDES, Graph
from supernet.data.sampling import Batch, Batches
from supernet.model import Recommender
from supernet.model.layer import Weights
from supernet.search.settings import SearchSettings
from supernet.training.fit import draw_batch
from supernet.training.losses import SHARED, step_loss
from supernet.training.recipe import Recipe

HOTTEST, COLDEST = 2.0, 0.02
"""Bounds of a temperature that is learnt."""


class HeldOut:
    """The recipe's loss of pairs of the alpha part, in batches.

    With settings.alpha_temperature="learned" the temperature of the softmax losses is one more alpha, T in
    [COLDEST, HOTTEST] from the recipe's on: so a design is not judged by how well its vectors suit a
    temperature that somebody chose. Losses without a temperature keep their scale.
    """

    def __init__(
        self,
        model: Recommender,
        graph: Graph,
        data: Dataset,
        recipe: Recipe,
        settings: SearchSettings,
        generator: torch.Generator,
    ) -> None:
        self.model, self.graph, self.recipe, self.generator = model, graph, recipe, generator
        self.seen = data.seen(["train", "alpha"])
        self.batches = Batches(data.parts["alpha"], settings.alpha_batch_size, generator)
        learned = settings.alpha_temperature == "learned" and recipe.loss in SHARED
        self.log_temperature: Tensor | None = None
        if learned:
            start = torch.tensor(math.log(recipe.temperature), device=next(model.parameters()).device)
            self.log_temperature = start.requires_grad_()
            self.unit = replace(
                recipe,
                temperature=1.0,
                positive_temperature=recipe.positive_temperature / recipe.temperature,
            )
        self.batch: Batch | None = None

    @property
    def temperature(self) -> float:
        """The temperature that the alpha loss has now."""
        if self.log_temperature is None:
            return self.recipe.temperature
        return float(self.log_temperature.detach().exp())

    def parameters(self) -> list[Tensor]:
        """What is learnt beside the alphas."""
        return [] if self.log_temperature is None else [self.log_temperature]

    def bound(self) -> None:
        """Bring a learnt temperature back into its bounds; for after a step."""
        if self.log_temperature is not None:
            self.log_temperature.detach().clamp_(math.log(COLDEST), math.log(HOTTEST))

    def draw(self) -> None:
        """Go on to the next batch."""
        nodes = self.graph.nodes[ITEM]
        self.batch = draw_batch(self.batches, self.seen, nodes, self.recipe, self.generator)

    def __call__(self, slots: Weights) -> Tensor:
        """The loss of the batch; a scalar."""
        assert self.batch is not None, "draw() first"
        if self.log_temperature is None:
            return step_loss(self.model, self.graph, self.batch, self.recipe, slots)
        sharpness = self.log_temperature.neg().exp()
        return step_loss(self.model, self.graph, self.batch, self.unit, slots, sharpness=sharpness)

    def state_dict(self) -> dict[str, Any]:
        """Sampler and learnt temperature."""
        learned = None if self.log_temperature is None else self.log_temperature.detach().clone()
        return {"batches": self.batches.state_dict(), "log_temperature": learned}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.batches.load_state_dict(state["batches"])
        if self.log_temperature is not None:
            with torch.no_grad():
                self.log_temperature.copy_(state["log_temperature"])


class Contrastive:
    r"""Alignment of two augmented views of a node, uniformity among nodes; no held-out pair is read.

    .. math:: \frac{1}{|V|} \sum_{v \in V} \|z'_v - z''_v\|^2 + \frac{\gamma}{2} (U(z') + U(z''))

    for users and for items, added up: z', z'' of length 1, from two graphs without a share of the edges
    (settings.view_dropout), V a sample of settings.alpha_batch_size nodes a side, γ = recipe.uniformity, U as
    in `ops.uniformity`.  Papers: arXiv 2005.10242; unsupervised architecture search: arXiv 2003.12056
    """

    temperature = 0.0

    def __init__(
        self,
        model: Recommender,
        graph: Graph,
        data: Dataset,
        recipe: Recipe,
        settings: SearchSettings,
        generator: torch.Generator,
    ) -> None:
        self.model, self.graph, self.recipe, self.generator = model, graph, recipe, generator
        self.size, self.rate = settings.alpha_batch_size, settings.view_dropout
        self.rows: dict[str, Tensor] = {}

    def parameters(self) -> list[Tensor]:
        """None beside the alphas."""
        return []

    def bound(self) -> None:
        """Nothing to bound."""

    def draw(self) -> None:
        """Go on to the next nodes."""
        device = next(self.model.parameters()).device
        for side in SIDES:
            drawn = torch.randperm(self.graph.nodes[side], generator=self.generator)[: self.size]
            self.rows[side] = drawn.sort().values.to(device)

    def __call__(self, slots: Weights) -> Tensor:
        """The loss of the nodes; a scalar."""
        thinned = [self.graph.thinned(self.rate, self.generator) for _ in range(2)]
        views = [self.model(graph, slots, rows=self.rows) for graph in thinned]
        terms = []
        for one, two in zip(*views, strict=True):
            a, b = unit_rows(one), unit_rows(two)
            terms.append((a - b).square().sum(dim=1).mean())
            if len(a) > 1:
                terms.append(self.recipe.uniformity / 2 * (uniformity(a) + uniformity(b)))
        return torch.stack(terms).sum()

    def state_dict(self) -> dict[str, Any]:
        """The generator."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.generator.set_state(state["generator"])


Objective = HeldOut | Contrastive
OBJECTIVES: Registry[Callable[..., Objective]] = Registry("search objective")
OBJECTIVES.register("held_out")(HeldOut)
OBJECTIVES.register("contrastive")(Contrastive)
