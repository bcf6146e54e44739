"""What rules did to the lists, counted: in all, and rule by rule by leaving each out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from supernet.evaluation.rules.apply import Rules
from supernet.evaluation.rules.bind import Bound


def effects(plain: Tensor, ruled: Tensor, bound: Bound, lists: Callable[[Rules], Tensor]) -> dict[str, Any]:
    """Counts, ready for JSON, over lists without rules and with them. lists: makes the lists of other rules.

    lists, lists_changed, slots (filled without rules), slots_changed (another item, or none, in a place),
    items_excluded, slots_excluded (of the plain lists, with an item that is excluded now), lists_shorter and
    slots_empty (than without rules). rules: of each its line, number, kind, text and the items it is about;
    slots_before and slots_after, the places that these items have without rules and with them; and what this
    rule alone brings about, found by leaving it out: lists_changed, and items_changed, the listed items that
    would not be listed. Of two rules that ask for the same, both have 0 there.
    Shapes: plain, ruled (U, K) int64, -1 where a list ends early; lists -> the same.
    """
    changed, length, was = plain != ruled, (ruled >= 0).sum(dim=1), (plain >= 0).sum(dim=1)
    found = {
        "lists": len(plain),
        "lists_changed": int(changed.any(dim=1).sum()),
        "slots": int(was.sum()),
        "slots_changed": int(changed.sum()),
        "items_excluded": int(bound.rules.excluded.sum()),
        "slots_excluded": _slots(plain, bound.rules.excluded),
        "lists_shorter": int((length < was).sum()),
        "slots_empty": int((was - length).clamp(min=0).sum()),
    }
    rules = []
    for rule, members, without in zip(bound.book.rules, bound.members, bound.without, strict=True):
        others = lists(without)
        told = {
            "line": rule.place.line,
            "number": rule.place.number,
            "kind": rule.kind,
            "rule": str(rule),
            "items": int(members.sum()),
            "slots_before": _slots(plain, members),
            "slots_after": _slots(ruled, members),
            "lists_changed": int((others != ruled).any(dim=1).sum()),
            "items_changed": _new(ruled, others),
        }
        rules.append(told)
    return found | {"rules": rules}


def _slots(lists: Tensor, items: Tensor) -> int:
    """In how many places of the lists one of the items, (N_items,) bool, stands."""
    return int(items.to(lists.device)[lists[lists >= 0]].sum())


def _new(lists: Tensor, others: Tensor, rows: int = 2**14) -> int:
    """How many listed items the other list of the same user does not hold."""
    return sum(
        int(((a.unsqueeze(2) != b.unsqueeze(1)).all(dim=2) & (a >= 0)).sum())
        for a, b in zip(lists.split(rows), others.split(rows), strict=True)
    )
