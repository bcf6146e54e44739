"""Rules from experts in derive.py: bound before anything is trained, packed with the model, told of."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from supernet.config import DeriveConfig
from supernet.data.cold import ALL, COLD
from supernet.data.dataset import Dataset
from supernet.data.graph import ITEM
from supernet.evaluation.rules import Bound, Rules, bind, read_rules, rules_for_new, save_rules
from supernet.pipeline.cold import TEST
from supernet.pipeline.contenders import RULED, Trained
from supernet.runtime import write_text

TEXT, ARRAYS = "rules.yaml", "rules.pt"
"""In the run folder: the rules as they were given, and bound to the items, for a server."""

RULES_NOTE = (
    "Items: those that a rule is about; places: that they have in the lists without rules and with all of "
    "them; lists and items changed: what the rule alone brings about, found by leaving it out (items: listed "
    "ones that would not be), so that of two rules that ask for the same both have 0."
)


def bound_rules(config: DeriveConfig, data: Dataset, log: logging.Logger) -> Bound | None:
    """The rules of derive.rules for the items of `data`, each logged. Errors: InputError, see `bind`."""
    if config.rules is None:
        return None
    bound = bind(read_rules(Path(config.rules)), data, config.top)
    for rule, members in zip(bound.book.rules, bound.members, strict=True):
        log.info("rule %d: %s: %d items", rule.place.number, rule, int(members.sum()))
    for note in bound.notes:
        log.warning("%s", note)
    return bound


def new_rules(bound: Bound | None, data: Dataset, top: int) -> dict[str, Rules]:
    """The rules for the candidates of each ranking of new nodes, by its name (`tasks_of`): new users are told
    of the known items."""
    if bound is None or data.cold is None:
        return {}
    if data.cold.side != ITEM:
        return {ALL: bound.rules}
    ids = data.cold.folds[TEST].ids
    return {name: rules_for_new(bound, data, ids, top, beside=name == ALL) for name in (COLD, ALL)}


def pack_rules(folder: Path, bound: Bound) -> None:
    """Write both files into the run folder."""
    write_text(folder / TEXT, bound.book.text)
    save_rules(folder / ARRAYS, bound.rules)


def rules_report(bound: Bound, derived: Trained) -> dict[str, Any]:
    """The rules and what they did to the lists of the derived model's first training, as JSON."""
    book = bound.book
    given = {"file": str(book.path), "digest": bound.digest, "text": book.text, "notes": list(bound.notes)}
    return given | {"effects": derived.effects}


def rules_sentence(bound: Bound, derived: Trained) -> str:
    """What the rules did, in a few words."""
    told = derived.effects
    rules = f"Rules ({bound.book.path.name}, {len(bound.book.rules)})"
    if told is None:
        return f"{rules}: the derived model has no lists."
    changed = f"{told['lists_changed']:,} of {told['lists']:,} lists and {told['slots_changed']:,} of"
    return (
        f"{rules}, in the row {RULED!r} alone: {changed} {told['slots']:,} places changed; "
        f"{told['items_excluded']:,} items excluded, which had {told['slots_excluded']:,} places; "
        f"{told['lists_shorter']:,} lists shorter."
    )


def rules_section(bound: Bound, derived: Trained) -> str:
    """Rule by rule, in Markdown."""
    columns = ["items", "slots_before", "slots_after", "lists_changed", "items_changed"]
    heads = ["items", "places without", "places with", "lists changed", "items changed"]
    lines = ["| " + " | ".join(["", "rule", *heads]) + " |", "| ---: | --- |" + " ---: |" * len(heads)]
    for told in (derived.effects or {"rules": []})["rules"]:
        cells = [str(told["number"]), told["rule"].replace("|", "\\|")]
        lines.append("| " + " | ".join([*cells, *(f"{told[column]:,}" for column in columns)]) + " |")
    below = [rules_sentence(bound, derived), RULES_NOTE, *bound.notes]
    return "## Rules\n\n" + "\n".join(lines) + "\n\n" + "\n".join(f"{line}  " for line in below) + "\n"
