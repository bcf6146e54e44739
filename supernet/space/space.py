"""The search space: slots, and the candidates of each."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ops.registry import plain_name
from supernet.data.graph import INTERACTIONS, RELATIONS, SIDES
from supernet.runtime import InputError
from supernet.space.slots import KINDS, check_candidates, shifted, slot_kind, spelled


@dataclass(frozen=True)
class SearchSpace:
    """Candidates of every kind of slot; a kind with one candidate is fixed. A space with all fixed is one
    design.

    layers: number of layers, L. tie_sides: users and items choose alike in every layer. slots: candidates of
    single slots, by name, where they differ from those of their kind. relations: named relations
    (`supernet.data.graph.RELATIONS`), each with its own aggregators at the sides it arrives at.
    aggregate_of: relation → candidates of its aggregate slots, where they differ from `aggregate`. A relation
    beside the interactions can be dropped: where `aggregate` is open, its slots have `none` too.

    Slot names, the same in YAML, genotype, TensorBoard and messages:
    `features/user`, `layer1/user/interactions/aggregate`, `layer1/user/convolve`, `layer1/user/activation`,
    `readout`, `score`; with tied sides `layer1/interactions/aggregate`, `layer1/convolve`,
    `layer1/activation`.

    Errors: InputError for an unknown or repeated candidate or relation, an empty slot, a slot that does not
    exist, a side that no relation arrives at, no layers.
    """

    layers: int
    aggregate: tuple[str, ...]
    convolve: tuple[str, ...]
    activation: tuple[str, ...]
    readout: tuple[str, ...]
    score: tuple[str, ...] = ("dot",)
    features: tuple[str, ...] = ("id",)
    tie_sides: bool = False
    relations: tuple[str, ...] = (INTERACTIONS,)
    slots: Mapping[str, Sequence[str]] = field(default_factory=dict)
    aggregate_of: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise InputError(f"space.layers must be at least 1, found {self.layers}")
        _check_relations(self.relations, self.aggregate_of)
        for slot, names in self.candidates().items():
            check_candidates(slot, names)

    def slot(self, kind: str, layer: int = 0, side: str = "", relation: str = "") -> str:
        """The name of a slot; in a tied space both sides of a layer have the same one."""
        if kind in ("readout", "score"):
            return kind
        if kind == "features":
            return f"features/{side}"
        parts = [f"layer{layer}", "" if self.tie_sides else side, relation, kind]
        return "/".join(part for part in parts if part)

    def relations_into(self, side: str) -> list[str]:
        """The relations whose messages arrive at `side`."""
        return [name for name in self.relations if side in RELATIONS[name]]

    def aggregators(self, relation: str) -> tuple[str, ...]:
        """The candidates of a relation's aggregate slots."""
        if relation in self.aggregate_of:
            return tuple(self.aggregate_of[relation])
        droppable = relation != INTERACTIONS and len(self.aggregate) > 1 and "none" not in self.aggregate
        return ("none", *self.aggregate) if droppable else self.aggregate

    def candidates(self) -> dict[str, tuple[str, ...]]:
        """All slots in order of computation, with their candidates."""
        found = {self.slot("features", side=side): self.features for side in SIDES}
        for layer in range(1, self.layers + 1):
            for side in SIDES:
                for relation in self.relations_into(side):
                    found[self.slot("aggregate", layer, side, relation)] = self.aggregators(relation)
                found[self.slot("convolve", layer, side)] = self.convolve
                found[self.slot("activation", layer, side)] = self.activation
        found |= {"readout": self.readout, "score": self.score}
        unknown = [name for name in self.slots if name not in found]
        if unknown:
            raise InputError(f"space.slots: no slot {unknown[0]!r}; the slots are: {', '.join(found)}")
        found |= {name: tuple(names) for name, names in self.slots.items()}
        return {slot: tuple(spelled(slot, name) for name in names) for slot, names in found.items()}

    def choices(self) -> dict[str, tuple[str, ...]]:
        """The slots that are still open: those with more than one candidate."""
        return {slot: names for slot, names in self.candidates().items() if len(names) > 1}

    def size(self) -> int:
        """Number of designs in the space."""
        return math.prod(len(names) for names in self.candidates().values())

    def fixed(self, choices: Mapping[str, str]) -> SearchSpace:
        """The space in which every slot has the one chosen candidate."""
        values = {name: getattr(self, name) for name in KINDS}
        return SearchSpace(
            layers=self.layers,
            tie_sides=self.tie_sides,
            relations=self.relations,
            slots={slot: (choices[slot],) for slot in self.candidates()},
            **values,
        )

    def holds(self, choices: Mapping[str, str]) -> bool:
        """Whether this is one of the designs, numbers aside."""
        slots = self.candidates()
        return choices.keys() == slots.keys() and all(
            plain_name(choices[slot]) in {plain_name(name) for name in names} for slot, names in slots.items()
        )

    def scalars(self) -> tuple[str, ...]:
        """The numbers of the chosen candidates that tuning may refine, as "sym.left"; whole ones are left
        out."""
        found: dict[str, None] = {}
        for slot, names in self.candidates().items():
            registry = KINDS[slot_kind(slot)]
            for name in names:
                numbers = (key for key, scalar in registry.bounds(name).items() if not scalar.whole)
                found |= dict.fromkeys(f"{plain_name(name)}.{key}" for key in numbers)
        return tuple(found)

    def shifted(self, shifts: Mapping[str, float]) -> SearchSpace:
        """The design with these added to its numbers, wherever they occur: {"sym.left": -0.05}; kept within
        bounds."""
        return self.fixed(
            {slot: shifted(slot, names[0], shifts) for slot, names in self.candidates().items()}
        )

    def sample(self, generator: torch.Generator) -> dict[str, str]:
        """A design drawn uniformly: one candidate for each slot."""
        draw = {
            slot: int(torch.randint(len(c), (), generator=generator)) for slot, c in self.candidates().items()
        }
        return {slot: self.candidates()[slot][k] for slot, k in draw.items()}

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any slot or candidate."""
        return digest({slot: list(names) for slot, names in self.candidates().items()})


def digest(value: object) -> str:
    """The first twelve hexadecimal digits of the SHA-256 of canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _check_relations(relations: Sequence[str], aggregate_of: Mapping[str, Sequence[str]]) -> None:
    for name in relations:
        if name not in RELATIONS:
            raise InputError(f"space.relations: unknown name {name!r}; choose from: {', '.join(RELATIONS)}")
    if len(set(relations)) < len(relations):
        raise InputError(f"space.relations names a relation twice: {', '.join(relations)}")
    if INTERACTIONS not in relations:
        raise InputError(
            f"space.relations={list(relations)}: add {INTERACTIONS}; its aggregators may be `none` alone"
        )
    for name in aggregate_of:
        if name not in relations:
            raise InputError(
                f"space.aggregate_of: the space has no relation {name!r}; its relations are: "
                f"{', '.join(relations)}"
            )
