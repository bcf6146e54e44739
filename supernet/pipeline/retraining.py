"""Every contender is trained once a seed, every baseline without training is fitted; what was done before a
stop is not done again."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from supernet.evaluation.baselines import BASELINES
from supernet.pipeline.bench import Bench
from supernet.pipeline.cold import ranks_valid
from supernet.pipeline.contenders import DERIVED, Contender, Trained
from supernet.pipeline.kept import Kept
from supernet.pipeline.recipes import Recipes
from supernet.report.progress import bar

Outcomes = dict[str, list[Trained]]


def retrain(bench: Bench, contenders: list[Contender], kept: Kept, log: logging.Logger) -> Outcomes:
    """Train every contender once a seed, random designs and what is far behind with the first seed alone.

    With derive.epochs_once the epochs that its tuning chose, or else the first seed, serve all seeds, which
    are refitted alone.
    """
    once = bench.derive.epochs_once and bench.derive.refit
    outcomes: Outcomes = {}
    compared = [c for c in contenders if ranks_valid(bench.run, c.space)]
    jobs = [(c, bench.derive.seeds[: 1 if c.once else None]) for c in contenders]
    with bar("retraining", total=sum(len(seeds) for _, seeds in jobs)) as progress:
        for contender, seeds in jobs:
            outcomes[contender.name] = []
            if once and contender.tuned is not None and not contender.epochs:
                contender = replace(contender, epochs=contender.tuned.epochs)
            for seed in seeds:
                trained = _retrained(bench, contender, seed, kept)
                outcomes[contender.name].append(trained)
                valid = "fixed" if contender.epochs else f"valid {trained.valid:.4f}"
                done = f"{trained.epochs} epochs, {valid}, {trained.seconds:.1f} s"
                log.info("%s seed %d: %s", contender.name, seed, trained.failure or done)
                progress.advance()
                progress.status(f"{contender.name} seed {seed}")
                if once and not trained.failure:
                    contender = replace(contender, epochs=trained.epochs)
                first = seed == bench.derive.seeds[0]
                if first and far_behind(contender, compared, trained, bench.derive.once_below):
                    log.info("%s: far behind on valid; the other seeds are left out", contender.name)
                    progress.advance(len(seeds) - len(outcomes[contender.name]))
                    break
    return outcomes


def chosen_epochs(bench: Bench, contenders: list[Contender], kept: Kept, log: logging.Logger) -> Outcomes:
    """What every contender would be trained for, without lists: the epochs of its tuning, or else of a
    training with the first seed."""
    found: Outcomes = {}
    for contender in contenders:
        epochs = contender.epochs or (0 if contender.tuned is None else contender.tuned.epochs)
        if epochs:
            found[contender.name] = [Trained(torch.empty(0, 0, dtype=torch.long), epochs, 0.0, 0.0)]
    return found | retrain(bench, [c for c in contenders if c.name not in found], kept, log)


def far_behind(contender: Contender, compared: list[Contender], first: Trained, share: float) -> bool:
    """Whether a baseline's valid score, of its tuning or else of its first training, is below this share of
    the best that any tuning came to. compared: those whose scores compare with each other's."""
    if all(other.name != contender.name for other in compared):
        return False
    best = max((c.tuned.score for c in compared if c.tuned is not None), default=0.0)
    score = first.valid if contender.tuned is None else contender.tuned.score
    return contender.name != DERIVED and 0.0 < score < share * best


def _retrained(bench: Bench, contender: Contender, seed: int, kept: Kept) -> Trained:
    what = [design(contender), contender.recipe, contender.epochs, contender.fusion, seed]
    first = contender.name == DERIVED and seed == bench.derive.seeds[0]
    if bench.rules is not None and contender.name == DERIVED:
        what.append(bench.rules.digest)
    what += ["first"] if first else []
    model = kept.folder.parent / "derived.pt" if first else None
    return kept.get(f"{contender.name}-{seed}", what, lambda: bench.retrain(contender, seed), model)


def closed_forms(
    bench: Bench, taken: Recipes | None, kept: Kept, journal: Path, log: logging.Logger
) -> Outcomes:
    """Fit every baseline without training once, its settings chosen on valid or taken over."""
    outcomes: Outcomes = {}
    for name in bench.derive.baselines:
        if name in BASELINES:
            given = None if taken is None else taken.settings(name)

            def make(name: str = name, given: dict[str, Any] | None = given) -> Trained:
                return bench.closed_form(name, given, journal, log)

            what = [bench.derive.tuning, given, bench.derive.seeds[0]]
            what += ["untuned"] if name in bench.derive.untuned else []
            outcomes[name] = [kept.get(name, what, make)]
            log.info("%s: %.1f s", name, outcomes[name][0].seconds)
    return outcomes


def design(contender: Contender) -> list[object]:
    """What a contender's model is, for what is kept of it."""
    return [contender.space.fingerprint(), contender.space.layers, contender.space.relations]
