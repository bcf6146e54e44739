"""Nodes that a graph does not have: what they receive by, and what is known of them beside their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from supernet.data.dataset import Pairs
from supernet.data.graph import INTERACTIONS, ITEM, USER, Graph, Link
from supernet.data.side import Edges
from supernet.data.views import Views, users_views


@dataclass(frozen=True, eq=False)
class NewNodes:
    """`count` nodes of kind `side` beside a graph. links: one of every relation into their side, by name,
    count × N_source, whose sources are nodes of the graph; views: as a graph's, of these nodes."""

    side: str
    count: int
    links: Mapping[str, Link]
    views: Views = field(default_factory=dict)


def new_nodes(
    graph: Graph,
    side: str,
    count: int,
    pairs: Pairs | None = None,
    edges: Mapping[str, Edges] | None = None,
    views: Views | None = None,
) -> NewNodes:
    """New users by the items that they touched, or new items by their texts; nothing of `graph` changes.

    pairs: of the new nodes, in their own numbers, with the other side's in those of the graph. edges: by
    relation, from nodes of the graph to the new ones. A relation without either brings them nothing.
    views: of new items; a view that is missing is one without a text. Users have the means over their items.
    Errors: ValueError for indices out of range and edges that occur twice.
    """
    device, links = _device(graph), {}
    edges, pairs = edges or {}, pairs or Pairs(*torch.empty(2, 0, dtype=torch.int64))
    for link in graph.into(side):
        target, source = torch.empty(2, 0, dtype=torch.int64)
        types = None
        if link.name == INTERACTIONS:
            target, source = pairs if side == USER else (pairs.items, pairs.users)
        elif link.name in edges:
            own = edges[link.name]
            target, source, types = own.target, own.source, own.types
        relation = link.relation.further(
            target.to(device), source.to(device), count, None if types is None else types.to(device)
        )
        links[link.name] = Link(link.name, link.source, side, relation)
    items = graph.views.get(ITEM, {})
    if side == USER:
        known = users_views(pairs, count, items) if items else {}
        return NewNodes(side, count, links, {name: view.to(device) for name, view in known.items()})
    given = {name: view.to(device) for name, view in (views or {}).items()}
    blank = {
        name: view._replace(
            vectors=view.vectors.new_zeros(count, view.vectors.shape[1]), known=view.known.new_zeros(count)
        )
        for name, view in items.items()
        if name not in given
    }
    return NewNodes(side, count, links, given | blank)


def _device(graph: Graph) -> torch.device:
    pointers: Tensor = graph.links[0].relation.ptr
    return pointers.device
