"""The derived model against every other: paired tests, who wins, and by name whoever beats it."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from supernet.evaluation.metrics import PerUser
from supernet.evaluation.significance import Comparison, average_seeds, compare, holm
from supernet.pipeline.contenders import ABLATION, DERIVED, NETWORK, is_rival
from supernet.pipeline.results import Result

LEVEL = 0.05
"""Bound on the Holm-corrected p of a significant difference."""


@dataclass(frozen=True)
class Defeat:
    """A model that beats the derived one beyond noise. difference = derived − model, below 0, with its 95 %
    bootstrap interval; relative: the same over the model's mean (None where that is 0)."""

    model: str
    metric: str
    derived_mean: float
    model_mean: float
    difference: float
    relative: float | None
    low: float
    high: float
    holm_p: float

    @classmethod
    def of(cls, model: str, found: Comparison, holm_p: float) -> Defeat:
        """The same from a comparison."""
        return cls(
            model=model,
            metric=found.metric,
            derived_mean=found.mean_a,
            model_mean=found.mean_b,
            difference=found.difference,
            relative=found.relative,
            low=found.low,
            high=found.high,
            holm_p=holm_p,
        )

    @property
    def sentence(self) -> str:
        """The warning: name, gap, interval, p."""
        relative = "" if self.relative is None else f" ({self.relative:+.1%})"
        return (
            f"{self.model} beats the derived model beyond noise: {self.metric} {self.model_mean:.4f} against "
            f"{self.derived_mean:.4f}, difference {self.difference:+.4f}{relative}, "
            f"95 % {self.low:+.4f} … {self.high:+.4f}, Holm p = {self.holm_p:.2g}"
        )


@dataclass(frozen=True)
class Seeds:
    """derived − model, one difference a seed (of a model that was trained with the first alone: one), with
    their mean and sample sd (None of one). Shows how far the training seed decides; p is over users."""

    differences: list[float]
    mean: float
    sd: float | None

    @classmethod
    def of(cls, derived: Result, other: Result, metric: str) -> Seeds:
        """A closed form has no seed: it stands against every one."""
        ours, theirs = derived.metrics[metric], other.metrics[metric]
        if not other.seeded:
            theirs = theirs * len(ours)
        found = [a - b for a, b in zip(ours, theirs, strict=False)]
        return cls(found, statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else None)


@dataclass(frozen=True)
class Verdict:
    """The derived model against each other one, p-values corrected by Holm; `seeds`: the same seed by seed;
    `beaten_by` are the significant defeats, the largest gap first. ablations: the same test against the
    derived model with or without one source, or with rules, each on its own and not corrected. network: where
    the derived model is fused with a closed form, its network alone against each trained model, Holm's p
    within these: what the architecture is worth at equal loss."""

    comparisons: dict[str, Comparison]
    ablations: dict[str, Comparison]
    corrected: dict[str, float]
    seeds: dict[str, Seeds]
    wins: bool
    significant: bool
    beaten_by: list[Defeat]
    sentence: str
    network: dict[str, Comparison] = field(default_factory=dict)
    network_p: dict[str, float] = field(default_factory=dict)


def judge(results: Sequence[Result], metric: str) -> Verdict:
    """Compare the derived model with every other by paired tests over users (seeds averaged) on `metric`.

    Significant means both: Holm-corrected Wilcoxon p below .05, and a bootstrap interval without zero. A win
    is significant where it is so over every other.
    """
    averaged = {r.name: average_seeds(r.per_user) for r in results}
    others = [r.name for r in results if is_rival(r.name)]
    own = [name for name in averaged if name.startswith(ABLATION)]
    parts = {name: compare(averaged[DERIVED], averaged[name], metric) for name in own}
    if not others:
        return Verdict({}, parts, {}, {}, True, False, [], "There is no other model to compare with.")
    found = {name: compare(averaged[DERIVED], averaged[name], metric) for name in others}
    corrected = dict(zip(others, holm([found[name].p for name in others]), strict=True))
    beaten = [Defeat.of(n, found[n], corrected[n]) for n in others if found[n].high < 0]
    beaten = sorted((d for d in beaten if d.holm_p < LEVEL), key=lambda defeat: defeat.difference)
    ahead = [n for n in others if found[n].difference < 0]
    best = max(others, key=lambda name: found[name].mean_b)
    unsure = [n for n in others if not (corrected[n] < LEVEL and found[n].low > 0)]
    significant = not ahead and not unsure
    sentence = _sentence(best, found[best], corrected[best], ahead, [d.model for d in beaten], unsure)
    derived = next(r for r in results if r.name == DERIVED)
    seeds = {r.name: Seeds.of(derived, r, metric) for r in results if r.name in others}
    alone, p = _network(results, averaged, metric)
    sentence = " ".join([sentence, *_network_sentence(alone, p)])
    return Verdict(found, parts, corrected, seeds, not ahead, significant, beaten, sentence, alone, p)


def _network(
    results: Sequence[Result], averaged: Mapping[str, PerUser], metric: str
) -> tuple[dict[str, Comparison], dict[str, float]]:
    if NETWORK not in averaged:
        return {}, {}
    trained = [r.name for r in results if r.seeded and is_rival(r.name)]
    found = {name: compare(averaged[NETWORK], averaged[name], metric) for name in trained}
    return found, dict(zip(trained, holm([found[name].p for name in trained]), strict=True))


def _network_sentence(found: Mapping[str, Comparison], p: Mapping[str, float]) -> list[str]:
    if not found:
        return []
    best = max(found, key=lambda name: found[name].mean_b)
    one = found[best]
    return [
        f"Its network alone, without the fusion: {one.mean_a:.4f} against {one.mean_b:.4f} of {best}, the "
        f"best trained other; difference {one.difference:+.4f} (95 % {one.low:+.4f} … {one.high:+.4f}), "
        f"Holm p = {p[best]:.2g}."
    ]


def ablation_sentences(verdict: Verdict) -> list[str]:
    """What the derived model would be with or without each source."""
    return [
        f"{name}: {one.metric} {one.mean_b:.4f}, the derived model {one.mean_a:.4f}; difference "
        f"{one.difference:+.4f} (95 % {one.low:+.4f} … {one.high:+.4f}), p = {one.p:.2g}."
        for name, one in verdict.ablations.items()
    ]


def warn(verdict: Verdict, log: logging.Logger) -> None:
    """Name each model that beats the derived one, on the screen and in the log."""
    for defeat in verdict.beaten_by:
        log.warning("%s", defeat.sentence)


def _sentence(
    best: str, one: Comparison, p: float, ahead: Sequence[str], beaten: Sequence[str], unsure: Sequence[str]
) -> str:
    """The verdict in words, with the numbers against the best other model. unsure: models that it is not
    above beyond noise."""
    gap = f"{one.metric} {one.mean_a:.4f} against {one.mean_b:.4f} of {best}, the best other"
    interval = f"95 % {one.low:+.4f} … {one.high:+.4f}"
    test = f"difference {one.difference:+.4f} ({interval}), Holm p = {p:.2g}"
    if ahead:
        word = "significantly " if best in beaten else ""
        return f"The derived model does NOT win: it is {word}behind {', '.join(ahead)}. {gap}; {test}."
    if not unsure:
        return f"The derived model wins significantly: {gap}; {test}."
    of = "" if best in unsure else f" of {', '.join(unsure)}"
    return (
        f"The derived model is ahead, but NOT beyond noise{of}: {gap}; {test} "
        "(a win needs p < .05 over users and an interval without zero, over every other)."
    )
