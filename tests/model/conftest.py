"""A small graph with hubs and lone nodes, full search spaces, and the tools to compare models."""

from types import SimpleNamespace

import pytest
import torch

from ops.activation import ACTIVATIONS
from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from ops.readout import READOUTS
from ops.score import SCORES
from supernet.data.dataset import Pairs
from supernet.data.graph import COOCCURRENCE, INTERACTIONS, build_graph
from supernet.model import Recommender
from supernet.space import SearchSpace

USERS, ITEMS, DIM, LAYERS = 7, 6, 4, 2

EDGES = [(0, i) for i in range(5)] + [(u, 1) for u in range(1, 6)] + [(2, 3), (3, 4), (4, 0), (5, 2)]
"""User 0 and item 1 are hubs; user 6 and item 5 have no edge."""

PRESETS = {  # aggregate, convolve, activation, readout
    "lightgcn": ("sym", "light", "identity", "mean"),
    "gcn": ("sym", "gcn", "relu", "last"),
    "graphsage": ("mean", "sage", "relu", "last"),
    "gat": ("attention", "gcn", "elu", "last"),
    "ngcf": ("sym", "ngcf", "leaky_relu", "concat"),
    "gin": ("sum", "gin", "relu", "last"),
    "lightgcn_pp": ("unit", "light", "identity", "layer0"),
    "mf": ("none", "skip", "identity", "last"),
}


def build(pairs):
    """A graph of all relations: a space reads those that it has."""
    return build_graph(pairs, USERS, ITEMS, "auto", (INTERACTIONS, COOCCURRENCE), neighbours=2)


@pytest.fixture
def graph():
    return build(Pairs(*torch.tensor(EDGES).t()))


@pytest.fixture(
    params=[(True, 1), (False, 1), (True, 2), (False, 2)],
    ids=["tied", "untied", "tied, two relations", "untied, two relations"],
)
def space(request):
    """Everything there is."""
    tied, relations = request.param
    return SearchSpace(
        layers=LAYERS,
        aggregate=tuple(AGGREGATORS),
        convolve=tuple(CONVOLUTIONS),
        activation=tuple(ACTIVATIONS),
        readout=tuple(READOUTS),
        score=tuple(SCORES),
        tie_sides=tied,
        relations=(INTERACTIONS, COOCCURRENCE)[:relations],
    )


@pytest.fixture(params=list(PRESETS))
def preset(request):
    return request.param


@pytest.fixture
def tools():
    return SimpleNamespace(
        choices=choices, model_of=model_of, one_hot=one_hot, inside=inside, scores=scores, build=build
    )


def choices(space, preset):
    """The preset as one candidate for every slot of `space`."""
    aggregate, convolve, activation, readout = PRESETS[preset]
    of_kind = {
        "aggregate": aggregate,
        "convolve": convolve,
        "activation": activation,
        "readout": readout,
        "score": "dot",
    }
    return {slot: of_kind.get(slot.split("/")[-1], "id") for slot in space.candidates()}


def model_of(space, graph, seed=0):
    """A model of ordinary weights: zeros at the start would hide a wrong gradient."""
    model = Recommender(space, graph.nodes, DIM, torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 1)
    for weight in model.weights():
        weight.data += 0.5 * torch.randn(weight.shape, generator=generator)
    return model


def one_hot(space, chosen):
    """The mixture with everything on the chosen candidate of every open slot."""
    return {
        slot: torch.tensor([float(name == chosen[slot]) for name in names])
        for slot, names in space.choices().items()
    }


def inside(space):
    """A mixture inside every simplex, no two weights of a slot alike, no two slots alike."""
    generator = torch.Generator().manual_seed(5)
    return {
        slot: torch.randn(len(names), generator=generator).softmax(dim=0)
        for slot, names in space.choices().items()
    }


def scores(model, graph, mixture=None):
    """Every user with every item."""
    vectors = model(graph, mixture)
    return model.score(vectors.user, vectors.item, (mixture or {}).get("score"))
