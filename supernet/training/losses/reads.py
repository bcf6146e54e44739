"""Which fields of a recipe its loss reads: one table for the checks of a config and of a tuning space."""

from __future__ import annotations

from collections.abc import Callable

from supernet.training.losses.base import SHARED, SOLE
from supernet.training.recipe import Recipe

Condition = tuple[str, Callable[[Recipe], bool]]
"""What is to be set, in words, and whether a recipe has it so."""


def _of(*losses: str) -> Condition:
    return f"loss.name={'|'.join(losses)}", lambda recipe: recipe.loss in losses


def _by(sampling: str) -> Condition:
    return f"loss.sampling={sampling}", lambda recipe: recipe.sampling == sampling


SOME: Condition = (
    f"another loss.name than {' and '.join(SOLE)}",
    lambda recipe: recipe.loss not in SOLE,
)
DRAWN: Condition = ("another loss.sampling than all", lambda recipe: recipe.sampling != "all")
CONTRAST: Condition = ("a loss.contrast above 0", lambda recipe: recipe.contrast > 0)

READ_WITH: dict[str, tuple[Condition, ...]] = {
    "temperature": (_of(*SHARED),),
    "positive_temperature": (_of("bsl"),),
    "similarity": (SOME,),
    "negatives": (SOME, DRAWN),
    "sampling": (SOME,),
    "popularity": (SOME, _by("popularity")),
    "candidates": (SOME, _by("hard")),
    "hard": (SOME, _by("hard")),
    "in_batch": (_of(*SHARED), DRAWN),
    "correction": (_of(*SHARED),),
    "margin": (_of("ccl"),),
    "negative_weight": (_of("ccl"),),
    "uniformity": (_of("directau"),),
    "noise": (CONTRAST,),
    "contrast_layer": (CONTRAST,),
    "contrast_temperature": (CONTRAST,),
}
"""Field → all that must be set for it to be read; fields that are not here are read always."""


def lacking(field: str, recipe: Recipe) -> str:
    """What would have to be set for the recipe's loss to read the field, in words; "" where it does."""
    return next((words for words, holds in READ_WITH.get(field, ()) if not holds(recipe)), "")
