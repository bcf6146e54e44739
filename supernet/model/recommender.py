"""The recommender: features, layers of messages over a graph, read-out, score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from ops.mixture import ActivationMixture, AggregateMixture, ConvolveMixture, ReadoutMixture, ScoreMixture
from supernet.data.graph import ITEM, SIDES, USER, Graph
from supernet.features import FeatureMixture
from supernet.space import SearchSpace

Weights = Mapping[str, Tensor]
"""Slot → mixture (K,): what `search.relaxations` makes of the alphas. Empty where every slot is fixed."""


class Vectors(NamedTuple):
    """What a model knows of users and items, (N_users, D') and (N_items, D')."""

    user: Tensor
    item: Tensor


class Dropout(NamedTuple):
    """Message dropout: each entry of a layer's output is zeroed with this probability (NGCF, section
    2.4.2)."""

    rate: float
    generator: torch.Generator

    def __call__(self, x: Tensor) -> Tensor:
        """Zero entries and rescale the rest. Shapes: (N, D) -> (N, D)."""
        keep = torch.empty_like(x).bernoulli_(1 - self.rate, generator=self.generator)
        return x * keep.div_(1 - self.rate)


class Layer(nn.Module):
    """One layer at one side: messages of all relations, summed; convolution; activation.

    Shapes: {kind: (N_kind, D)} -> (N_side, D).
    """

    def __init__(self, space: SearchSpace, layer: int, side: str, dim: int) -> None:
        super().__init__()
        candidates = space.candidates()
        self.side = side
        self.names = {
            relation: space.slot("aggregate", layer, side, relation) for relation in space.relations
        }
        self.aggregate = nn.ModuleDict(
            {relation: AggregateMixture(candidates[slot], dim) for relation, slot in self.names.items()}
        )
        self.convolve_slot = space.slot("convolve", layer, side)
        self.convolve = ConvolveMixture(candidates[self.convolve_slot], dim)
        self.activation_slot = space.slot("activation", layer, side)
        self.activation = ActivationMixture(candidates[self.activation_slot], dim)

    def forward(self, x: Mapping[str, Tensor], graph: Graph, weights: Weights) -> Tensor:
        """The layer's output for its side."""
        messages = [
            self.aggregate[link.name](
                x[link.source], x[self.side], link.relation, weights.get(self.names[link.name])
            )
            for link in graph.into(self.side)
        ]
        message = messages[0] if len(messages) == 1 else torch.stack(messages).sum(dim=0)
        out = self.convolve(x[self.side], message, weights.get(self.convolve_slot))
        return cast(Tensor, self.activation(out, weights.get(self.activation_slot)))


class Recommender(nn.Module):
    """A model of a search space: a supernet where slots are open, a derived model or baseline where all are
    fixed.

    Alphas are Parameters (in the state_dict), one vector for each open slot, zero at first. Sides have
    weights of their own; tied sides share alphas, not weights. The graph is given to `forward`, not kept: a
    model refits and serves on other graphs than it was searched on.

    nodes: number of nodes of each kind. dim: embedding size, D. generator: draws the initial weights.
    """

    def __init__(
        self, space: SearchSpace, nodes: Mapping[str, int], dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        candidates = space.candidates()
        self.space = space
        self.features = nn.ModuleDict(
            {side: FeatureMixture(candidates[f"features/{side}"], nodes[side], dim) for side in SIDES}
        )
        self.layers = nn.ModuleList(
            nn.ModuleDict({side: Layer(space, layer, side, dim) for side in SIDES})
            for layer in range(1, space.layers + 1)
        )
        self.readout = nn.ModuleDict(
            {side: ReadoutMixture(candidates["readout"], dim, space.layers) for side in SIDES}
        )
        width = cast(ReadoutMixture, self.readout[USER]).width
        self.score = ScoreMixture(candidates["score"], width)
        self.alphas = nn.ParameterDict(
            {slot: nn.Parameter(torch.zeros(len(names))) for slot, names in space.choices().items()}
        )
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights anew; alphas become zero."""
        for module in self.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset) and module is not self:
                reset(generator)
        for alpha in self.alphas.values():
            nn.init.zeros_(alpha)

    def weights(self) -> list[nn.Parameter]:
        """All parameters but the alphas."""
        alphas = {id(alpha) for alpha in self.alphas.values()}
        return [parameter for parameter in self.parameters() if id(parameter) not in alphas]

    def forward(
        self, graph: Graph, weights: Weights | None = None, dropout: Dropout | None = None
    ) -> Vectors:
        """Vectors of all users and items. `weights` holds the mixture of every open slot."""
        weights = weights or {}
        x = {side: self.features[side](weights.get(f"features/{side}")) for side in SIDES}
        history = {side: [x[side]] for side in SIDES}
        for layer in self.layers:
            x = {side: cast(nn.ModuleDict, layer)[side](x, graph, weights) for side in SIDES}
            if dropout is not None:
                x = {side: dropout(value) for side, value in x.items()}
            for side in SIDES:
                history[side].append(x[side])
        p = weights.get("readout")
        return Vectors(*(self.readout[side](history[side], p) for side in (USER, ITEM)))
