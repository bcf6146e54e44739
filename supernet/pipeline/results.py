"""What the test part said of one model: its metrics seed by seed, and how it was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from supernet.data.dataset import Dataset, UserItems
from supernet.evaluation.metrics import PerUser, evaluate
from supernet.evaluation.significance import average_seeds
from supernet.pipeline.contenders import Contender, Trained


@dataclass(frozen=True)
class Result:
    """The test metrics of one model: metric → one value a seed; per-user values of every seed; seconds;
    recipe."""

    name: str
    metrics: dict[str, list[float]]
    per_user: tuple[PerUser, ...]
    seconds: float
    note: str
    recipe: dict[str, Any] | None
    epochs: list[int]

    @classmethod
    def of(
        cls,
        name: str,
        contender: Contender | None,
        trained: Sequence[Trained],
        test: UserItems,
        data: Dataset,
        ks: Sequence[int],
    ) -> Result:
        """Measure the lists of every seed on the test part."""
        users = (test.counts > 0).nonzero().flatten()
        measured = [evaluate(t.lists[users], users, test, data.n_items, ks=tuple(ks)) for t in trained]
        means = [m.means() for m in measured]
        tuning = 0.0 if contender is None or contender.tuned is None else contender.tuned.seconds
        failures = [t.failure for t in trained if t.failure]
        note = "" if contender is None else contender.note
        return cls(
            name=name,
            metrics={metric: [m[metric] for m in means] for metric in means[0]},
            per_user=tuple(measured),
            seconds=sum(t.seconds for t in trained) / len(trained) + tuning,
            note=f"{note}; {failures[0]}" if failures else note,
            recipe=None if contender is None else asdict(contender.recipe),
            epochs=[t.epochs for t in trained],
        )

    @classmethod
    def mean(cls, name: str, results: Sequence[Result]) -> Result:
        """The mean over several models, seed by seed; a recipe only where it is the same of all."""
        metrics = {
            metric: [
                float(np.mean(values)) for values in zip(*(r.metrics[metric] for r in results), strict=True)
            ]
            for metric in results[0].metrics
        }
        per_user = tuple(average_seeds(seed) for seed in zip(*(r.per_user for r in results), strict=True))
        seconds = sum(r.seconds for r in results) / len(results)
        recipes = [r.recipe for r in results]
        recipe = recipes[0] if all(r == recipes[0] for r in recipes) else None
        return cls(name, metrics, per_user, seconds, results[0].note, recipe, results[0].epochs)
