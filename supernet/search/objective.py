"""What the alphas are judged by: the loss of held-out pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from supernet.data.graph import Graph
from supernet.data.sampling import Batch
from supernet.model import Recommender
from supernet.model.recommender import Weights
from supernet.training.losses import batch_loss
from supernet.training.recipe import Recipe

GRID = torch.logspace(-2, 3, 41)
"""Scales tried when the temperature is first set: a thirteenth of a decade apart."""


class AlphaObjective:
    """The loss of an alpha step.

    kind "training": the recipe's own loss. kind "ranking": the same loss on the scores that will rank (the
    dot product,
    say, where the weights are trained on cosines), times a scale that is learnt with the alphas: an
    objective at a fixed
    temperature prefers architectures whose scores happen to have the right size. `log_scale` is one number,
    set by a
    grid at the first alpha step.
    """

    def __init__(self, kind: str, recipe: Recipe) -> None:
        self.free = kind == "ranking"
        self.recipe = replace(recipe, similarity="score", temperature=1.0) if self.free else recipe
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.ready = not self.free

    def parameters(self) -> list[Tensor]:
        """What is learnt beside the alphas."""
        return [self.log_scale] if self.free else []

    def __call__(self, model: Recommender, graph: Graph, batch: Batch, mixture: Weights) -> Tensor:
        """The loss of a batch of alpha pairs; a scalar."""
        vectors = model(graph, mixture)
        if not self.ready:
            with torch.no_grad():
                losses = [batch_loss(model, vectors, batch, self.recipe, mixture, scale) for scale in GRID]
                self.log_scale.copy_(GRID[int(torch.stack(losses).argmin())].log())
            self.ready = True
        scale = self.log_scale.exp().to(vectors.user.device) if self.free else None
        return batch_loss(model, vectors, batch, self.recipe, mixture, scale)

    def state_dict(self) -> dict[str, Any]:
        """The scale, and whether it was set."""
        return {"log_scale": self.log_scale.detach(), "ready": self.ready}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.log_scale.data.copy_(state["log_scale"])
        self.ready = state["ready"]
