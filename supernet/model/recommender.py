"""The recommender: features, layers of messages over a graph, read-out, score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ops.mixture import Choice, Mix, Mixture, ReadoutMixture, ScoreMixture
from ops.propagate import Step, propagate
from ops.readout import LayerWeights
from supernet.data.graph import ITEM, RELATIONS, SIDES, USER, Graph
from supernet.data.views import Views
from supernet.features import FeatureMixture, IdEmbedding
from supernet.model.layer import Layer, Weights, crowded
from supernet.model.perturb import Perturb
from supernet.space import SearchSpace

History = dict[str, list[Tensor]]
"""What the layers of each side gave, the features first, [(N_side, D)] × (L + 1)."""


class Vectors(NamedTuple):
    """What a model knows of users and items, (N_users, D') and (N_items, D')."""

    user: Tensor
    item: Tensor


class Recommender(nn.Module):
    """A model of a search space: a supernet where slots are open, a derived model or baseline where all are
    fixed.

    Alphas are Parameters (in the state_dict), one vector for each open slot, zero at first. Sides have
    weights of their own; tied sides share alphas, not weights. The graph is given to `forward`, not kept: a
    model refits and serves on other graphs than it was searched on.

    nodes: number of nodes of each kind. dim: embedding size, D. generator: draws the initial weights. views:
    those of the graph, where the space reads any; what they say is given to `forward` with the graph.
    """

    def __init__(
        self,
        space: SearchSpace,
        nodes: Mapping[str, int],
        dim: int,
        generator: torch.Generator,
        views: Mapping[str, Views] | None = None,
    ) -> None:
        super().__init__()
        candidates = space.candidates()
        self.space, self.dim = space, dim
        self.features = nn.ModuleDict(
            {
                side: FeatureMixture(
                    candidates[f"features/{side}"], nodes[side], dim, (views or {}).get(side)
                )
                for side in SIDES
            }
        )
        others = {source for name in space.relations for source in RELATIONS[name].values()} - set(SIDES)
        self.others = nn.ModuleDict({kind: IdEmbedding(nodes[kind], dim) for kind in sorted(others)})
        self.layers = nn.ModuleList(
            nn.ModuleDict({side: Layer(space, layer, side, dim) for side in SIDES})
            for layer in range(1, space.layers + 1)
        )
        padded = "mlp" in candidates["score"]  # it reads columns by their place
        self.readout = nn.ModuleDict(
            {side: ReadoutMixture(candidates["readout"], dim, space.layers, padded) for side in SIDES}
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

    def mixtures(self) -> dict[str, list[Mixture]]:
        """The mixtures of every open slot; tied sides have one each."""
        found: dict[str, list[Mixture]] = {}
        for side in SIDES:
            found.setdefault(f"features/{side}", []).append(cast(Mixture, self.features[side]))
            for layer in self.layers:
                for slot, mixture in cast(Layer, cast(nn.ModuleDict, layer)[side]).mixtures().items():
                    found.setdefault(slot, []).append(mixture)
            found.setdefault("readout", []).append(cast(Mixture, self.readout[side]))
        found["score"] = [self.score]
        return {slot: found[slot] for slot in self.alphas}

    def one_hot(self, numbers: Mapping[str, int]) -> dict[str, Mix]:
        """The design with these candidates of the open slots, as `forward` reads it: choices, or where a norm
        is part of the mixture a weight of 1."""
        found: dict[str, Mix] = {}
        for slot, mixtures in self.mixtures().items():
            found[slot] = Choice(numbers[slot])
            if mixtures[0].norm == "output":
                found[slot] = F.one_hot(torch.tensor(numbers[slot]), len(mixtures[0].names)).to(
                    self.alphas[slot]
                )
        return found

    def is_embedding(self, weight: nn.Parameter) -> bool:
        """Whether it holds the vectors of ids."""
        embeddings = [cast(FeatureMixture, self.features[side]).ids for side in SIDES]
        return any(one is not None and weight is one.weight for one in embeddings)

    @property
    def auxiliary_skip(self) -> float:
        """Share of a layer's input that is added to its output, 0 but in a search (DARTS-, arXiv
        2009.01027)."""
        return next((layer.auxiliary_skip for layer in self._every_layer()), 0.0)

    @auxiliary_skip.setter
    def auxiliary_skip(self, share: float) -> None:
        for layer in self._every_layer():
            layer.auxiliary_skip = share

    def _every_layer(self) -> list[Layer]:
        return [cast(Layer, layer) for sides in self.layers for layer in cast(nn.ModuleDict, sides).values()]

    def forward(
        self,
        graph: Graph,
        weights: Weights | None = None,
        dropout: Perturb | None = None,
        rows: Mapping[str, Tensor] | None = None,
    ) -> Vectors:
        """Vectors of all users and items; or of the nodes `rows` of each side (R_side,), ascending, none
        twice: the last layer and the read-out are then computed for these alone.

        weights: the mixture, or one candidate, of every open slot.
        """
        weights = weights or {}
        x = self.initial(graph, weights)
        polynomial = None if dropout is not None else self._polynomial(x, graph, weights, rows)
        if polynomial is not None:
            return polynomial
        return self.read_out(self._history(x, graph, weights, dropout, rows), weights)

    def initial(self, graph: Graph, weights: Weights) -> dict[str, Tensor]:
        """The features of all nodes, {kind: (N_kind, D)}; those of kinds that only send are vectors of
        ids."""
        found = {
            side: self.features[side](
                weights.get(f"features/{side}"), graph.views.get(side), self._ids(side, graph)
            )
            for side in SIDES
        }
        return found | {kind: embedding() for kind, embedding in self.others.items()}

    def _ids(self, side: str, graph: Graph) -> Tensor | None:
        """The vectors of ids where some are not read: zeros in their place; else None."""
        own = cast(FeatureMixture, self.features[side]).ids
        if own is None or side not in graph.known:
            return None
        return own() * graph.known[side].unsqueeze(1)

    def history(
        self,
        graph: Graph,
        weights: Weights | None = None,
        dropout: Perturb | None = None,
        rows: Mapping[str, Tensor] | None = None,
    ) -> History:
        """What `forward` reads out, layer by layer."""
        weights = weights or {}
        x = self.initial(graph, weights)
        return self._history(x, graph, weights, dropout, rows)

    def read_out(self, history: History, weights: Weights | None = None) -> Vectors:
        """One vector a node from those of all layers."""
        p = (weights or {}).get("readout")
        with torch.autocast(history[USER][0].device.type, enabled=False):
            return Vectors(*(self.readout[side](history[side], p) for side in (USER, ITEM)))

    def _history(
        self,
        x: Mapping[str, Tensor],
        graph: Graph,
        weights: Weights,
        dropout: Perturb | None,
        rows: Mapping[str, Tensor] | None,
    ) -> History:
        features, wanted = x, {side: _rows(x[side], rows, side) for side in SIDES}
        history = {side: [wanted[side]] for side in SIDES}
        for number, layer in enumerate(self.layers, start=1):
            chosen = rows if number == len(self.layers) else None
            initial, sides = features if chosen is None else wanted, cast(nn.ModuleDict, layer)
            out = {
                side: sides[side](x, initial[side], graph, weights, None if chosen is None else chosen[side])
                for side in SIDES
            }
            if dropout is not None:
                out = {side: dropout(value) for side, value in out.items()}
            x = {**x, **out}
            for side in SIDES:
                history[side].append(x[side] if chosen is not None else _rows(x[side], rows, side))
        return history

    def _polynomial(
        self,
        x: Mapping[str, Tensor],
        graph: Graph,
        weights: Weights,
        rows: Mapping[str, Tensor] | None,
    ) -> Vectors | None:
        """The vectors of a model that is a polynomial of fixed operators (LightGCN and its kin), else
        None."""
        readout = cast(ReadoutMixture, self.readout[USER]).chosen(weights.get("readout"))
        plan = self._plan(graph, weights, x[USER].dtype)
        if plan is None or not isinstance(readout, LayerWeights):
            return None
        few = rows is not None and not any(crowded(rows[side], len(x[side])) for side in SIDES)
        wanted = (rows[USER], rows[ITEM]) if rows is not None and few else None
        found = propagate(x[USER], x[ITEM], plan[0], readout.weights(), wanted, plan[1])
        if wanted is not None:
            return Vectors(*found)
        return Vectors(*(_rows(z, rows, side) for z, side in zip(found, SIDES, strict=True)))

    def _plan(
        self, graph: Graph, weights: Weights, dtype: torch.dtype
    ) -> tuple[list[Step], list[tuple[float, float]]] | None:
        """The step of each layer and what it keeps of the features, where all are weight-free and fixed."""
        steps, kept = [], []
        for layer in self.layers:
            sides = [cast(Layer, cast(nn.ModuleDict, layer)[side]) for side in SIDES]
            shares = [side.share(weights) for side in sides]
            arrows = [side.arrows(graph, weights, dtype) for side in sides if None not in shares]
            if None in shares or None in arrows:
                return None
            steps.append(tuple(arrow for step in arrows for arrow in cast(Step, step)))
            kept.append(cast(tuple[float, float], tuple(shares)))
        return steps, kept


def _rows(x: Tensor, rows: Mapping[str, Tensor] | None, side: str) -> Tensor:
    return x if rows is None else x.index_select(0, rows[side])
