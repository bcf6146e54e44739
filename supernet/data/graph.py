"""The graph a model propagates on: kinds of nodes, and named relations between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ops.relation import Relation
from supernet.data.cooccurrence import item_neighbours
from supernet.data.dataset import Pairs
from supernet.data.sampling import sent
from supernet.data.side import Edges
from supernet.data.views import Views, users_views

if TYPE_CHECKING:
    from supernet.data.new_nodes import NewNodes

USER, ITEM, ENTITY = "user", "item", "entity"
SIDES = (USER, ITEM)
"""Kinds of nodes that are recommended to, or recommended; entities only send."""

INTERACTIONS, COOCCURRENCE = "interactions", "cooccurrence"
TRUST, TEXT_KNN, KNOWLEDGE = "trust", "text_knn", "knowledge"

RELATIONS = {
    INTERACTIONS: {USER: ITEM, ITEM: USER},  # the train pairs
    COOCCURRENCE: {ITEM: ITEM},  # each item's most similar items, by the users they share
    TRUST: {USER: USER},  # each user's friends
    TEXT_KNN: {ITEM: ITEM},  # each item's most similar items, by their texts
    KNOWLEDGE: {ITEM: ENTITY},  # what a knowledge graph ties an item to, by the type of the tie
}
"""Every named relation: the kind of node that receives → the kind that sends to it."""

SIDE = (TRUST, TEXT_KNN, KNOWLEDGE)
"""Relations whose edges are not made of the train pairs."""


MISSING = {
    TRUST: "give graph.trust_path=<table of user, friend>",
    TEXT_KNN: "choose a view of the text, by text=minilm or another",
    KNOWLEDGE: "give graph.knowledge_path=<table of head, relation, tail> and graph.entities_path=<table of "
    "item, entity>",
}
"""What to do where a relation in SIDE has no edges."""


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
    """`nodes` counts the nodes of each kind; `links` are all directed relations; `views` are what is known of
    the nodes of a kind beside their ids; `folds` are the new nodes of an evaluation by name, of which nothing
    else here knows; `known` tells for a kind whose ids are read and whose are not, (N,) of 1 and 0 (all)."""

    nodes: dict[str, int]
    links: tuple[Link, ...]
    views: Mapping[str, Views] = field(default_factory=dict)
    folds: Mapping[str, NewNodes] = field(default_factory=dict)
    known: Mapping[str, Tensor] = field(default_factory=dict)

    def into(self, target: str) -> list[Link]:
        """The links whose messages arrive at nodes of kind `target`."""
        return [link for link in self.links if link.target == target]

    def thinned(self, rate: float, generator: torch.Generator) -> Graph:
        """The graph without some edges, drawn anew: each is missing, in both directions, with probability
        `rate`.

        Degrees stay those of the whole graph, and the messages of weighted sums are divided by 1 - rate, so
        that they are right on average (the sparse dropout of NGCF, arXiv 1905.08108, section 2.4.2, as
        LightGCN's code has it; that an interaction is dropped as a whole: SGL, arXiv 2010.10783). A softmax
        or a maximum over neighbours is over those that are left. Filters are of the whole graph: of
        `chebyshev` the step that follows is not, `svd`, which no edge follows, gives what it gives there.
        Where rate is 0 it is the graph itself.
        """
        if rate == 0.0:
            return self
        kept: dict[Relation, Relation] = {}
        for relation in (link.relation for link in self.links):
            if relation not in kept:
                mask = torch.rand(relation.n_edges, generator=generator) >= rate
                part = relation.kept(sent(mask, relation.ptr.device), 1 / (1 - rate))
                kept |= {relation: part, relation.T: part.T}
        return replace(self, links=tuple(replace(link, relation=kept[link.relation]) for link in self.links))

    def as_new(self, share: float, generator: torch.Generator) -> Graph:
        """The graph in which some items are as new ones are, drawn anew: with probability `share` an item's
        id is not read, it sends nothing, and receives by text_knn alone, as new items do.

        Degrees stay those of the whole graph, and filters (`svd`, `chebyshev`) are made of it: its items pass
        on what others send, nothing of their own. What is the same for all (`global`) reaches new items too.
        Where share is 0 it is the graph itself.
        Source: DropoutNet (Volkovs et al., NeurIPS 2017), here with the edges of what is dropped.
        """
        if share == 0.0:
            return self
        old = torch.rand(self.nodes[ITEM], generator=generator) >= share
        mask = sent(old, self.links[0].relation.ptr.device)
        kept: dict[Relation, Relation] = {}
        for link in self.links:
            if link.relation not in kept and ITEM in (link.source, link.target):
                senders = mask if link.source == ITEM else None
                receivers = mask if link.target == ITEM and link.name != TEXT_KNN else None
                part = link.relation.between(senders, receivers)
                kept |= {link.relation: part, link.relation.T: part.T}
        links = tuple(replace(link, relation=kept.get(link.relation, link.relation)) for link in self.links)
        return replace(self, links=links, known={ITEM: mask.to(torch.get_default_dtype())})

    def link(self, name: str, target: str) -> Link:
        """The link of a relation that arrives at nodes of kind `target`.

        Errors: ValueError where the graph was built without it.
        """
        for link in self.into(target):
            if link.name == name:
                return link
        there = ", ".join(dict.fromkeys(link.name for link in self.links))
        raise ValueError(f"the graph has no relation {name!r} into {target}s; it was built with: {there}")

    def to(self, device: torch.device | str) -> Graph:
        """The same graph on another device; two directions of one relation share their tensors there too."""
        moved: dict[Relation, Relation] = {}
        for relation in (link.relation for link in self.links):
            twin = moved.get(relation.T)
            moved[relation] = relation.to(device) if twin is None else twin.T
        links = tuple(replace(link, relation=moved[link.relation]) for link in self.links)
        views = {kind: {n: v.to(device) for n, v in own.items()} for kind, own in self.views.items()}
        return replace(self, links=links, views=views)


def build_graph(
    pairs: Pairs,
    n_users: int,
    n_items: int,
    backend: str = "auto",
    relations: Sequence[str] = (INTERACTIONS,),
    neighbours: int = 20,
    shrinkage: float = 10.0,
    views: Views | None = None,
    side: Mapping[str, Edges] | None = None,
) -> Graph:
    """The graph of user–item pairs with the named `relations`: made of these pairs alone, or for those in
    SIDE of the edges that `side` has by name.

    interactions: from items to users, and back; both directions share one set of tensors, and the square
    (N_users + N_items)² matrix is never built. cooccurrence: to each item from its `neighbours` most similar
    items, by the shrunk cosine of `supernet.data.cooccurrence`. views: of the items; a user's are the means
    over the items of their pairs.

    Errors: ValueError for a relation that does not exist, for pairs that `Relation` refuses and settings that
    `item_neighbours` refuses.
    """
    links: list[Link] = []
    for name in relations:
        if name == INTERACTIONS:
            relation = Relation.from_edges(pairs.users, pairs.items, n_users, n_items, backend)
            links += [Link(name, ITEM, USER, relation), Link(name, USER, ITEM, relation.T)]
        elif name == COOCCURRENCE:
            edges = item_neighbours(pairs, n_users, n_items, neighbours, shrinkage)
            relation = Relation.from_edges(edges.target, edges.source, n_items, n_items, backend)
            links.append(Link(name, ITEM, ITEM, relation))
        elif name in SIDE:
            if side is None or name not in side:
                raise ValueError(f"relation {name!r} has no edges: {MISSING[name]}")
            ((target, source),) = RELATIONS[name].items()
            n_target = {USER: n_users, ITEM: n_items}[target]
            own = side[name]
            relation = Relation.from_edges(own.target, own.source, n_target, own.n_source, backend, own.types)
            links.append(Link(name, source, target, relation))
        else:
            raise ValueError(f"unknown relation {name!r}; choose from: {', '.join(RELATIONS)}")
    both = {USER: users_views(pairs, n_users, views), ITEM: dict(views)} if views else {}
    nodes = {USER: n_users, ITEM: n_items}
    if KNOWLEDGE in relations and side is not None:
        nodes[ENTITY] = side[KNOWLEDGE].n_source
    return Graph(nodes, tuple(links), both)
