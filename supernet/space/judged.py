"""Designs that a search has judged, as a run folder holds them: a line each of a JSON file."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace

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
    is taken off its score where costs are weighed. repeat: its number, from 0, among the trainings of the
    same design and length, which differ in their seeds."""

    choices: dict[str, str]
    steps: int
    score: float
    seconds: float
    cost: float = 0.0
    repeat: int = 0

    @property
    def value(self) -> float:
        """What the selection ranks it by."""
        return self.score - self.cost


def averaged(rows: Iterable[ShortTraining]) -> list[ShortTraining]:
    """One row for each design and length, with the mean score of its trainings, their seconds together and
    the number of the last one."""
    alike: dict[tuple[object, ...], list[ShortTraining]] = {}
    for row in rows:
        alike.setdefault((row.steps, *sorted(row.choices.items())), []).append(row)
    return [
        replace(
            same[-1],
            score=statistics.fmean(row.score for row in same),
            seconds=sum(row.seconds for row in same),
            repeat=len(same) - 1,
        )
        for same in alike.values()
    ]
