"""The derived model against every other: paired tests, who wins, and by name whoever beats it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from supernet.evaluation.significance import (
    Comparison,
    average_seeds,
    compare,
    holm,
)
from supernet.pipeline.contenders import ABLATION, DERIVED, NETWORK, is_rival
from supernet.pipeline.results import Result
from supernet.pipeline.seeds import Seeds

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
class Verdict:
    """The derived model against each other one, p-values corrected by Holm; `seeds`: the same seed by seed;
    `beaten_by` are the significant defeats, the largest gap first. ablations: the same test against the
    derived model with or without one source, or with rules, each on its own and not corrected. network: where
    the derived model is fused with a closed form, its network alone against each trained model, Holm's p
    within these: what the architecture is worth at equal loss; network_wins: None without a fusion."""

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
    network_seeds: dict[str, Seeds] = field(default_factory=dict)
    network_wins: bool | None = None


def judge(results: Sequence[Result], metric: str) -> Verdict:
    """Compare the derived model with every other by paired tests over users (seeds averaged) on `metric`.

    Significant means all of: Holm-corrected Wilcoxon p below .05, a bootstrap interval over users without
    zero, and an interval over users and seeds without zero, where models were trained with several seeds. A
    win is significant where it is so over every other. A seed that failed is left out, and a model of which
    every seed failed is compared with nothing.
    """
    derived = next(r for r in results if r.name == DERIVED)
    rivals = [r for r in results if is_rival(r.name)]
    if derived.nothing:
        sentence = "The derived model does NOT win: its training failed with every seed."
        return Verdict({}, {}, {}, {}, False, False, [], sentence)
    own = [r for r in results if r.name.startswith(ABLATION) and not r.nothing]
    parts = {r.name: _compared(derived, r, metric) for r in own}
    failed = [r.name for r in rivals if r.nothing]
    found, corrected, seeds = _against(derived, [r for r in rivals if not r.nothing], metric)
    others = list(found)
    if not others:
        words = ["There is no other model to compare with.", *_failures(failed, [])]
        return Verdict({}, parts, {}, {}, not rivals, False, [], " ".join(words))
    defeats = [n for n in others if found[n].high < 0 and seeds[n].below and corrected[n] < LEVEL]
    beaten = sorted(
        (Defeat.of(n, found[n], corrected[n]) for n in defeats), key=lambda defeat: defeat.difference
    )
    ahead = [n for n in others if found[n].difference < 0]
    best = max(others, key=lambda name: found[name].mean_b)
    unsure = [n for n in others if not _sure(found[n], corrected[n], seeds[n])]
    significant = not ahead and not unsure
    alone, p, spread = _network(results, metric)
    network = None if not alone else all(_sure(alone[n], p[n], spread[n]) for n in alone)
    sentence = " ".join(
        [
            _sentence(best, found[best], corrected[best], seeds[best], ahead, defeats, unsure),
            *_network_sentence(alone, p),
            *_failures(failed, [r.name for r in rivals if r.failed and not r.nothing]),
            *_lent([r.name for r in rivals if r.lent]),
        ]
    )
    more = alone, p, spread, network
    return Verdict(found, parts, corrected, seeds, not ahead, significant, beaten, sentence, *more)


def _compared(one: Result, other: Result, metric: str) -> Comparison:
    return compare(average_seeds(one.per_user), average_seeds(other.per_user), metric)


def _against(
    one: Result, others: Sequence[Result], metric: str
) -> tuple[dict[str, Comparison], dict[str, float], dict[str, Seeds]]:
    """One model against several, with Holm's p within these, and seed by seed."""
    found = {other.name: _compared(one, other, metric) for other in others}
    p = dict(zip(found, holm([comparison.p for comparison in found.values()]), strict=True))
    return found, p, {other.name: Seeds.of(one, other, metric) for other in others}


def _sure(found: Comparison, p: float, seeds: Seeds) -> bool:
    """Whether the first of the two is ahead beyond noise."""
    return p < LEVEL and found.low > 0 and seeds.above


def _network(
    results: Sequence[Result], metric: str
) -> tuple[dict[str, Comparison], dict[str, float], dict[str, Seeds]]:
    network = next((r for r in results if r.name == NETWORK), None)
    trained = [r for r in results if r.seeded and is_rival(r.name) and not r.nothing]
    if network is None or not trained:
        return {}, {}, {}
    return _against(network, trained, metric)


def _failures(every: Sequence[str], some: Sequence[str]) -> list[str]:
    told = [f"Failed with every seed, and compared with nothing: {', '.join(every)}."] if every else []
    return told + ([f"Seeds that failed are left out: {', '.join(some)}."] if some else [])


def _lent(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [f"Not tuned on their own, so that a lead over them proves little: {', '.join(names)}."]


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
    best: str,
    one: Comparison,
    p: float,
    seeds: Seeds,
    ahead: Sequence[str],
    beaten: Sequence[str],
    unsure: Sequence[str],
) -> str:
    """The verdict in words, with the numbers against the best other model. unsure: models that it is not
    above beyond noise."""
    gap = f"{one.metric} {one.mean_a:.4f} against {one.mean_b:.4f} of {best}, the best other"
    interval = f"95 % {one.low:+.4f} … {one.high:+.4f}"
    interval += "" if seeds.low is None else f", over seeds too {seeds.low:+.4f} … {seeds.high:+.4f}"
    test = f"difference {one.difference:+.4f} ({interval}), Holm p = {p:.2g}"
    test += "; one seed: nothing is known of another's" if seeds.low is None else ""
    if ahead:
        word = "significantly " if best in beaten else ""
        return f"The derived model does NOT win: it is {word}behind {', '.join(ahead)}. {gap}; {test}."
    if not unsure:
        return f"The derived model wins significantly: {gap}; {test}."
    of = "" if best in unsure else f" of {', '.join(unsure)}"
    return (
        f"The derived model is ahead, but NOT beyond noise{of}: {gap}; {test} "
        "(a win needs p < .05 and intervals without zero, over every other)."
    )
