"""What an adviser is told and asked for, and what can be read from its answer."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ops.registry import plain_name
from supernet.search.strategies.base import Choices
from supernet.space import SearchSpace
from supernet.space.slots import KINDS, slot_kind

BEST, WORST = 12, 6
"""Results that are shown, of either end."""

TASK = (
    "You advise a search for the graph neural network that recommends items best. A design takes one "
    "candidate for every slot; it is trained and scored on held-out interactions, higher is better. You are "
    "told the slots with their candidates, what the candidates do, and the best and the worst designs so "
    "far. Propose designs that were not scored yet, each different from the others: some that refine what "
    "the best have in common, some that try what nobody has tried. Spell slots and candidates exactly as "
    "given, and answer with the JSON that is asked for, nothing else."
)


def request(
    space: SearchSpace,
    results: Sequence[tuple[Choices, float]],
    wanted: int,
    model: str | None,
    temperature: float | None,
) -> dict[str, Any]:
    """The body of a chat completion that asks for `wanted` designs, by a strict JSON schema.

    Only open slots are asked for; fixed ones are told.
    """
    told = json.dumps(described(space) | told_results(space, results) | {"designs_wanted": wanted})
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": TASK}, {"role": "user", "content": told}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "designs", "strict": True, "schema": schema(space)},
        },
    }
    return body if temperature is None else body | {"temperature": temperature}


def schema(space: SearchSpace) -> dict[str, Any]:
    """JSON schema of {"designs": [{slot: candidate of this slot, …}, …]}, all open slots and no others."""
    slots = space.choices()
    design = _object({slot: {"type": "string", "enum": list(names)} for slot, names in slots.items()})
    return _object({"designs": {"type": "array", "items": design}})


def described(space: SearchSpace) -> dict[str, Any]:
    """The slots, open and fixed, and the first sentence about every candidate."""
    every, slots = space.candidates(), space.choices()
    meanings: dict[str, dict[str, str]] = {}
    for slot, names in every.items():
        kind = slot_kind(slot)
        meanings.setdefault(kind, {}).update({plain_name(n): _sentence(KINDS[kind][n]) for n in names})
    return {
        "slots": {slot: list(names) for slot, names in slots.items()},
        "fixed": {slot: names[0] for slot, names in every.items() if slot not in slots},
        "candidates": meanings,
    }


def told_results(space: SearchSpace, results: Sequence[tuple[Choices, float]]) -> dict[str, Any]:
    """How many designs were scored, the BEST of them from the best on, and the WORST of the others."""
    ordered = sorted(results, key=lambda result: -result[1])
    best, others = ordered[:BEST], ordered[BEST:]
    shown = {"best": best, "worst": others[-WORST:]}
    rows = {
        name: [{"score": round(score, 4), "design": _open(space, choices)} for choices, score in part]
        for name, part in shown.items()
    }
    return {"designs_scored": len(results), **rows}


def read_designs(space: SearchSpace, answer: str, wanted: int) -> tuple[list[Choices], Counter[str]]:
    """The designs in an answer, at most `wanted`, and why others are none: how many are missing since the
    answer is no such JSON ("unreadable"), since it holds fewer ("missing"), and how many have an unknown or
    missing slot or candidate ("unknown")."""
    try:
        listed = json.loads(answer)["designs"]
    except (ValueError, LookupError, TypeError, RecursionError):
        listed = None
    if not isinstance(listed, list):
        return [], Counter(unreadable=wanted)
    found = [design for design in listed[:wanted] if _fits(space, design)]
    unknown, missing = min(wanted, len(listed)) - len(found), max(0, wanted - len(listed))
    fixed = {slot: names[0] for slot, names in space.candidates().items()}
    return [fixed | design for design in found], +Counter(unknown=unknown, missing=missing)


def _fits(space: SearchSpace, design: object) -> bool:
    slots = space.choices()
    return (
        isinstance(design, dict)
        and design.keys() == slots.keys()
        and all(design[slot] in names for slot, names in slots.items())
    )


def _open(space: SearchSpace, choices: Mapping[str, str]) -> dict[str, str]:
    return {slot: choices[slot] for slot in space.choices()}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """As strict schemas want objects: all properties required, no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _sentence(part: object) -> str:
    """What a candidate's description begins with."""
    text = inspect.getdoc(part.func if isinstance(part, partial) else part) or ""
    return " ".join(text.split("\n\n")[0].split()).partition(" Shapes:")[0].partition(". ")[0].rstrip(".")
