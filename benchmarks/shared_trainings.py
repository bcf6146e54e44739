"""Short trainings that the methods of search_quality.py share: one of a design, seed and recipe is the same
in every search, so it is made once, and every method that asks for it pays its seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from supernet.config import TrainConfig
from supernet.pipeline.short_trainings import ShortTrainings, training_key
from supernet.search.selection import Choices


class SharedTrainings(ShortTrainings):
    """Those in a file, for one choice of one method.

    lent: seconds of the trainings that stood in the file when the method first asked for them: what it would
    have spent.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path)
        self.lent = 0.0
        self._others = {training_key(row.choices, row.steps, row.repeat): row.seconds for row in self.rows}

    def score(
        self, choices: Choices, steps: int, train: Callable[[], float], cost: float = 0.0, repeat: int = 0
    ) -> float:
        """As that of `ShortTrainings`."""
        self.lent += self._others.pop(training_key(choices, steps, repeat), 0.0)
        return super().score(choices, steps, train, cost, repeat)


def file_of(folder: Path, config: TrainConfig) -> Path:
    """Of the trainings of searches of this config: named by all that they depend on, which is of the search
    only how long they are and at which temperatures."""
    settings = config.search
    same = replace(config, search=(settings.select_steps, list(settings.select_temperatures)), run=None)
    digest = hashlib.sha256(repr(same).encode()).hexdigest()[:12]
    return folder / f"{digest}.jsonl"
