"""The graph: which relations it has, what each is made of, and that it moves as a whole."""

import re

import pytest
import torch

from supernet.data import graph as graphs
from supernet.data.cooccurrence import item_neighbours
from supernet.data.dataset import Pairs
from supernet.data.graph import (
    COOCCURRENCE,
    INTERACTIONS,
    KNOWLEDGE,
    MISSING,
    RELATIONS,
    SIDE,
    TEXT_KNN,
    TRUST,
    build_graph,
)
from supernet.data.side import Edges

PAIRS = Pairs(torch.tensor([0, 0, 0, 1, 1, 2, 2, 2]), torch.tensor([0, 1, 2, 1, 3, 0, 2, 3]))
BOTH = (INTERACTIONS, COOCCURRENCE)


def test_every_relation_has_the_ends_of_the_table():
    edges = Edges(torch.tensor([0, 1]), torch.tensor([2, 0]), n_source=3)
    sources = {TRUST: edges, TEXT_KNN: edges._replace(n_source=5), KNOWLEDGE: edges._replace(n_source=7)}
    graph = build_graph(PAIRS, 3, 5, relations=tuple(RELATIONS), side=sources)
    assert graph.nodes == {"user": 3, "item": 5, "entity": 7}
    for name, ends in RELATIONS.items():
        links = [link for link in graph.links if link.name == name]
        assert {link.target: link.source for link in links} == ends
        for link in links:
            assert link.relation.n_target == graph.nodes[link.target]
            assert link.relation.n_source == graph.nodes[link.source]


def test_items_receive_from_their_nearest_alone():
    graph = build_graph(PAIRS, 3, 5, relations=BOTH, neighbours=1, shrinkage=2.0)
    relation, expected = graph.link(COOCCURRENCE, "item").relation, item_neighbours(PAIRS, 3, 5, 1, 2.0)
    edges = set(zip(relation.row.tolist(), relation.index.tolist(), strict=True))
    assert edges == set(zip(expected.target.tolist(), expected.source.tolist(), strict=True))
    assert relation.ptr.diff().tolist() == [1, 1, 1, 1, 0]


def test_a_relation_not_asked_for_costs_nothing(monkeypatch):
    monkeypatch.setattr(graphs, "item_neighbours", None)
    assert {link.name for link in build_graph(PAIRS, 3, 5).links} == {INTERACTIONS}


def test_moving_takes_all_relations_along_and_keeps_the_twins():
    there = build_graph(PAIRS, 3, 5, relations=BOTH).to("meta")
    assert [(link.name, link.target) for link in there.links] == [
        (INTERACTIONS, "user"),
        (INTERACTIONS, "item"),
        (COOCCURRENCE, "item"),
    ]
    assert {link.relation.ptr.device.type for link in there.links} == {"meta"}
    assert there.link(INTERACTIONS, "user").relation.T is there.link(INTERACTIONS, "item").relation


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: build_graph(PAIRS, 3, 5, relations=("friends",)),
            "unknown relation 'friends'; choose from: int",
        ),
        *(
            (lambda name=name: build_graph(PAIRS, 3, 5, relations=(name,)), re.escape(MISSING[name]))
            for name in SIDE
        ),
        (
            lambda: build_graph(PAIRS, 3, 5).link(COOCCURRENCE, "item"),
            "no relation 'cooccurrence' into items; it was built with: interactions",
        ),
        (
            lambda: build_graph(PAIRS, 3, 5, relations=BOTH).link(COOCCURRENCE, "user"),
            "no relation 'cooccurrence' into users; it was built with: interactions, cooccurrence",
        ),
    ],
    ids=["unknown", *SIDE, "not built", "wrong side"],
)
def test_mistakes_are_named(act, message):
    with pytest.raises(ValueError, match=message):
        act()
