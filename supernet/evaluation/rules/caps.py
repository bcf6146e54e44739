"""Caps: at most so many items of a kind in the beginning of a list, by a greedy choice over the ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from supernet.evaluation.ranking import top_of_block

DEPTH = 4
"""Candidates that a first look takes, in lengths of the list."""


@dataclass(frozen=True, eq=False)
class Caps:
    """Kinds of items, each with a bound: of the kinds groups[i] of an item, a list holds at most limits[g]
    items of kind g in its first untils[g] places.

    groups (N_items, V) int64: the kinds of an item, no kind twice, filled up with the number of kinds G,
    which stands for none; limits, untils (G + 1,) int64.
    """

    groups: Tensor
    limits: Tensor
    untils: Tensor

    @classmethod
    def of(
        cls, members: Sequence[Tensor], limits: Sequence[int], untils: Sequence[int], n_items: int
    ) -> Caps:
        """Kind g has the items members[g] (int64, none twice), and its bound. Kinds with no more items than
        their bound allows can never break it and are left out."""
        kept = [g for g, items in enumerate(members) if len(items) > limits[g]]
        items = torch.cat([members[g] for g in kept]) if kept else torch.zeros(0, dtype=torch.int64)
        kinds = torch.arange(len(kept)).repeat_interleave(
            torch.tensor([len(members[g]) for g in kept]).long()
        )
        order = items.argsort(stable=True)
        items, kinds = items[order], kinds[order]
        counts = torch.bincount(items, minlength=n_items)
        places = torch.arange(len(items)) - (counts.cumsum(0) - counts)[items]
        groups = torch.full((n_items, int(counts.max()) if n_items else 0), len(kept))
        groups[items, places] = kinds
        everything = torch.iinfo(torch.int64).max
        bounds = torch.tensor([*(limits[g] for g in kept), everything])
        return cls(groups, bounds, torch.tensor([*(untils[g] for g in kept), 0]))

    def to(self, device: torch.device) -> Caps:
        """The same on another device."""
        return Caps(self.groups.to(device), self.limits.to(device), self.untils.to(device))


def capped_top(scores: Tensor, k: int, caps: Caps) -> Tensor:
    """The lists that a greedy choice fills place by place with the best item left that breaks no cap.

    Where no item is allowed in a place the list ends: a longer one would break a cap. Items of score -inf are
    never listed, ties go to the item with the lower index. Where no item is of two kinds and every cap is on
    the whole list, no other list that keeps the caps is longer or has a larger sum of scores (the choice is
    greedy on a partition matroid); of several kinds, such as genres, an item counts for each, and the greedy
    list is the definition.

    A few times k candidates fill nearly every list. For the others the scores are looked at again without
    the items that are listed or that a full kind keeps out, until lists are full or nothing is allowed.
    Shapes: (B, N_items), k ≤ N_items -> (B, k) int64, -1 where a list ends early. `scores` stay as they are.
    Errors: FloatingPointError if a score is NaN.
    """
    caps = caps.to(scores.device)
    lists = scores.new_full((len(scores), k), -1, dtype=torch.int64)
    counts = scores.new_zeros((len(scores), len(caps.limits)), dtype=torch.int32)
    rows, depth = torch.arange(len(scores), device=scores.device), min(DEPTH * k, scores.shape[1])
    left = scores
    while len(rows):
        candidates = top_of_block(left, depth)
        lists[rows], counts[rows] = _filled(lists[rows], counts[rows], candidates, caps)
        rows = rows[(candidates[:, 0] >= 0) & (lists[rows, k - 1] < 0)]
        left = scores[rows].masked_fill_(_kept_out(lists[rows], counts[rows], caps), -torch.inf)
    return lists


def _filled(lists: Tensor, counts: Tensor, candidates: Tensor, caps: Caps) -> tuple[Tensor, Tensor]:
    """Lists and the counts of their kinds, filled from the candidates up to the next place where a cap ends:
    from there on, candidates that were passed over may be allowed, and are looked at anew."""
    length = (lists >= 0).sum(dim=1)
    ends = caps.untils.masked_fill(caps.untils <= length.unsqueeze(1), lists.shape[1]).amin(dim=1)
    ends = ends.clamp(max=lists.shape[1])
    for items in candidates.unbind(dim=1):
        kinds = caps.groups[items.clamp(min=0)]
        open_ = (counts.gather(1, kinds) < caps.limits[kinds]) | (length.unsqueeze(1) >= caps.untils[kinds])
        taken = (items >= 0) & (length < ends) & open_.all(dim=1)
        lists[taken, length[taken]] = items[taken]
        counts.scatter_add_(1, kinds, taken.int().unsqueeze(1).expand_as(kinds))
        length += taken
        if bool((length == ends).all()):
            break
    return lists, counts


def _kept_out(lists: Tensor, counts: Tensor, caps: Caps) -> Tensor:
    """Which items cannot stand in the next place: (R, N_items) bool."""
    length = (lists >= 0).sum(dim=1, keepdim=True)
    full = (counts >= caps.limits) & (length < caps.untils)
    out = counts.new_zeros((len(lists), len(caps.groups)), dtype=torch.bool)
    for kinds in caps.groups.unbind(dim=1):
        out |= full[:, kinds]
    row, place = (lists >= 0).nonzero(as_tuple=True)
    out[row, lists[row, place]] = True
    return out
