"""Sources of knowledge beside the interactions: what a design takes from each, and the design without it."""

from __future__ import annotations

from ops.convolve import CONVOLUTIONS, LinearConvolution
from ops.registry import plain_name, topic_of
from supernet.data.graph import INTERACTIONS, RELATIONS, USER
from supernet.search.selection.base import Choices
from supernet.search.selection.designs import distinct
from supernet.space import SearchSpace, identity_of
from supernet.space.slots import slot_kind, slot_relation

TEXT = "text"
IDS = "id"
DROPPED = "none"
SKIP = "skip"


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


def takes(space: SearchSpace, design: Choices, source: str) -> bool:
    """Whether the design computes anything from the source: it is another without it. An aggregator whose
    message no convolution reads takes nothing."""
    same = identity_of(space)
    return same(without(design, source)) != same(design)


def without(design: Choices, source: str) -> Choices:
    """The design, with ids alone, or with the relation dropped in every layer."""
    if source == TEXT:
        return design | dict.fromkeys(_features(design), IDS)
    return design | dict.fromkeys(_aggregates(design, source), DROPPED)


def with_source(space: SearchSpace, design: Choices, source: str) -> list[Choices]:
    """The design with the source added: for each view of the texts the candidate that adds it to ids, or
    else the first that reads it, a design each; or the relation in every layer, with the aggregator that the
    interactions have there, or else the first that sends anything. Where no layer reads its message, the
    first is opened for it (`opened`); [] where that cannot be."""
    slots = space.candidates()
    if source == TEXT:
        return [
            design | {s: n for s in _features(slots) if n in slots[s]} for n in added_views(space).values()
        ]
    own = design[space.slot("aggregate", 1, USER, INTERACTIONS)]
    taken = {}
    for slot in _aggregates(slots, source):
        sending = [name for name in slots[slot] if name != DROPPED]
        taken[slot] = own if own in slots[slot] else next(iter(sending), DROPPED)
    if takes(space, design | taken, source):
        return [design | taken]
    return opened(space, design, taken, source)


def added_views(space: SearchSpace) -> dict[str, str]:
    """View of the texts → the candidate of the feature slots that adds it to ids, or else the first that
    reads it."""
    found: dict[str, str] = {}
    for name in space.candidates()[space.slot("features", side=USER)]:
        view = topic_of(name)
        if view and (view not in found or name.startswith("sum:") > found[view].startswith("sum:")):
            found[view] = name
    return found


def read_views(design: Choices) -> list[str]:
    """The views of the texts that the design reads, each once."""
    return [*dict.fromkeys(topic_of(design[slot]) for slot in _features(design) if _reads(design[slot]))]


def without_view(design: Choices, view: str) -> Choices:
    """The design with ids alone where it reads this view."""
    return design | {slot: IDS for slot in _features(design) if topic_of(design[slot]) == view}


def exchanged(space: SearchSpace, design: Choices, view: str) -> Choices:
    """The design that reads `view` wherever it reads one, joined to the ids as there where a candidate of the
    slot does so."""
    slots, changed = space.candidates(), {}
    for slot in _features(design):
        alike = f"{plain_name(design[slot]).partition(':')[0]}:{view}"
        name = alike if alike in slots[slot] else added_views(space)[view]
        if _reads(design[slot]) and name in slots[slot]:
            changed[slot] = name
    return design | changed


def opened(space: SearchSpace, design: Choices, taken: Choices, source: str) -> list[Choices]:
    """The design with the relation in the first layer whose convolution can be changed from `skip`, for no
    other message; one that keeps the node itself before others. [] where other messages cannot be left, or
    both sides would change. taken: slot → its aggregator."""
    slots = space.candidates()
    if space.tie_sides:
        return []
    for layer in range(1, space.layers + 1):
        for side in RELATIONS[source]:
            convolve = space.slot("convolve", layer, side)
            reading = sorted(
                (n for n in slots[convolve] if n != SKIP), key=lambda name: not _keeps_node(name)
            )
            into = [
                space.slot("aggregate", layer, side, r) for r in space.relations_into(side) if r != source
            ]
            if reading and all(DROPPED in slots[slot] for slot in into):
                found = design | taken | dict.fromkeys(into, DROPPED) | {convolve: reading[0]}
                return [found] if takes(space, found, source) else []
    return []


def enriched(space: SearchSpace, design: Choices) -> list[Choices]:
    """The designs with one more source each of those that the design leaves."""
    left = [source for source in sources(space) if not takes(space, design, source)]
    found = [other for source in left for other in with_source(space, design, source)]
    return [other for other in distinct(found) if other != design]


def _keeps_node(name: str) -> bool:
    """Whether a node without any message is more than zeros after the convolution."""
    convolution = CONVOLUTIONS[name](1)
    assert isinstance(convolution, LinearConvolution)
    terms = convolution.terms()
    return any(not isinstance(part, float) or part != 0.0 for part in (terms.target, terms.initial))


def _reads(name: str) -> bool:
    return ":" in name


def _features(slots: Choices | dict[str, tuple[str, ...]]) -> list[str]:
    return [slot for slot in slots if slot_kind(slot) == "features"]


def _aggregates(slots: Choices | dict[str, tuple[str, ...]], relation: str) -> list[str]:
    return [slot for slot in slots if slot_kind(slot) == "aggregate" and slot_relation(slot) == relation]
