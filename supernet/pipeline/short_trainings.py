"""The short trainings of a selection, written down one by one: a search that is killed in its selection does
not train them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from supernet.runtime import add_row, read_rows
from supernet.search.selection import Choices
from supernet.space.judged import ShortTraining


class ShortTrainings:
    """Those of one search, a line each of a JSON file, or in memory alone.

    A training depends on the design, its steps, its number among those that differ in their seeds alone, and
    the run's config, which a run folder holds fixed.
    Errors: InputError for a line that is none; a last line that was cut off is left out.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.rows = read_rows(path, ShortTraining, "a training of a selection")
        self._known = {training_key(row.choices, row.steps, row.repeat): row for row in self.rows}

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return sum(row.seconds for row in self.rows)

    def score(
        self, choices: Choices, steps: int, train: Callable[[], float], cost: float = 0.0, repeat: int = 0
    ) -> float:
        """The score that is written down, or that of a training. cost: what a selection takes off it."""
        key = training_key(choices, steps, repeat)
        known = self._known.get(key)
        if known is not None:
            return known.score
        start = perf_counter()
        row = ShortTraining(dict(choices), steps, train(), perf_counter() - start, cost, repeat)
        self.rows.append(row)
        self._known[key] = row
        add_row(self.path, row)
        return row.score


def training_key(choices: Choices, steps: int, repeat: int = 0) -> tuple[object, ...]:
    """Equal for trainings of one search that are the same."""
    return (steps, repeat, *sorted(choices.items()))
