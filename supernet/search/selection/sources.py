"""Sources of knowledge beside the interactions: what a design takes from each, and the design without it."""

from __future__ import annotations

from ops.registry import topic_of
from supernet.data.graph import INTERACTIONS, USER
from supernet.search.selection.base import Choices
from supernet.search.selection.designs import distinct
from supernet.space import SearchSpace
from supernet.space.slots import slot_kind, slot_relation

TEXT = "text"
IDS = "id"
DROPPED = "none"


def sources(space: SearchSpace) -> list[str]:
    """What a design of the space can take beside ids and interactions: the items' texts, and relations by
    name, where it can leave them too."""
    slots = space.candidates()
    found = [TEXT] if any(_reads(name) for slot in _features(slots) for name in slots[slot]) else []
    found = [source for source in found if all(IDS in slots[slot] for slot in _features(slots))]
    for relation in space.relations:
        names = [slots[slot] for slot in _aggregates(slots, relation)]
        if relation != INTERACTIONS and all(DROPPED in n and len(n) > 1 for n in names):
            found.append(relation)
    return found


def takes(design: Choices, source: str) -> bool:
    """Whether any slot of the design takes something from the source."""
    if source == TEXT:
        return any(_reads(design[slot]) for slot in _features(design))
    return any(design[slot] != DROPPED for slot in _aggregates(design, source))


def without(design: Choices, source: str) -> Choices:
    """The design, with ids alone, or with the relation dropped in every layer."""
    if source == TEXT:
        return design | dict.fromkeys(_features(design), IDS)
    return design | dict.fromkeys(_aggregates(design, source), DROPPED)


def with_source(space: SearchSpace, design: Choices, source: str) -> list[Choices]:
    """The design with the source added: every view of the texts that the space adds to ids, a design each,
    or where it adds none the first candidate that reads each view; or
    the relation in every layer, with the aggregator that the interactions have there, or else the first that
    sends anything."""
    slots = space.candidates()
    if source == TEXT:
        names = [name for name in slots[space.slot("features", side=USER)] if _reads(name)]
        first = {topic_of(name): name for name in reversed(names)}
        added = [name for name in names if name.startswith("sum:")] or [*reversed(first.values())]
        return [design | {s: name for s in _features(slots) if name in slots[s]} for name in added]
    own = design[space.slot("aggregate", 1, USER, INTERACTIONS)]
    taken = {}
    for slot in _aggregates(slots, source):
        sending = [name for name in slots[slot] if name != DROPPED]
        taken[slot] = own if own in slots[slot] else next(iter(sending), DROPPED)
    return [design | taken]


def enriched(space: SearchSpace, design: Choices) -> list[Choices]:
    """The designs with one more source each of those that the design leaves."""
    left = [source for source in sources(space) if not takes(design, source)]
    found = [other for source in left for other in with_source(space, design, source)]
    return [other for other in distinct(found) if other != design]


def _reads(name: str) -> bool:
    return ":" in name


def _features(slots: Choices | dict[str, tuple[str, ...]]) -> list[str]:
    return [slot for slot in slots if slot_kind(slot) == "features"]


def _aggregates(slots: Choices | dict[str, tuple[str, ...]], relation: str) -> list[str]:
    return [slot for slot in slots if slot_kind(slot) == "aggregate" and slot_relation(slot) == relation]
