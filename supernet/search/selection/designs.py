"""Designs of a space: drawn from a mixture, near another, known to the field."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from supernet.search.selection.base import Choices, Mixture
from supernet.space import SearchSpace
from supernet.space.slots import slot_kind, slot_relation

Same = Callable[[Choices], Hashable]
"""Equal for designs that are told apart in nothing that matters."""


def largest(space: SearchSpace, mixture: Mixture) -> Choices:
    """The candidate of the largest weight in every slot; of equal ones, the first named."""
    return {
        slot: names[int(mixture[slot].argmax())] if slot in mixture else names[0]
        for slot, names in space.candidates().items()
    }


def neighbour(space: SearchSpace, mixture: Mixture, design: Choices, generator: torch.Generator) -> Choices:
    """The design with one open slot, chosen uniformly, drawn anew: half from its mixture, half from all
    candidates."""
    slots = list(mixture)
    if not slots:
        return design
    slot = slots[int(torch.randint(len(slots), (), generator=generator))]
    return design | {slot: draw(space, flatter(mixture), generator)[slot]}


def even_design(space: SearchSpace, mixture: Mixture, generator: torch.Generator) -> Choices:
    """A design in which slots with the same candidates choose alike: each kind is drawn once, from the mean
    of its slots' mixtures."""
    choices = {slot: names[0] for slot, names in space.candidates().items()}
    for slots in _alike(space, mixture).values():
        p = torch.stack([mixture[slot].cpu() for slot in slots]).mean(dim=0)
        name = space.candidates()[slots[0]][int(torch.multinomial(p, 1, generator=generator))]
        choices |= dict.fromkeys(slots, name)
    return choices


def even_neighbour(
    space: SearchSpace, mixture: Mixture, design: Choices, generator: torch.Generator
) -> Choices:
    """The design with all slots of one kind drawn anew, to the same candidate."""
    groups = list(_alike(space, mixture).values())
    if not groups:
        return design
    slots = groups[int(torch.randint(len(groups), (), generator=generator))]
    drawn = even_design(space, flatter(mixture), generator)
    return design | {slot: drawn[slot] for slot in slots}


def _alike(space: SearchSpace, mixture: Mixture) -> dict[object, list[str]]:
    """The open slots by kind, relation and candidates."""
    groups: dict[object, list[str]] = {}
    for slot, names in space.candidates().items():
        if slot in mixture:
            relation = slot_relation(slot) if slot_kind(slot) == "aggregate" else ""
            groups.setdefault((slot_kind(slot), relation, names), []).append(slot)
    return groups


def flatter(mixture: Mixture) -> dict[str, Tensor]:
    """Half the mixture, half an even one; of weights that do not add up to 1, their shares."""
    return {name: (p / p.sum() + 1 / p.numel()) / 2 for name, p in mixture.items()}


def filled(
    pool: Sequence[Choices],
    size: int,
    make: Callable[[], Choices],
    admit: Callable[[Choices], bool],
    same: Same,
) -> list[Choices]:
    """The pool with new designs up to `size`, of those that `admit` lets in; a small space may not have so
    many. same: equal for designs of which one is enough."""
    found = {same(design): design for design in pool}
    for _ in range(10 * size):
        if len(found) >= size:
            break
        design = make()
        if admit(design):
            found.setdefault(same(design), design)
    return list(found.values())


def draw(space: SearchSpace, mixture: Mixture, generator: torch.Generator) -> Choices:
    """A design with each slot drawn from its mixture."""
    choices = {}
    for slot, names in space.candidates().items():
        k = int(torch.multinomial(mixture[slot].cpu(), 1, generator=generator)) if slot in mixture else 0
        choices[slot] = names[k]
    return choices


def known_designs(space: SearchSpace, others: Sequence[SearchSpace]) -> list[Choices]:
    """Those of `others` (fixed spaces, one candidate a kind) that are points of `space`, in its slots: as
    deep as the space, and with one layer alone where it can skip layers. A relation that they do not have is
    `none` in them."""
    every = [in_slots(space, other) for other in others]
    slots = space.candidates()
    return [
        design
        for design in distinct([*every, *map(shallow, every)])
        if all(design[slot] in names for slot, names in slots.items())
    ]


def shallow(design: Choices) -> Choices:
    """The design with one layer: those above hand on what they are given."""
    above = {"aggregate": "none", "convolve": "skip", "activation": "identity"}
    deep = (slot for slot in design if slot.startswith("layer") and not slot.startswith("layer1/"))
    return design | {slot: above[slot_kind(slot)] for slot in deep}


def in_slots(space: SearchSpace, other: SearchSpace) -> Choices:
    """The candidates of `other`, one a kind, in the slots of `space`, whether it has them or not."""
    return {slot: _in_kind(other, slot) for slot in space.candidates()}


def _in_kind(other: SearchSpace, slot: str) -> str:
    kind = slot_kind(slot)
    if kind == "aggregate" and slot_relation(slot) not in other.relations:
        return "none"
    return next(names[0] for name, names in other.candidates().items() if slot_kind(name) == kind)


def distinct(pool: Sequence[Choices], same: Same = lambda design: tuple(design.values())) -> list[Choices]:
    """Each design once, in the order of the first. same: equal for designs of which one is enough."""
    seen: dict[Hashable, Choices] = {}
    for design in pool:
        seen.setdefault(same(design), design)
    return list(seen.values())
