"""The rule that trains a pool of designs: known designs are judged, the best by validation is chosen."""

from dataclasses import replace

import pytest
import torch

from benchmarks.tabular import designs_of
from supernet.config import load_space
from supernet.data.dataset import Pairs
from supernet.data.graph import build_graph
from supernet.model import Recommender
from supernet.pipeline.stages import space_of
from supernet.search.selection import (
    SELECTIONS,
    Trials,
    even_design,
    even_neighbour,
    known_designs,
    neighbour,
    rescored,
)
from supernet.space import identity_of
from supernet.space.slots import slot_kind


def trials(space, train, known=()):
    generator = torch.Generator().manual_seed(0)
    return Trials(train, None, generator, list(known), pool=6, steps=2)


def even(space):
    return {slot: torch.full((len(names),), 1 / len(names)) for slot, names in space.choices().items()}


def test_the_best_by_validation_is_chosen_and_later_rounds_are_longer():
    space, calls = space_of(load_space("small")), []

    def train(design, steps):
        calls.append((steps, tuple(design.values())))
        return float(sum(name == "sum" for name in design.values()))

    chosen = rescored(space, even(space), trials(space, train))
    rounds = {length: [d for steps, d in calls if steps == length] for length in (2, 6, 18)}
    assert {steps for steps, _ in calls} == rounds.keys()
    assert [len(set(designs)) for designs in rounds.values()] == [6, 6, 2]
    assert len(calls) == 14
    scores = [sum(name == "sum" for name in design.values()) for design in chosen]
    assert scores == sorted(scores, reverse=True)
    assert {tuple(design.values()) for design in chosen} == set(rounds[6])
    assert {tuple(design.values()) for design in chosen[:2]} == set(rounds[18])


@pytest.mark.parametrize("rule", ["rescored", "screened", "sampled"])
def test_of_designs_that_compute_the_same_one_is_trained(rule):
    """In the table's space a layer that skips has an aggregator that nothing reads."""
    space, calls = space_of(load_space("tabular")), []
    identity = identity_of(space)

    def train(design, steps):
        calls.append((steps, identity(design)))
        return float(sum(name in ("skip", "mean") for name in design.values()))

    known = [design for design in designs_of(space).values() if design["layer2/convolve"] == "skip"][:2]
    twins = [known[0] | {"layer2/interactions/aggregate": name} for name in ("mean", "sym", "unit")]
    assert len({identity(twin) for twin in twins}) == 1
    judged = replace(trials(space, train, [*known, *twins]), mixed=lambda mixture: 0.5)
    SELECTIONS[rule](space, even(space), judged)
    assert any(calls)
    assert len(set(calls)) == len(calls)


def test_the_last_round_decides_among_the_best_of_the_one_before():
    space = space_of(load_space("small"))
    second: dict = {}

    def train(design, steps):
        if steps == 6:
            second[tuple(design.values())] = len(second)
        return float(-second[tuple(design.values())] if steps == 18 else len(second))

    chosen = [tuple(design.values()) for design in rescored(space, even(space), trials(space, train))]
    ranks = [second[design] for design in chosen]
    assert ranks == [4, 5, 3, 2, 1, 0], "the last two of round 2 are its best, and change places"


def test_what_a_design_costs_is_taken_off_its_score():
    space = space_of(load_space("small"))

    def sums(design):
        return sum(name == "sum" for name in design.values())

    given = trials(space, lambda design, steps: 0.1 * sums(design))
    dear = rescored(space, even(space), given)
    cheap = rescored(space, even(space), replace(given, cost=lambda design: 0.2 * sums(design)))
    assert [sums(design) for design in dear] == sorted(map(sums, dear), reverse=True)
    assert [sums(design) for design in cheap] == sorted(map(sums, cheap))
    assert sums(cheap[0]) < sums(dear[0])


def test_a_known_design_that_is_best_wins_whatever_the_mixture_says():
    space = space_of(load_space("small"))
    lightgcn, _ = known_designs(space, [space_of(load_space("lightgcn"))])
    mixture = {slot: torch.eye(len(names))[-1] for slot, names in space.choices().items()}
    chosen = rescored(space, mixture, trials(space, lambda d, steps: float(d == lightgcn), [lightgcn]))
    assert chosen[0] == lightgcn


def test_only_designs_of_the_space_are_known():
    space = space_of(load_space("small"))
    names = ("mf", "lightgcn", "gcn", "graphsage", "gat", "ngcf", "gin")
    found = known_designs(space, [space_of(load_space(name)) for name in names])
    assert [design["layer1/user/convolve"] for design in found] == ["skip", "light", "gcn", "light", "gcn"]
    assert [design["layer2/user/convolve"] for design in found] == ["skip", "light", "gcn", "skip", "skip"]
    assert all(design.keys() == space.candidates().keys() for design in found)


def test_a_shallow_design_is_its_model_with_one_layer():
    space = replace(space_of(load_space("recommender")), layers=3)
    preset = replace(space_of(load_space("lightgcn")), readout=("layer0(0.4)",))
    _, shallow = known_designs(space, [preset])
    graph = build_graph(Pairs(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2])), 3, 3)
    vectors = [
        Recommender(fixed, graph.nodes, 4, torch.Generator().manual_seed(0))(graph)
        for fixed in (space.fixed(shallow), replace(preset, layers=1))
    ]
    torch.testing.assert_close(vectors[0], vectors[1])


def test_a_known_design_has_none_of_the_relations_that_it_does_not_name():
    small, lightgcn = space_of(load_space("small")), space_of(load_space("lightgcn"))
    relations = ("interactions", "cooccurrence")
    design, shallow = known_designs(replace(small, relations=relations), [lightgcn])
    assert {shallow[f"layer2/item/{relation}/aggregate"] for relation in relations} == {"none"}
    assert design["layer1/item/interactions/aggregate"] == "sym"
    assert design["layer1/item/cooccurrence/aggregate"] == "none"
    forced = replace(small, relations=relations, aggregate_of={"cooccurrence": ("sym",)})
    assert known_designs(forced, [lightgcn]) == []
    (design,) = known_designs(forced, [replace(lightgcn, relations=relations)])
    assert design["layer2/item/cooccurrence/aggregate"] == "sym"


def test_a_neighbour_differs_in_one_slot_at_most():
    space = space_of(load_space("small"))
    design = space.sample(torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    for _ in range(30):
        other = neighbour(space, even(space), design, generator)
        assert sum(design[slot] != other[slot] for slot in design) <= 1


def kinds(space, design):
    """Kind → the candidates that its open slots have."""
    found = {}
    for slot in space.choices():
        found.setdefault(slot_kind(slot), set()).add(design[slot])
    return found


def test_an_even_design_is_alike_everywhere_and_follows_the_mixture():
    space = space_of(load_space("small"))
    mixture = {slot: torch.eye(len(names))[1] for slot, names in space.choices().items()}
    generator = torch.Generator().manual_seed(3)
    drawn = [even_design(space, even(space), generator) for _ in range(30)]
    assert all(len(names) == 1 for design in drawn for names in kinds(space, design).values())
    assert len({tuple(design.values()) for design in drawn}) > 10
    certain = even_design(space, mixture, generator)
    assert all(certain[slot] == names[1] for slot, names in space.choices().items())


def test_slots_with_candidates_of_their_own_are_drawn_apart():
    space = replace(space_of(load_space("small")), slots={"layer1/user/convolve": ("gcn", "skip")})
    drawn = [even_design(space, even(space), torch.Generator().manual_seed(k)) for k in range(20)]
    assert {design["layer1/user/convolve"] for design in drawn} == {"gcn", "skip"}
    assert {design["layer2/user/convolve"] for design in drawn} > {"gcn", "skip"}


def test_an_even_neighbour_changes_one_kind_everywhere():
    space = space_of(load_space("small"))
    design = space.sample(torch.Generator().manual_seed(1))
    generator, changed = torch.Generator().manual_seed(2), set()
    for _ in range(30):
        other = even_neighbour(space, even(space), design, generator)
        different = {slot_kind(slot) for slot in design if design[slot] != other[slot]}
        assert len(different) <= 1
        for kind in different:
            assert len(kinds(space, other)[kind]) == 1
        changed |= different
    assert changed == {"aggregate", "convolve", "activation", "readout"}


def test_a_fixed_space_is_its_own_neighbour():
    space = space_of(load_space("lightgcn"))
    (design,) = known_designs(space, [space])
    for make in (neighbour, even_neighbour):
        assert make(space, {}, design, torch.Generator()) == design
