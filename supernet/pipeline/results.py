"""What the test part said of one model: its metrics seed by seed, and how it was trained."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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
    failed: the places, in the list of seeds, of those that ended without a model; their values are left out,
    but where all failed (`nothing`), then they are those of empty lists. lent: another model's recipe, not
    tuned on its own.
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
    failed: tuple[int, ...] = ()
    lent: bool = False

    @property
    def nothing(self) -> bool:
        """Whether no seed came to a model."""
        return len(self.failed) == len(self.per_user)

    @property
    def places(self) -> list[int]:
        """Of each of `per_user`, the place of its seed in the list of seeds."""
        if self.nothing:
            return list(self.failed)
        return [k for k in range(len(self.per_user) + len(self.failed)) if k not in self.failed]

    @classmethod
    def of(
        cls, name: str, contender: Contender | None, trained: Sequence[Trained], yardstick: Yardstick
    ) -> Result:
        """Measure the lists of every seed on the test part."""
        failed = tuple(k for k, one in enumerate(trained) if one.failure)
        sound = [one for one in trained if not one.failure] or trained
        measured = [yardstick.measure(t.lists) for t in sound]
        tuning = contender.tuned.seconds if contender and contender.tuned else trained[0].tuning_seconds
        failures = [t.failure for t in trained if t.failure]
        note = trained[0].note if contender is None else contender.note
        if len(trained) > 1 and failed:
            note = f"{note}; {len(failed)} of {len(trained)} seeds failed"
        return cls(
            name=name,
            metrics=_by_metric([m.per_user.means() for m in measured]),
            per_user=tuple(m.per_user for m in measured),
            seconds=sum(t.seconds for t in trained) / len(trained)
            + tuning
            + (contender.fusion_seconds + contender.text_seconds if contender else 0.0),
            note=f"{note}; {failures[0]}" if failures else note,
            recipe=trained[0].settings if contender is None else asdict(contender.recipe),
            epochs=[t.epochs for t in sound],
            choices=None if contender is None else contender.choices,
            fusion=None if contender is None or contender.fusion is None else asdict(contender.fusion),
            beyond=_by_metric([m.beyond for m in measured]),
            cohorts=_by_metric([m.cohorts for m in measured]),
            seeded=contender is not None,
            failed=failed,
            lent=contender is not None and contender.lent,
        )

    @classmethod
    def mean(cls, name: str, results: Sequence[Result]) -> Result:
        """The mean over several models, seed by seed, of the seeds that all of them came to an end with (if
        there is none: of the models that did with all); a recipe only where it is the same of all."""
        results = _at_common_seeds(results)
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
            failed=first.failed,
            lent=any(r.lent for r in results),
        )

    def means(self) -> dict[str, float]:
        """Every number averaged over the seeds: "ndcg@20", "beyond/gini@20", "cohorts/head/recall@20"."""
        groups = {"": self.metrics, "beyond/": self.beyond, "cohorts/": self.cohorts}
        return {f"{k}{m}": statistics.fmean(v) for k, values in groups.items() for m, v in values.items()}

    def report(self) -> dict[str, Any]:
        """As JSON: values of every seed, and of `metrics` the sample sd over them (None of one seed)."""
        sd = {m: statistics.stdev(v) if len(v) > 1 else None for m, v in self.metrics.items()}
        kept = ("metrics", "beyond", "cohorts", "seconds", "note", "recipe", "epochs", "choices", "fusion")
        return {key: getattr(self, key) for key in (*kept, "lent")} | {"sd": sd}


def _at_common_seeds(results: Sequence[Result]) -> list[Result]:
    finished = [r for r in results if not r.nothing]
    if not finished:
        return list(results)
    common = set.intersection(*(set(r.places) for r in finished))
    if not common:
        finished = [r for r in finished if r.places == max(finished, key=lambda r: len(r.places)).places]
        common = set(finished[0].places)
    return [_at(r, sorted(common)) for r in finished]


def _at(result: Result, places: Sequence[int]) -> Result:
    """The result at these places of the list of seeds alone."""
    kept = [result.places.index(k) for k in places]

    def some(values: Values) -> Values:
        return {name: [own[k] for k in kept] for name, own in values.items()}

    return replace(
        result,
        metrics=some(result.metrics),
        beyond=some(result.beyond),
        cohorts=some(result.cohorts),
        per_user=tuple(result.per_user[k] for k in kept),
        epochs=[result.epochs[k] for k in kept],
        failed=tuple(k for k in range(max(places) + 1) if k not in places),
    )


def _by_metric(seeds: Sequence[Mapping[str, float]]) -> Values:
    return {metric: [seed[metric] for seed in seeds] for metric in seeds[0]}


def _mean(models: Sequence[Values]) -> Values:
    return {m: [statistics.fmean(v) for v in zip(*(x[m] for x in models), strict=True)] for m in models[0]}
