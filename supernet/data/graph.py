"""The graph a model propagates on: kinds of nodes, and named relations between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ops.relation import Relation
from supernet.data.dataset import Pairs
from supernet.data.sampling import sent

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

    def thinned(self, rate: float, generator: torch.Generator) -> Graph:
        """The graph without some edges, drawn anew: each is missing, in both directions, with probability
        `rate`.

        Degrees stay those of the whole graph, and the messages of weighted sums are divided by 1 - rate, so
        that they are right on average (the sparse dropout of NGCF, arXiv 1905.08108, section 2.4.2, as
        LightGCN's code has it; that an interaction is dropped as a whole: SGL, arXiv 2010.10783). A softmax
        or a maximum over neighbours is over those that are left. Where rate is 0 it is the graph itself.
        """
        if rate == 0.0:
            return self
        kept: dict[int, Relation] = {}
        for relation in (link.relation for link in self.links):
            if id(relation) not in kept:
                mask = torch.rand(relation.n_edges, generator=generator) >= rate
                part = relation.kept(sent(mask, relation.ptr.device), 1 / (1 - rate))
                kept |= {id(relation): part, id(relation.T): part.T}
        links = [replace(link, relation=kept[id(link.relation)]) for link in self.links]
        return replace(self, links=tuple(links))

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
