"""What a search can begin with from another: its alphas, and its genotype where that is a point of the
space."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping

import torch
from torch import Tensor

from supernet.search.selection import Choices
from supernet.space import Genotype, SearchSpace
from supernet.space.slots import slot_kind

Known = Mapping[str, Mapping[str, float]]
"""Slot → candidate → the alpha it had at the end of another search."""


def start_alphas(space: SearchSpace, known: Known, strength: float) -> dict[str, Tensor]:
    r"""Alphas to begin with, :math:`\alpha_k = s\,\alpha'_k` for candidates that the other search had too and
    the mean of these for new ones, by slot (K,); of the open slots alone of which `known` has two or more
    candidates, as one says nothing.

    strength: s. A candidate that the other search had dropped (−∞) begins with the least of the others.
    """
    found = {}
    for slot, names in space.choices().items():
        both = {name: known[slot][name] for name in names if name in known.get(slot, {})}
        finite = [alpha for alpha in both.values() if math.isfinite(alpha)]
        if len(both) < 2 or not finite:
            continue
        both = {name: max(alpha, min(finite)) for name, alpha in both.items()}
        mean = statistics.fmean(both.values())
        found[slot] = strength * torch.tensor([both.get(name, mean) for name in names])
    return found


def unmatched(space: SearchSpace, known: Known) -> list[str]:
    """What `start_alphas` finds no alphas for, in words: open slots, and candidates of the others."""
    found, slots = [], space.choices()
    lost = [slot for slot in slots if slot not in start_alphas(space, known, 1.0)]
    if lost:
        found.append(f"slots that begin at zero: {', '.join(lost)}")
    for slot in slots.keys() - set(lost):
        new = [name for name in slots[slot] if name not in known[slot]]
        found += [f"{slot}: new candidates begin at the mean: {', '.join(new)}"] if new else []
    return sorted(found)


def point_of(space: SearchSpace, genotype: Genotype, numbers: bool = True) -> Choices | None:
    """The genotype as a design of `space`, by the names of slots and candidates; None where it is none.

    A relation that only one of the two has is `none` in the design. numbers: those of its candidates must be
    in the space too; without, a tuned design is a point with its own.
    """
    slots = space.candidates()
    lost = [slot for slot, name in genotype.choices.items() if slot not in slots and not _absent(slot, name)]
    design = {slot: genotype.choices.get(slot, "none") for slot in slots}
    if lost:
        return None
    holds = all(design[slot] in names for slot, names in slots.items()) if numbers else space.holds(design)
    return design if holds else None


def _absent(slot: str, name: str) -> bool:
    return slot_kind(slot) == "aggregate" and name == "none"
