"""What a tuning space may hold: fields of the recipe, and numbers of the design."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from supernet.runtime import InputError
from supernet.space import check_scalar
from supernet.training.recipe import Recipe

SHARES = ("item_norm", "hard")
"""Fields of a recipe that lie in [0, 1]."""

RATES = ("dropout", "edge_dropout", "item_dropout")
"""Fields that lie in [0, 1)."""


def check_space(space: Mapping[str, Mapping[str, Any]], sampler: str) -> None:
    """Errors: InputError for a field that a recipe lacks, a malformed range, or a range in a grid."""
    for key, spec in space.items():
        if key == "loss":
            raise InputError("tuning.space.loss: models are compared at one loss; set loss=NAME in train.py")
        if "." not in key and key not in Recipe.__dataclass_fields__:
            known = ", ".join(name for name in Recipe.__dataclass_fields__ if name != "loss")
            raise InputError(f"tuning.space: a recipe has no {key!r}; choose from: {known}")
        if spec.keys() != {"choices"} and not {"low", "high"} <= spec.keys() <= {"low", "high", "log"}:
            raise InputError(
                f"tuning.space.{key}: give choices, or low and high (and log); found {dict(spec)}"
            )
        if "." in key:
            _check_shift(key, spec)
        elif "choices" not in spec:
            _check_range(key, spec)
        elif not spec["choices"]:
            raise InputError(f"tuning.space.{key}.choices is empty; give at least one value")
        else:
            _check_share(key, spec["choices"])
        if sampler == "grid" and "choices" not in spec:
            raise InputError(f"tuning.space.{key}: a grid needs choices, found {dict(spec)}")


def _check_shift(key: str, spec: Mapping[str, Any]) -> None:
    try:
        check_scalar(key)
    except InputError as error:
        raise InputError(f"tuning.space: {error}") from None
    values = spec["choices"] if "choices" in spec else [spec["low"], spec["high"]]
    plain = all(isinstance(v, int | float) and math.isfinite(v) for v in values)
    if not values or spec.get("log") or not plain or ("low" in spec and values[0] > values[1]):
        raise InputError(
            f"tuning.space.{key} is added to a number of the design: give choices, or low and high, finite "
            f"and without log; found {dict(spec)}"
        )


def _check_range(key: str, spec: Mapping[str, Any]) -> None:
    if not isinstance(Recipe.__dataclass_fields__[key].default, float):
        raise InputError(f"tuning.space.{key}: a range is for real numbers; give choices")
    try:
        low, high = float(spec["low"]), float(spec["high"])
    except (TypeError, ValueError):
        raise InputError(f"tuning.space.{key}: low and high must be numbers, found {dict(spec)}") from None
    _check_share(key, (low, high))
    bound = "above 0" if spec.get("log") or key == "lr" or key.endswith("temperature") else "at least 0"
    if not low <= high < float("inf") or low < 0 or (low == 0 and bound == "above 0"):
        raise InputError(
            f"tuning.space.{key}: low must be {bound} and at most high, and both finite; found {dict(spec)}"
        )


def _check_share(key: str, values: Sequence[Any]) -> None:
    bound = "[0, 1]" if key in SHARES else "[0, 1)"
    if key in (*SHARES, *RATES) and not all(0 <= v <= 1 and (v < 1 or key in SHARES) for v in values):
        raise InputError(f"tuning.space.{key}: values must lie in {bound}, found {list(values)}")
