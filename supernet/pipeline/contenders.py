"""The models that are set beside each other, and what their trainings give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from supernet.model import Recommender
from supernet.space import SearchSpace
from supernet.training.recipe import Recipe
from supernet.training.tuning import Tuned

DERIVED = "derived"
NETWORK = "network alone"
"""What a fused derived model gives without its fusion, in the tables: shown, and not compared with it."""

ABLATION = "derived with"
"""How the names of the derived model with, or without, one of its sources begin."""

RULED = f"{ABLATION} rules"
"""The derived model's lists under the experts' rules (derive.rules), in the tables."""


def is_rival(name: str) -> bool:
    """Whether a model is set against the derived one: not itself, nor a part of it."""
    return name not in (DERIVED, NETWORK) and not name.startswith(ABLATION)


@dataclass(frozen=True)
class Fusion:
    """A closed form by name, its settings, and its share in the score (`supernet.evaluation.fusion`)."""

    name: str
    share: float
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Contender:
    """A model to be trained, by name: a space with one design, and a recipe. `note` says where the recipe is
    from. once: with the first seed alone. epochs: train for exactly so many (0: chosen by the valid part).
    fusion: with a closed form, chosen in so many seconds. text_seconds: of fine-tuning the texts it reads.
    lent: the recipe is one that was tuned for another model."""

    name: str
    space: SearchSpace
    recipe: Recipe
    note: str
    tuned: Tuned | None = None
    once: bool = False
    epochs: int = 0
    fusion: Fusion | None = None
    fusion_seconds: float = 0.0
    text_seconds: float = 0.0
    lent: bool = False

    @property
    def choices(self) -> dict[str, str]:
        """Slot → candidate."""
        return {slot: names[0] for slot, names in self.space.candidates().items()}


@dataclass(frozen=True)
class Trained:
    """One training's outcome: lists (N_users, top) for all users, epochs, valid score (0 where there is no
    valid part to look at), seconds.

    A closed form also tells its settings, the seconds of their choice, and a note. alone: the lists of a
    fused model by its network alone. ruled: its lists under rules, and their effects where they were counted.
    cold: its lists of the rankings of new nodes, by name; cold_ruled: under rules.
    """

    lists: Tensor
    epochs: int
    valid: float
    seconds: float
    model: Recommender | None = None
    failure: str = ""
    settings: dict[str, Any] | None = None
    tuning_seconds: float = 0.0
    note: str = ""
    alone: Tensor | None = None
    ruled: Tensor | None = None
    effects: dict[str, Any] | None = None
    cold: dict[str, Tensor] | None = None
    cold_ruled: dict[str, Tensor] | None = None
