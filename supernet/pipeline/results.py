"""What the test part said of one model: its metrics seed by seed, and how it was trained."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from supernet.evaluation.metrics import PerUser
from supernet.evaluation.significance import average_seeds
from supernet.pipeline.contenders import Contender, Trained
from supernet.pipeline.yardstick import Yardstick

Values = dict[str, list[float]]
"""Metric → one value a seed."""


@dataclass(frozen=True)
class Result:
    """The test metrics of one model, seed by seed; per-user values of every seed; seconds; recipe, design.

    beyond, cohorts: as in `Measured`. seeded: trained once a seed; False for a closed form, which has none.
    """

    name: str
    metrics: Values
    per_user: tuple[PerUser, ...]
    seconds: float
    note: str
    recipe: dict[str, Any] | None
    epochs: list[int]
    choices: dict[str, str] | None = None
    fusion: dict[str, Any] | None = None
    beyond: Values = field(default_factory=dict)
    cohorts: Values = field(default_factory=dict)
    seeded: bool = True

    @classmethod
    def of(
        cls, name: str, contender: Contender | None, trained: Sequence[Trained], yardstick: Yardstick
    ) -> Result:
        """Measure the lists of every seed on the test part."""
        measured = [yardstick.measure(t.lists) for t in trained]
        tuning = contender.tuned.seconds if contender and contender.tuned else trained[0].tuning_seconds
        failures = [t.failure for t in trained if t.failure]
        note = trained[0].note if contender is None else contender.note
        return cls(
            name=name,
            metrics=_by_metric([m.per_user.means() for m in measured]),
            per_user=tuple(m.per_user for m in measured),
            seconds=sum(t.seconds for t in trained) / len(trained)
            + tuning
            + (contender.fusion_seconds + contender.text_seconds if contender else 0.0),
            note=f"{note}; {failures[0]}" if failures else note,
            recipe=trained[0].settings if contender is None else asdict(contender.recipe),
            epochs=[t.epochs for t in trained],
            choices=None if contender is None else contender.choices,
            fusion=None if contender is None or contender.fusion is None else asdict(contender.fusion),
            beyond=_by_metric([m.beyond for m in measured]),
            cohorts=_by_metric([m.cohorts for m in measured]),
            seeded=contender is not None,
        )

    @classmethod
    def mean(cls, name: str, results: Sequence[Result]) -> Result:
        """The mean over several models, seed by seed; a recipe only where it is the same of all."""
        first = results[0]
        return cls(
            name=name,
            metrics=_mean([r.metrics for r in results]),
            per_user=tuple(average_seeds(seed) for seed in zip(*(r.per_user for r in results), strict=True)),
            seconds=sum(r.seconds for r in results) / len(results),
            note=first.note,
            recipe=first.recipe if all(r.recipe == first.recipe for r in results) else None,
            epochs=first.epochs,
            beyond=_mean([r.beyond for r in results]),
            cohorts=_mean([r.cohorts for r in results]),
            seeded=all(r.seeded for r in results),
        )

    def means(self) -> dict[str, float]:
        """Every number averaged over the seeds: "ndcg@20", "beyond/gini@20", "cohorts/head/recall@20"."""
        groups = {"": self.metrics, "beyond/": self.beyond, "cohorts/": self.cohorts}
        return {f"{k}{m}": statistics.fmean(v) for k, values in groups.items() for m, v in values.items()}

    def report(self) -> dict[str, Any]:
        """As JSON: values of every seed, and of `metrics` the sample sd over them (None of one seed)."""
        sd = {m: statistics.stdev(v) if len(v) > 1 else None for m, v in self.metrics.items()}
        kept = ("metrics", "beyond", "cohorts", "seconds", "note", "recipe", "epochs", "choices", "fusion")
        return {key: getattr(self, key) for key in kept} | {"sd": sd}


def _by_metric(seeds: Sequence[Mapping[str, float]]) -> Values:
    return {metric: [seed[metric] for seed in seeds] for metric in seeds[0]}


def _mean(models: Sequence[Values]) -> Values:
    return {m: [statistics.fmean(v) for v in zip(*(x[m] for x in models), strict=True)] for m in models[0]}
