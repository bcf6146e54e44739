"""Designs that a search has judged, as a run folder holds them: a line each of a JSON file."""

from __future__ import annotations

from dataclasses import dataclass

EVALUATIONS = "evaluations.jsonl"
"""What a strategy asked for."""

SELECTION = "selection.jsonl"
"""The short trainings of a selection, and of a strategy that is given them."""


@dataclass(frozen=True)
class Evaluation:
    """One design with its score; `best`, the best score so far, and `seconds` of all evaluations so far, make
    the anytime curve. repeated: the score is that of an earlier evaluation of the same design."""

    choices: dict[str, str]
    score: float
    best: float
    seconds: float
    repeated: bool = False


@dataclass(frozen=True)
class ShortTraining:
    """A design that was trained for so many batches, what it came to on valid, and what that took. cost: what
    is taken off its score where costs are weighed."""

    choices: dict[str, str]
    steps: int
    score: float
    seconds: float
    cost: float = 0.0

    @property
    def value(self) -> float:
        """What the selection ranks it by."""
        return self.score - self.cost
