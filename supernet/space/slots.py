"""Kinds of slots, and what the names of their candidates say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.activation import ACTIVATIONS
from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from ops.readout import READOUTS
from ops.registry import Registry, plain_name, written
from ops.score import SCORES
from supernet.features import FEATURES
from supernet.runtime import InputError

KINDS: dict[str, Registry[Any]] = {
    "features": FEATURES,
    "aggregate": AGGREGATORS,
    "convolve": CONVOLUTIONS,
    "activation": ACTIVATIONS,
    "readout": READOUTS,
    "score": SCORES,
}
"""Every kind of slot, and the registry its candidates come from."""


def slot_kind(slot: str) -> str:
    """The kind of a slot: "layer1/user/convolve" → "convolve", "features/user" → "features".

    Errors: InputError where it is of none.
    """
    for kind in KINDS:
        if kind in slot.split("/"):
            return kind
    raise InputError(f"no slot {slot!r}")


def slot_relation(slot: str) -> str:
    """The relation of an aggregate slot: "layer1/item/cooccurrence/aggregate" → "cooccurrence"."""
    return slot.split("/")[-2]


def check_scalar(key: str) -> None:
    """Errors: InputError where "sym.left" names no number of any candidate."""
    known = {
        f"{name}.{scalar}": bounds
        for registry in KINDS.values()
        for name in registry
        for scalar, bounds in registry.bounds(name).items()
    }
    choices = [name for name, bounds in known.items() if not bounds.whole]
    if key not in choices:
        raise InputError(f"no candidate has a number {key!r}; choose from: {', '.join(choices)}")


def shifted(slot: str, name: str, shifts: Mapping[str, float]) -> str:
    """A candidate with these added to its numbers, "sym" and {"sym.left": -0.1} → "sym(0.4,0.5)"; kept within
    bounds."""
    registry, plain = KINDS[slot_kind(slot)], plain_name(name)
    bounds, values = registry.bounds(name), registry.scalars(name)
    moved = {key: value + shifts.get(f"{plain}.{key}", 0.0) for key, value in values.items()}
    kept = {key: min(max(value, bounds[key].low), bounds[key].high) for key, value in moved.items()}
    return registry.spelled(written(plain, kept)) if kept else name


def spelled(slot: str, name: str) -> str:
    """The one spelling of a candidate; what no registry knows stays as it is, for the check."""
    try:
        return KINDS[slot_kind(slot)].spelled(name)
    except LookupError:
        return name


def check_candidates(slot: str, names: Sequence[str]) -> None:
    """Errors: InputError for a slot without candidates, and for one that is unknown or named twice."""
    registry = KINDS[slot_kind(slot)]
    if not names:
        raise InputError(f"space: slot {slot} has no candidate; choose from: {', '.join(registry)}")
    for name in names:
        if name not in registry:
            known = ", ".join(registry)
            raise InputError(f"space: slot {slot} has an unknown candidate {name!r}; choose from: {known}")
        try:
            registry[name]
        except LookupError as error:
            raise InputError(f"space: slot {slot}: {error.args[0]}") from None
    if len(set(names)) < len(names):
        raise InputError(f"space: slot {slot} names a candidate twice: {', '.join(names)}")
