"""Selection rules: mixture → designs, one candidate for every slot, the best first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ops.registry import Registry
from supernet.space import SearchSpace
from supernet.space.slots import slot_kind, slot_relation

Choices = dict[str, str]
Mixture = Mapping[str, Tensor]


class Trials(NamedTuple):
    """What a rule may spend on short trainings.

    train: (choices, steps) → validation score, of a model trained anew. generator: draws designs. known:
    designs of the space that the field has names for. pool: designs in the first round. steps: batches of
    each training in the first round.
    """

    train: Callable[[Choices, int], float]
    generator: torch.Generator
    known: Sequence[Choices]
    pool: int
    steps: int


Selection = Callable[[SearchSpace, Mixture, Trials], list[Choices]]
SELECTIONS: Registry[Selection] = Registry("selection rule")


@SELECTIONS.register("argmax")
def argmax(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """The candidate of the largest weight; of equal ones, the first named. Fixed slots keep their one
    candidate."""
    return [_largest(space, mixture)]


def _largest(space: SearchSpace, mixture: Mixture) -> Choices:
    return {
        slot: names[int(mixture[slot].argmax())] if slot in mixture else names[0]
        for slot, names in space.candidates().items()
    }


@SELECTIONS.register("rescored")
def rescored(space: SearchSpace, mixture: Mixture, trials: Trials) -> list[Choices]:
    """A pool of designs by their scores on the valid part, after short trainings of the designs themselves.

    Round 1 trains argmax, the known designs and designs drawn half from the mixture, half from all
    candidates, every other one alike in all layers and on both sides. Round 2 trains the best third of them,
    each with two neighbours (one open slot drawn anew, or one kind of slot everywhere), three times as long;
    these are returned. A mixture can deceive (RobustDARTS: the supernet's own score does not warn of
    collapse); a short training of the design does not.
    Papers: successive halving, arXiv 1502.07943; rescoring of sampled paths, arXiv 1904.00420
    """
    pool = _distinct([_largest(space, mixture), *trials.known])
    fresh = itertools.cycle([even_design, draw])
    pool = _filled(pool, trials.pool, lambda: next(fresh)(space, _flatter(mixture), trials.generator))
    pool = _ordered(pool, trials, trials.steps)[: max(1, -(-len(pool) // 3))]
    parents = itertools.cycle(itertools.product((even_neighbour, neighbour), pool))

    def near() -> Choices:
        make, parent = next(parents)
        return make(space, mixture, parent, trials.generator)

    pool = _filled(pool, 3 * len(pool), near)
    return _ordered(pool, trials, 3 * trials.steps)


def neighbour(space: SearchSpace, mixture: Mixture, design: Choices, generator: torch.Generator) -> Choices:
    """The design with one open slot, chosen uniformly, drawn anew: half from its mixture, half from all
    candidates."""
    slots = list(mixture)
    if not slots:
        return design
    slot = slots[int(torch.randint(len(slots), (), generator=generator))]
    return design | {slot: draw(space, _flatter(mixture), generator)[slot]}


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
    drawn = even_design(space, _flatter(mixture), generator)
    return design | {slot: drawn[slot] for slot in slots}


def _alike(space: SearchSpace, mixture: Mixture) -> dict[object, list[str]]:
    """The open slots by kind, relation and candidates."""
    groups: dict[object, list[str]] = {}
    for slot, names in space.candidates().items():
        if slot in mixture:
            relation = slot_relation(slot) if slot_kind(slot) == "aggregate" else ""
            groups.setdefault((slot_kind(slot), relation, names), []).append(slot)
    return groups


def _flatter(mixture: Mixture) -> dict[str, Tensor]:
    """Half the mixture, half an even one."""
    return {name: (p + 1 / p.numel()) / 2 for name, p in mixture.items()}


def _filled(pool: list[Choices], size: int, make: Callable[[], Choices]) -> list[Choices]:
    """The pool with new designs up to `size`; a small space may not have so many."""
    for _ in range(10 * size):
        if len(pool) >= size:
            break
        pool = _distinct([*pool, make()])
    return pool


def _ordered(pool: list[Choices], trials: Trials, steps: int) -> list[Choices]:
    scores = [trials.train(design, steps) for design in pool]
    return [pool[k] for k in sorted(range(len(pool)), key=lambda k: -scores[k])]


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
        for design in _distinct([*every, *map(shallow, every)])
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


def _distinct(pool: list[Choices]) -> list[Choices]:
    seen: dict[tuple[str, ...], Choices] = {}
    for design in pool:
        seen.setdefault(tuple(design.values()), design)
    return list(seen.values())
