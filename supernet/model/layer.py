"""One layer of the recommender: messages over a graph, convolution, activation."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ops.aggregate import LinearAggregator, NoMessage
from ops.convolve import InitialResidual, Light
from ops.mixture import ActivationMixture, AggregateMixture, ConvolveMixture, Mix, Mixture
from ops.propagate import Arrow, Operator, Step
from supernet.data.graph import SIDES, Graph, Link
from supernet.space import SearchSpace

Weights = Mapping[str, Mix]
"""Slot → mixture (K,), or one candidate: what `search.relaxations` makes of the alphas. Empty where every
slot is fixed."""


class Layer(nn.Module):
    """One layer at one side: messages of all relations, summed; convolution; activation.

    Shapes: {kind: (N_kind, D)} -> (N_side, D).
    """

    def __init__(self, space: SearchSpace, layer: int, side: str, dim: int) -> None:
        super().__init__()
        candidates = space.candidates()
        self.side = side
        self.names = {
            relation: space.slot("aggregate", layer, side, relation)
            for relation in space.relations_into(side)
        }
        self.aggregate = nn.ModuleDict(
            {relation: AggregateMixture(candidates[slot], dim) for relation, slot in self.names.items()}
        )
        self.convolve_slot = space.slot("convolve", layer, side)
        self.convolve = ConvolveMixture(candidates[self.convolve_slot], dim)
        self.activation_slot = space.slot("activation", layer, side)
        self.activation = ActivationMixture(candidates[self.activation_slot], dim)
        self.auxiliary_skip = 0.0

    def mixtures(self) -> dict[str, Mixture]:
        """Slot → mixture."""
        found = {slot: cast(Mixture, self.aggregate[relation]) for relation, slot in self.names.items()}
        return found | {self.convolve_slot: self.convolve, self.activation_slot: self.activation}

    def forward(
        self,
        x: Mapping[str, Tensor],
        initial: Tensor,
        graph: Graph,
        weights: Weights,
        rows: Tensor | None = None,
    ) -> Tensor:
        """The layer's output for its side; of the nodes `rows` alone, where given, (R, D). initial: the
        features of the same nodes."""
        target = x[self.side] if rows is None else x[self.side].index_select(0, rows)
        with torch.autocast(target.device.type, enabled=False):  # sparse products stay in float32
            messages = [self._message(x, target, link, weights, rows) for link in self.links(graph)]
        return self._joined(target, messages, initial, weights)

    def received(
        self,
        x: Mapping[str, Tensor],
        target: Tensor,
        initial: Tensor,
        links: Mapping[str, Link],
        weights: Weights,
    ) -> Tensor:
        """The layer's output for nodes that are not in the graph, of its side: their own vectors below it
        (N', D), and by relation the links N' × N_source that they receive by."""
        messages = [
            cast(AggregateMixture, self.aggregate[name])(
                x[links[name].source], target, links[name].relation, weights.get(slot)
            )
            for name, slot in self.names.items()
        ]
        return self._joined(target, messages, initial, weights)

    def _joined(
        self, target: Tensor, messages: Sequence[Tensor], initial: Tensor, weights: Weights
    ) -> Tensor:
        with torch.autocast(target.device.type, enabled=False):
            message = functools.reduce(torch.add, messages)
        out = self.convolve(target, message, initial, weights.get(self.convolve_slot))
        if self.auxiliary_skip:
            out = torch.add(out, target, alpha=self.auxiliary_skip)
        return cast(Tensor, self.activation(out, weights.get(self.activation_slot)))

    def links(self, graph: Graph) -> list[Link]:
        """The links that it reads, in the order of the space; the graph may have others too."""
        return [graph.link(relation, self.side) for relation in self.names]

    def _message(
        self,
        x: Mapping[str, Tensor],
        target: Tensor,
        link: Link,
        weights: Weights,
        rows: Tensor | None,
    ) -> Tensor:
        slot = cast(AggregateMixture, self.aggregate[link.name])
        source, p = x[link.source], weights.get(self.names[link.name])
        if rows is None:
            return slot(source, target, link.relation, p)
        if crowded(rows, link.relation.n_target):
            return slot(source, x[self.side], link.relation, p).index_select(0, rows)
        return slot(source, target, link.relation.rows(rows), p)

    def share(self, weights: Weights) -> float | None:
        """How much of the features the layer keeps, where it is light or a residual without activation; else
        None."""
        convolve = self.convolve.chosen(weights.get(self.convolve_slot))
        activation = self.activation.chosen_name(weights.get(self.activation_slot))
        plain = isinstance(convolve, Light | InitialResidual) and activation == "identity"
        if not plain or self.auxiliary_skip:
            return None
        return convolve.share if isinstance(convolve, InitialResidual) else 0.0

    def arrows(self, graph: Graph, weights: Weights, dtype: torch.dtype) -> Step | None:
        """The messages as fixed operators, where all are linear; else None."""
        found = []
        for link in self.links(graph):
            operator = self._operator(link, weights, dtype)
            if operator is None or link.source not in SIDES:
                return None
            found.append(Arrow(SIDES.index(self.side), SIDES.index(link.source), operator))
        return tuple(found)

    def _operator(self, link: Link, weights: Weights, dtype: torch.dtype) -> Operator | None:
        slot = cast(AggregateMixture, self.aggregate[link.name])
        aggregate = slot.chosen(weights.get(self.names[link.name]))
        if isinstance(aggregate, NoMessage):
            return Operator(None)
        if not isinstance(aggregate, LinearAggregator):
            return None
        return Operator(link.relation, *aggregate.edge_weights(link.relation, dtype))


def crowded(rows: Tensor, nodes: int) -> bool:
    """Whether so many of the nodes are wanted that their own relation would cost more than the whole."""
    return 2 * len(rows) > nodes
