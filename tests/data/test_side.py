"""Edges beside the interactions: read by id, counted, and the nearest texts against a dense search."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from supernet.data.dataset import Pairs
from supernet.data.graph import ENTITY, ITEM, USER, build_graph
from supernet.data.side import Edges, nearest_texts, read_knowledge, read_trust
from supernet.data.views import View
from supernet.runtime import InputError

USERS = np.array(["ann", "bob", "cyd"], dtype=object)
ITEMS = np.array(["m1", "m2", "m3"], dtype=object)


def written(path, *lines):
    path.write_text("\n".join("\t".join(line.split()) for line in lines) + "\n", encoding="utf-8")
    return path


def test_trust_is_read_by_user_id_and_what_is_left_out_is_counted(tmp_path):
    lines = ["user friend", "bob ann", "ann cyd", "ann cyd", "ann zoe", "cyd cyd", "cyd bob"]
    edges, notes = read_trust(written(tmp_path / "trust.tsv", *lines), USERS)
    pairs = set(zip(edges.target.tolist(), edges.source.tolist(), strict=True))
    assert pairs == {(1, 0), (0, 2), (2, 1)}
    assert edges.n_source == 3
    assert notes == (
        "trust.tsv: 1 edges of users without interactions were left out",
        "trust.tsv: 1 edges of users to themselves were left out",
        "trust.tsv: 1 edges that stand there twice were left out",
    )
    with pytest.raises(InputError, match=r"strangers\.tsv: none of its 1 edges is between two users"):
        read_trust(written(tmp_path / "strangers.tsv", "user friend", "x y"), USERS)
    with pytest.raises(InputError, match="no column 'friend'; its columns are: user, other"):
        read_trust(written(tmp_path / "other.tsv", "user other", "ann bob"), USERS)


def test_blanks_around_an_id_are_none_of_it(tmp_path):
    path = tmp_path / "trust.csv"
    path.write_text("user,friend\nbob, ann\nann ,cyd\n", encoding="utf-8")
    edges, notes = read_trust(path, USERS)
    assert list(zip(edges.target.tolist(), edges.source.tolist(), strict=True)) == [(0, 2), (1, 0)]
    assert notes == ()


def knowledge(tmp_path, *triples):
    path = written(tmp_path / "kg.tsv", "head relation tail", *triples)
    return path, written(tmp_path / "link.tsv", "item entity", "m1 e1", "m2 e2", "m9 e9")


def test_an_item_receives_from_what_it_is_tied_to_in_either_direction(tmp_path):
    triples = [
        "e1 director p1",
        "e2 director p1",
        "p2 starred e1",
        "e1 writer p1",
        "e9 director p1",
        "e5 x e6",
    ]
    paths = knowledge(tmp_path, *triples)
    edges, notes = read_knowledge(*paths, ITEMS)
    assert edges.names == ("director", "starred⁻¹")
    found = list(zip(edges.target.tolist(), edges.source.tolist(), edges.types.tolist(), strict=True))
    assert found == [(0, 0, 0), (1, 0, 0), (0, 1, 1)]
    assert edges.n_source == 2
    assert notes == (
        "kg.tsv: 2 of 3 items are tied to 2 entities, by 3 edges of 2 types",
        "kg.tsv: 1 further ties of an item to the same entity were left out",
    )


@pytest.mark.parametrize("format", ["tsv", "parquet"])
def test_an_empty_cell_is_no_entity(tmp_path, format):
    """No hub of all items whose tie says nothing."""
    triples = {
        "head": ["e1", "e1", "e2", ""],
        "relation": ["a", "a", "b", "a"],
        "tail": ["p", "", None, "e2"],
    }
    links = {"item": ["m1", "m2", "m3"], "entity": ["e1", "e2", None]}
    paths = [tmp_path / f"{name}.{format}" for name in ("kg", "link")]
    for path, table in zip(paths, (triples, links), strict=True):
        if format == "parquet":
            pq.write_table(pa.table(table), path)
        else:
            rows = [table, *zip(*table.values(), strict=True)]
            path.write_text("".join("\t".join(v or " " for v in row) + "\n" for row in rows), "utf-8")
    edges, notes = read_knowledge(*paths, ITEMS)
    found = zip(edges.target.tolist(), edges.source.tolist(), edges.types.tolist(), strict=True)
    assert (list(found), edges.n_source, edges.names) == ([(0, 0, 0)], 1, ("a",))
    assert notes == (
        f"kg.{format}: 1 of 3 items are tied to 1 entities, by 1 edges of 1 types",
        f"kg.{format}: 3 rows with an empty cell were left out",
        f"link.{format}: 1 rows with an empty cell were left out",
    )


def test_a_graph_that_speaks_of_none_of_the_items_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"kg\.tsv: no item of the data is tied to anything by link\.tsv"):
        read_knowledge(*knowledge(tmp_path, "e5 x e6"), ITEMS)


@pytest.mark.parametrize("neighbours", [1, 3, 50])
def test_the_nearest_texts_are_those_of_a_dense_search(neighbours, monkeypatch):
    monkeypatch.setattr("supernet.data.side.CELLS", 40)  # several chunks
    vectors = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    known = torch.ones(12)
    known[[3, 7]] = 0.0
    edges = nearest_texts(View(vectors * known.unsqueeze(1), known), neighbours)
    cosine = torch.nn.functional.cosine_similarity(vectors[:, None], vectors[None], dim=2)
    cosine[:, known == 0] = -2.0
    cosine.fill_diagonal_(-2.0)
    expected = set()
    for i in known.nonzero().flatten().tolist():
        expected |= {(i, j) for j in cosine[i].argsort(descending=True)[: min(neighbours, 9)].tolist()}
    assert set(zip(edges.target.tolist(), edges.source.tolist(), strict=True)) == expected
    with pytest.raises(ValueError, match="needs neighbours ≥ 1, found 0"):
        nearest_texts(View(vectors, known), 0)


@pytest.mark.parametrize("neighbours", [1, 2, 3, 5])
@pytest.mark.parametrize("apart", [False, True], ids=["own", "new"])
def test_of_texts_that_are_alike_the_first_are_nearest(neighbours, apart):
    """Three texts, each many times, as of titles that repeat: whole numbers, so that all ties are exact."""
    text = torch.arange(300) % 3
    view = View(torch.eye(3)[text], torch.ones(300))
    new = View(torch.eye(3)[[2, 0]], torch.ones(2)) if apart else None
    edges = nearest_texts(view, neighbours, new)
    for i, said in enumerate([2, 0] if apart else text.tolist()):
        alike = [j for j in range(300) if text[j] == said and (apart or j != i)]
        assert edges.source[edges.target == i].tolist() == alike[:neighbours]


PAIRS = Pairs(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2]))
TRUSTED = Edges(torch.tensor([0, 1]), torch.tensor([1, 2]), 3)
TIED = Edges(torch.tensor([0, 2]), torch.tensor([3, 0]), 4, torch.tensor([0, 1]), ("a", "b"))


def test_the_graph_has_the_relations_it_is_asked_for():
    side = {"trust": TRUSTED, "knowledge": TIED}
    graph = build_graph(PAIRS, 3, 3, relations=("interactions", "trust", "knowledge"), side=side)
    assert graph.nodes == {USER: 3, ITEM: 3, ENTITY: 4}
    trust, knowledge = graph.link("trust", USER), graph.link("knowledge", ITEM)
    assert (trust.source, knowledge.source) == (USER, ENTITY)
    assert (knowledge.relation.n_target, knowledge.relation.n_source) == (3, 4)
    assert knowledge.relation.edge_types.tolist() == [0, 1]
    assert build_graph(PAIRS, 3, 3).nodes == {USER: 3, ITEM: 3}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trust", "give graph.trust_path="),
        ("text_knn", "choose a view of the text"),
        ("knowledge", "give graph.knowledge_path="),
    ],
)
def test_a_relation_without_edges_says_what_to_give(name, words):
    with pytest.raises(ValueError, match=f"relation '{name}' has no edges: {words}"):
        build_graph(PAIRS, 3, 3, relations=("interactions", name))


def test_new_items_without_any_text_receive_nothing():
    known = View(torch.eye(3), torch.ones(3))
    edges = nearest_texts(known, 2, View(torch.zeros(2, 3), torch.zeros(2)))
    assert (len(edges.target), len(edges.source), edges.n_source) == (0, 0, 3)
    assert edges.target.dtype == torch.int64
    nobody = View(torch.zeros(3, 3), torch.zeros(3))
    assert len(nearest_texts(nobody, 2).target) == len(nearest_texts(nobody, 2, known).target) == 0
