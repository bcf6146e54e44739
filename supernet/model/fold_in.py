"""Vectors of nodes that a trained model has never seen: one pass through its operators, no training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from ops.mixture import ReadoutMixture
from ops.registry import topic_of
from supernet.data.graph import INTERACTIONS, TEXT_KNN, USER, Graph
from supernet.data.new_nodes import NewNodes
from supernet.features import FeatureMixture
from supernet.model.layer import Layer, Weights
from supernet.model.recommender import History, Recommender
from supernet.space import SearchSpace

BLIND = ("none", "global")
"""Aggregators that bring all nodes the same."""


@torch.no_grad()
def fold_in(
    model: Recommender,
    graph: Graph,
    new: NewNodes,
    weights: Weights | None = None,
    ids: Tensor | None = None,
    history: History | None = None,
) -> Tensor:
    r"""Final vectors of new nodes, (N', D'), :math:`h_v^{l} = f^l(h_v^{l-1}, \{h_j^{l-1} : j \to v\})`.

    Layer by layer they receive from the nodes of `graph`, whose own vectors stay as they are: no old node
    receives from a new one, and no new one from another. Degrees of targets are those of the new nodes' own
    edges, degrees of sources those of the graph (`Relation.further`). So a node of the graph that is folded
    in by its own edges, views and id vector has its vector of the whole model.

    ids: what stands for the new nodes' vectors of ids, (N', D); None is zeros, the mean of what ids are
    drawn from. weights: the mixture of every open slot. history: the layers of the graph's nodes where they
    are known already. Shapes: new.count = N'.  Paper: inductive GraphSAGE, arXiv 1706.02216
    """
    weights = weights or {}
    history = model.history(graph, weights) if history is None else history
    others = {kind: embedding() for kind, embedding in model.others.items()}
    features = cast(FeatureMixture, model.features[new.side])
    if ids is None:
        ids = history[new.side][0].new_zeros(new.count, model.dim)
    x = features(weights.get(f"features/{new.side}"), new.views, ids)
    layers = [x]
    for number, sides in enumerate(model.layers):
        layer = cast(Layer, cast(nn.ModuleDict, sides)[new.side])
        below = others | {side: vectors[number] for side, vectors in history.items()}
        layers.append(layer.received(below, layers[-1], x, new.links, weights))
    return cast(ReadoutMixture, model.readout[new.side])(layers, weights.get("readout"))


def tells_apart(space: SearchSpace, side: str) -> bool:
    """Whether a design gives new nodes of a side vectors of their own: by a view of their texts, or by a
    message; of new users along the interactions, of new items along text_knn."""
    slots: Mapping[str, tuple[str, ...]] = space.candidates()
    if any(topic_of(name) for name in slots[f"features/{side}"]):
        return True
    relation = INTERACTIONS if side == USER else TEXT_KNN
    return relation in space.relations_into(side) and any(
        set(slots[space.slot("aggregate", layer, side, relation)]) - set(BLIND)
        and set(slots[space.slot("convolve", layer, side)]) != {"skip"}
        for layer in range(1, space.layers + 1)
    )
