"""Two models seed by seed: how far the training seed decides."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from supernet.evaluation.significance import interval_over_seeds
from supernet.pipeline.results import Result


@dataclass(frozen=True)
class Seeds:
    """derived − model, one difference for each seed that both came to an end with, their mean and sample sd
    (None of fewer than two); low, high: the 95 % interval for other users and other seeds
    (`interval_over_seeds`; None where neither was trained with two seeds)."""

    differences: list[float]
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, derived: Result, other: Result, metric: str) -> Seeds:
        """A closed form has no seed: it stands against every one."""
        ours, theirs = (dict(zip(r.places, r.metrics[metric], strict=True)) for r in (derived, other))
        if not other.seeded:
            theirs = dict.fromkeys(ours, other.metrics[metric][0])
        found = [ours[k] - theirs[k] for k in ours if k in theirs]
        interval = interval_over_seeds(derived.per_user, other.per_user, metric, other.seeded)
        low, high = (None, None) if interval is None else interval
        mean = statistics.fmean(found) if found else None
        return cls(found, mean, statistics.stdev(found) if len(found) > 1 else None, low, high)

    @property
    def above(self) -> bool:
        """Whether the seeds leave the derived model ahead; so where nothing is known of them."""
        return self.low is None or self.low > 0

    @property
    def below(self) -> bool:
        """Whether they leave it behind; so where nothing is known of them."""
        return self.high is None or self.high < 0
