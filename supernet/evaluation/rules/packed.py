"""Bound rules as one file of arrays, for serving: no text of rules and no table of items is needed."""

from __future__ import annotations

from pathlib import Path

import torch

from supernet.evaluation.rules.apply import Rules
from supernet.evaluation.rules.caps import Caps
from supernet.runtime import InputError, atomic_path

VERSION = 1


def save_rules(path: Path, rules: Rules) -> None:
    """Write the arrays, in the order of the items that the rules are bound to."""
    with atomic_path(path) as temporary:
        torch.save({"version": VERSION, "arrays": rules.arrays()}, temporary)


def load_rules(path: Path, n_items: int) -> Rules:
    """What `save_rules` wrote. Errors: InputError for a file that is missing, no such file, of another
    version, or of rules for another number of items."""
    try:
        saved = torch.load(path, weights_only=True, map_location="cpu")
        version, arrays = saved["version"], saved["arrays"]
        excluded, boosts = arrays.pop("excluded"), arrays.pop("boosts")
        rules = Rules(excluded, boosts, Caps(**arrays) if arrays else None)
    except Exception as error:  # torch raises what it meets: a broken archive may be any of a dozen kinds
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: no packed rules: {reason}; derive the run anew with rules=FILE") from error
    if version != VERSION:
        raise InputError(f"{path}: its version is {version}, this program reads {VERSION}; derive anew")
    if len(rules.excluded) != n_items:
        raise InputError(
            f"{path}: rules for {len(rules.excluded):,} items, and there are {n_items:,}; take both from one "
            "run"
        )
    return rules
