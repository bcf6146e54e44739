"""The rule that trains a pool of designs: known designs are judged, the best by validation is chosen."""

from dataclasses import replace

import torch

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.search.selection import Trials, known_designs, neighbour, rescored


def trials(space, train, known=()):
    return Trials(train, torch.Generator().manual_seed(0), list(known), pool=6, steps=2)


def even(space):
    return {slot: torch.full((len(names),), 1 / len(names)) for slot, names in space.choices().items()}


def test_the_best_by_validation_is_chosen_and_later_rounds_are_longer():
    space, calls = space_of(load_space("small")), []

    def train(design, steps):
        calls.append((steps, tuple(design.values())))
        return float(sum(name == "sum" for name in design.values()))

    chosen = rescored(space, even(space), trials(space, train))
    last = [design for steps, design in calls if steps == 6]
    assert {steps for steps, _ in calls} == {2, 6}
    assert sum(steps == 2 for steps, _ in calls) == 6
    assert len(set(last)) == len(last) == 6
    assert tuple(chosen.values()) == max(last, key=lambda design: sum(name == "sum" for name in design))


def test_a_known_design_that_is_best_wins_whatever_the_mixture_says():
    space = space_of(load_space("small"))
    (lightgcn,) = known_designs(space, [space_of(load_space("lightgcn"))])
    mixture = {slot: torch.eye(len(names))[-1] for slot, names in space.choices().items()}
    chosen = rescored(space, mixture, trials(space, lambda d, steps: float(d == lightgcn), [lightgcn]))
    assert chosen == lightgcn


def test_only_designs_of_the_space_are_known():
    space = space_of(load_space("small"))
    names = ("mf", "lightgcn", "gcn", "graphsage", "gat", "ngcf", "gin")
    found = known_designs(space, [space_of(load_space(name)) for name in names])
    assert [design["layer2/user/convolve"] for design in found] == ["skip", "light", "gcn"]
    assert all(design.keys() == space.candidates().keys() for design in found)


def test_a_known_design_has_none_of_the_relations_that_it_does_not_name():
    small, lightgcn = space_of(load_space("small")), space_of(load_space("lightgcn"))
    relations = ("interactions", "cooccurrence")
    (design,) = known_designs(replace(small, relations=relations), [lightgcn])
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
