"""The graph a model propagates on: kinds of nodes, and named relations between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ops.relation import Relation
from supernet.data.dataset import Pairs

USER, ITEM = "user", "item"
SIDES = (USER, ITEM)
INTERACTIONS = "interactions"


@dataclass(frozen=True, eq=False)
class Link:
    """One direction of a relation: `relation` is N_target × N_source; `name` is the relation's, in both
    directions."""

    name: str
    source: str
    target: str
    relation: Relation


@dataclass(frozen=True, eq=False)
class Graph:
    """`nodes` counts the nodes of each kind; `links` are all directed relations."""

    nodes: dict[str, int]
    links: tuple[Link, ...]

    def into(self, target: str) -> list[Link]:
        """The links whose messages arrive at nodes of kind `target`."""
        return [link for link in self.links if link.target == target]

    def to(self, device: torch.device | str) -> Graph:
        """The same graph on another device."""
        twins = {link.name: link.relation.to(device) for link in self.links if link.target == USER}
        moved = [
            replace(link, relation=twins[link.name] if link.target == USER else twins[link.name].T)
            for link in self.links
        ]
        return replace(self, links=tuple(moved))


def build_graph(pairs: Pairs, n_users: int, n_items: int, backend: str = "auto") -> Graph:
    """The bipartite graph of user–item pairs: `interactions` from items to users, and back.

    Both directions share one set of tensors; the square (N_users + N_items)² matrix is never built.
    """
    relation = Relation.from_edges(pairs.users, pairs.items, n_users, n_items, backend)
    links = (
        Link(INTERACTIONS, ITEM, USER, relation),
        Link(INTERACTIONS, USER, ITEM, relation.T),
    )
    return Graph({USER: n_users, ITEM: n_items}, links)
