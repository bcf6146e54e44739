"""New nodes through a trained model: exact for nodes that it knows, dense formulas for the others."""

import pytest
import torch

from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from supernet.data.dataset import Pairs
from supernet.data.graph import INTERACTIONS, ITEM, TEXT_KNN, USER, build_graph
from supernet.data.new_nodes import new_nodes
from supernet.data.side import Edges
from supernet.data.views import View
from supernet.model import Recommender
from supernet.model.fold_in import fold_in, tells_apart
from supernet.space import SearchSpace

USERS, ITEMS, DIM, WIDTH = 6, 5, 4, 3
PAIRS = [(0, 0), (0, 1), (0, 2), (1, 1), (2, 1), (2, 3), (3, 4), (4, 0), (4, 4), (5, 2)]
ALIKE = [(0, 1), (0, 2), (1, 0), (2, 4), (3, 0), (3, 1), (4, 0)]  # item 3 sends to nobody
FEATURES = ["id", "sum:own", "gate:own", "concat:own", "text:own"]


def pairs_of(rows):
    return Pairs(*torch.tensor(rows, dtype=torch.int64).reshape(-1, 2).t())


def edges_of(rows):
    return Edges(*torch.tensor(rows, dtype=torch.int64).reshape(-1, 2).t(), ITEMS)


def view_of(count, seed=3, known=None):
    vectors = torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    mask = torch.ones(count, dtype=torch.float64)
    if known is not None:
        mask[[k for k in range(count) if k not in known]] = 0.0
    return View(vectors * mask[:, None], mask)


@pytest.fixture
def graph():
    found = build_graph(
        pairs_of(PAIRS), USERS, ITEMS, relations=(INTERACTIONS, TEXT_KNN),
        views={"own": view_of(ITEMS, known=(0, 1, 2, 4))}, side={TEXT_KNN: edges_of(ALIKE)},
    )  # fmt: skip
    both = {kind: {n: View(v.vectors.double(), v.known.double()) for n, v in own.items()}
            for kind, own in found.views.items()}  # fmt: skip
    found.views.update(both)
    return found


def design(aggregate="sym", convolve="light", activation="identity", readout="mean", features="id", of=None):
    relations = (INTERACTIONS, TEXT_KNN)
    return SearchSpace(
        2, (aggregate,), (convolve,), (activation,), (readout,), relations=relations,
        features=(features,), aggregate_of={TEXT_KNN: (of or "none",)},
    )  # fmt: skip


def model_of(space, graph):
    model = Recommender(space, graph.nodes, DIM, torch.Generator().manual_seed(0), graph.views).double()
    generator = torch.Generator().manual_seed(1)
    for weight in model.weights():
        weight.data += 0.5 * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
    return model


SOME = (1, 3, 4)
"""Nodes that are folded in as if they were new, in this order."""


def renumbered(rows, column):
    return [tuple(SOME.index(k) if c == column else k for c, k in enumerate(row)) for row in rows
            if row[column] in SOME]  # fmt: skip


def own_users(graph):
    return new_nodes(graph, USER, len(SOME), pairs_of(renumbered(PAIRS, 0)))


def own_items(graph):
    views = {name: View(v.vectors[list(SOME)], v.known[list(SOME)]) for name, v in graph.views[ITEM].items()}
    edges = {TEXT_KNN: edges_of(renumbered(ALIKE, 0))}
    return new_nodes(graph, ITEM, len(SOME), pairs_of(renumbered(PAIRS, 1)), edges, views)


def double(new):
    """users_views computes in float32."""
    views = {n: View(v.vectors.double(), v.known.double()) for n, v in new.views.items()}
    new.views.clear()
    new.views.update(views)
    return new


SPACES = [
    *({"aggregate": name, "of": name if name != "none" else "mean"} for name in AGGREGATORS),
    *({"convolve": name, "activation": "elu", "of": "mean"} for name in CONVOLUTIONS),
    *({"features": name, "of": "unit", "readout": "concat"} for name in FEATURES),
    {"aggregate": "attention", "convolve": "gcn", "activation": "relu", "readout": "attention"},
]


@pytest.mark.parametrize("chosen", SPACES, ids=str)
@pytest.mark.parametrize("make", [own_users, own_items])
def test_a_known_node_folded_in_by_its_edges_has_its_own_vector(make, chosen, graph):
    model, new = model_of(design(**chosen), graph), double(make(graph))
    ids = model.features[new.side].ids
    found = fold_in(model, graph, new, ids=None if ids is None else ids.weight[list(SOME)])
    whole = model(graph)
    expected = whole.user if new.side == USER else whole.item
    torch.testing.assert_close(found, expected[list(SOME)].detach(), rtol=1e-6, atol=1e-6)
    assert found.abs().max() > 0


@pytest.mark.parametrize("side", [USER, ITEM])
def test_a_mixture_folds_in_too(side, graph):
    relations = (INTERACTIONS, TEXT_KNN)
    space = SearchSpace(
        2, ("sym", "mean", "attention"), ("gcn", "sage"), ("identity", "relu"), ("mean", "sum"),
        features=("id", "sum:own"), relations=relations,
    )  # fmt: skip
    model, new = model_of(space, graph), double((own_users if side == USER else own_items)(graph))
    weights = {slot: torch.randn(len(names), dtype=torch.float64).softmax(0)
               for slot, names in space.choices().items()}  # fmt: skip
    found = fold_in(model, graph, new, weights, model.features[side].ids.weight[list(SOME)])
    torch.testing.assert_close(
        found, getattr(model(graph, weights), side)[list(SOME)].detach(), rtol=1e-6, atol=1e-6
    )


def dense(edges, n_target, n_source):
    matrix = torch.zeros(n_target, n_source, dtype=torch.float64)
    for target, source in edges:
        matrix[target, source] = 1.0
    return matrix


def layers_of(model, graph):
    return {side: [x.detach() for x in xs] for side, xs in model.history(graph).items()}


TOUCHED = [(0, 1), (0, 4), (1, 2)]  # of three new users; the last has touched nothing


def test_lightgcn_by_hand(graph):
    model = model_of(design("sym", "light", "identity", "mean"), graph)
    seen, new = dense(PAIRS, USERS, ITEMS), dense(TOUCHED, 3, ITEMS)
    norm = new / new.sum(1, keepdim=True).clamp(min=1).sqrt() / seen.sum(0).sqrt()
    items = layers_of(model, graph)[ITEM]
    expected = (norm @ items[0] + norm @ items[1]) / 3  # the features are zero
    found = fold_in(model, graph, new_nodes(graph, USER, 3, pairs_of(TOUCHED)))
    torch.testing.assert_close(found, expected)
    assert found[2].abs().max() == 0 < found[:2].abs().max()


def test_sage_by_hand(graph):
    model = model_of(design("mean", "sage", "relu", "last"), graph)
    new = dense(TOUCHED, 3, ITEMS)
    mean = new / new.sum(1, keepdim=True).clamp(min=1)
    ids = torch.randn(3, DIM, dtype=torch.float64)
    items, x = layers_of(model, graph)[ITEM], ids
    for number, layer in enumerate(model.layers):
        sage = layer[USER].convolve.candidates["sage"]
        x = (x @ sage.own + mean @ items[number] @ sage.neighbours).relu()
    found = fold_in(model, graph, new_nodes(graph, USER, 3, pairs_of(TOUCHED)), ids=ids)
    torch.testing.assert_close(found, x.detach())


def test_gat_by_hand(graph):
    model = model_of(design("attention", "gcn", "elu", "last"), graph)
    items, x = layers_of(model, graph)[ITEM], torch.zeros(3, DIM, dtype=torch.float64)
    for number, layer in enumerate(model.layers):
        gat, gcn = (layer[USER].aggregate[INTERACTIONS].candidates["attention"],
                    layer[USER].convolve.candidates["gcn"])  # fmt: skip
        message = torch.zeros(3, DIM, dtype=torch.float64)
        for user in range(3):
            touched = [item for who, item in TOUCHED if who == user]
            if touched:
                scores = items[number][touched] @ gat.source + x[user] @ gat.target
                share = torch.nn.functional.leaky_relu(scores, 0.2).softmax(0).mean(1)
                message[user] = share @ items[number][touched]
        x = torch.nn.functional.elu(message @ gcn.weight)
    found = fold_in(model, graph, new_nodes(graph, USER, 3, pairs_of(TOUCHED)))
    torch.testing.assert_close(found, x.detach())


def test_an_item_by_its_text_and_its_neighbours_by_hand(graph):
    model = model_of(design("sym", "light", "identity", "sum", "sum:own", "sym"), graph)
    alike, near = dense(ALIKE, ITEMS, ITEMS), [(0, 0), (0, 3), (1, 4)]
    new = dense(near, 2, ITEMS)
    sent = alike.sum(0).clamp(min=1)  # nobody receives from item 3 but the new item
    norm = new / new.sum(1, keepdim=True).sqrt() / sent.sqrt()
    view = view_of(2, seed=9)
    projector = model.features[ITEM].projectors["own"]
    text = view.vectors @ projector.weights[0] + projector.biases[0]
    items = layers_of(model, graph)[ITEM]
    found = fold_in(model, graph, new_nodes(graph, ITEM, 2, None, {TEXT_KNN: edges_of(near)}, {"own": view}))
    torch.testing.assert_close(found, (text + norm @ items[0] + norm @ items[1]).detach())


def test_new_nodes_do_not_change_each_other_nor_the_old(graph):
    model = model_of(design("sym", "sage", "elu", "mean", "sum:own", "sym"), graph)
    before = model(graph).item.detach().clone()
    both = fold_in(model, graph, double(new_nodes(graph, USER, 3, pairs_of(TOUCHED))))
    alone = fold_in(model, graph, double(new_nodes(graph, USER, 1, pairs_of([(0, 1), (0, 4)]))))
    torch.testing.assert_close(both[:1], alone)
    torch.testing.assert_close(model(graph).item.detach(), before)


@pytest.mark.parametrize(
    ("chosen", "users", "items"),
    [
        ({}, True, False),
        ({"of": "mean"}, True, True),
        ({"features": "sum:own"}, True, True),
        ({"aggregate": "none", "convolve": "skip"}, False, False),
        ({"aggregate": "global", "of": "global"}, False, False),
        ({"aggregate": "sym", "convolve": "skip", "of": "mean"}, False, False),
    ],
    ids=str,
)
def test_which_designs_tell_new_nodes_apart(chosen, users, items, graph):
    space = design(**chosen)
    assert (tells_apart(space, USER), tells_apart(space, ITEM)) == (users, items)
    model = model_of(space, graph)
    touched, near = new_nodes(graph, USER, 3, pairs_of(TOUCHED)), {TEXT_KNN: edges_of([(0, 0), (1, 4)])}
    for new, apart in (
        (double(touched), users),
        (new_nodes(graph, ITEM, 2, None, near, {"own": view_of(2)}), items),
    ):
        found = fold_in(model, graph, new)
        assert bool((found[0] - found[1]).abs().max() > 1e-9) == apart
