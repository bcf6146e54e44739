"""From a finished search to its designs and the genotype."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from supernet.config import TrainConfig
from supernet.data.dataset import Dataset
from supernet.pipeline.judging import trials_of
from supernet.pipeline.search_board import show_advice, show_evaluation
from supernet.pipeline.short_trainings import ShortTrainings
from supernet.report.board import Board
from supernet.report.progress import bar
from supernet.search.explore import Budget, History, explore, ordered
from supernet.search.loop import Search
from supernet.search.selection import BY_TRAINING, SELECTIONS, Choices, Trials, distinct, halving
from supernet.search.settings import BILEVEL, AdvisorSettings, SearchSettings
from supernet.search.settling import Settled
from supernet.search.strategies import Advisor, make_strategy
from supernet.search.strategies.advisor import ADVICE, advice_counts
from supernet.space import Genotype, identity_of
from supernet.space.judged import EVALUATIONS, SELECTION, Evaluation

REASONS = {
    "unreadable": "in answers that are not the JSON asked for",
    "missing": "not given",
    "unknown": "with other slots or candidates than the space's",
    "repeated": "proposed before",
}
"""Why designs of an adviser are drawn at random, in words."""

RUNNERS_UP = 9
"""At most so many designs are kept beside the chosen one."""


def choose_designs(
    search: Search,
    config: TrainConfig,
    data: Dataset,
    mixture: dict[str, Tensor],
    folder: Path,
    board: Board,
    log: logging.Logger,
    known: Sequence[Choices] = (),
) -> tuple[list[Choices], list[Evaluation]]:
    """Designs, the best first, and the evaluations of the strategy that chose them, where it is not the loop.

    data: without its test part. known: designs to be judged beside those of the space that have names; both
    join the last rounds of a strategy. What was evaluated before a kill stands in the run folder, and counts.
    """
    settings, space, kept = config.search, search.model.space, ShortTrainings(folder / SELECTION)
    if settings.strategy == BILEVEL:
        return by_rule(search, config, data, mixture, kept, log, known), []
    _tell_costs(search, settings, log)
    trials, identity = trials_of(search, config, data, log, kept=kept), identity_of(space)
    rows = _explored(search, config, trials, folder, board, log)
    best = ordered(rows, identity, trials.cost)[: settings.select_pool]
    pool = distinct([*best, *known, *trials.known], identity)
    steps = settings.select_steps * (3 if settings.evaluate == "trained" else 1)
    return halving(pool, trials, steps), rows


def by_rule(
    search: Search,
    config: TrainConfig,
    data: Dataset,
    mixture: dict[str, Tensor],
    kept: ShortTrainings,
    log: logging.Logger,
    known: Sequence[Choices] = (),
) -> list[Choices]:
    """Designs by search.select, the best first; see `choose_designs`."""
    settings = config.search
    if settings.select != "argmax":
        _tell_costs(search, settings, log)
    last = -(-settings.select_pool // 3) * settings.select_seeds
    total = (2 * settings.select_pool + last) * (settings.select in BY_TRAINING)
    with bar("selection", total=total) as progress:
        trials = trials_of(search, config, data, log, progress.advance, kept)
        trials = replace(trials, known=[*known, *trials.known])
        return SELECTIONS[settings.select](search.model.space, mixture, trials)


def _tell_costs(search: Search, settings: SearchSettings, log: logging.Logger) -> None:
    if search.costs is not None:
        log.info(
            "selection: by scores less %g × milliseconds and %g × parameters, each over those of the dearest "
            "design",
            *(settings.cost_weight, settings.parameter_weight),
        )


def _explored(
    search: Search, config: TrainConfig, trials: Trials, folder: Path, board: Board, log: logging.Logger
) -> list[Evaluation]:
    """All evaluations of the strategy, under TensorBoard, a progress bar and the log."""
    settings, space = config.search, search.model.space
    generator = torch.Generator().manual_seed(config.seed)
    strategy = make_strategy(settings, space, generator, folder / ADVICE)
    history = History(folder / EVALUATIONS)
    for number, row in enumerate(history.rows, 1):
        if number > search.epoch:  # from there on a board that goes on hides what it had
            show_evaluation(row, number, board)
    with bar(settings.strategy, total=settings.budget) as progress:

        def evaluate(choices: Choices) -> float:
            if settings.evaluate == "trained":
                return trials.train(choices, settings.select_steps)
            return trials.inherited(space, choices)

        def watch(row: Evaluation) -> None:
            show_evaluation(row, len(history.rows), board)
            if isinstance(strategy, Advisor):
                show_advice(strategy.counts(), len(history.rows), board)
            progress.advance()
            progress.status(f"best valid {config.eval.metric} {row.best:.4f}")

        budget = Budget(settings.budget, settings.seconds)
        rows = explore(strategy, evaluate, identity_of(space), budget, history, watch, trials.cost)
    log.info(
        "%s: %d evaluations, best %.4f, %.1f s; ended by search.%s",
        *(settings.strategy, len(rows), rows[-1].best, rows[-1].seconds),
        f"budget={settings.budget}" if len(rows) >= settings.budget else f"seconds={settings.seconds:g}",
    )
    advice = advice_counts(folder / ADVICE)
    if advice is not None:
        tell_advice(advice, settings.advisor, log)
    return rows


def seconds_before(folder: Path, settings: SearchSettings) -> float:
    """What `choose_designs` had spent in this run folder before a kill."""
    inherits = settings.strategy != BILEVEL and settings.evaluate == "inherited"
    rows = History(folder / EVALUATIONS).rows if inherits else []
    advice = None if inherits else advice_counts(folder / ADVICE)  # among the seconds of the rows otherwise
    asking = 0.0 if advice is None else float(advice["seconds"])
    return ShortTrainings(folder / SELECTION).seconds + (rows[-1].seconds if rows else 0.0) + asking


def tell_advice(advice: Mapping[str, Any], settings: AdvisorSettings, log: logging.Logger) -> None:
    """What an adviser's answers came to; a warning where most of its designs had to be drawn at random."""
    wanted, invalid = advice["requests"] * settings.batch, advice["invalid"]
    found = [f"{invalid[key]} {words}" for key, words in REASONS.items() if invalid.get(key)]
    say = log.warning if 2 * advice["random"] > wanted else log.info
    say(
        "advisor %s: %d requests, %.1f s, %d tried again; %d of %d designs drawn at random in place of %s",
        *(settings.model, advice["requests"], advice["seconds"], advice["retried"], advice["random"], wanted),
        ", ".join(found) or "invalid ones",
    )


def genotype_of(
    search: Search,
    config: TrainConfig,
    designs: Sequence[Choices],
    mixture: dict[str, Tensor],
    evaluations: Sequence[Evaluation],
    selecting: float,
    own: Settled | None = None,
) -> Genotype:
    """The first of the designs, with what the search measured. selecting: seconds of `choose_designs`. own:
    how it settled."""
    space = search.model.space
    names = space.candidates()
    metric = f"valid/{config.eval.metric}"
    metrics: dict[str, float] = {}
    if search.history:
        last = search.outcome()
        metrics = {metric: last["score"], "entropy": last["entropy"]}
        before = (epoch["alpha_loss"] for epoch in reversed(search.history[: last["epoch"]]))
        moved = next(
            (loss for loss in before if loss is not None), None
        )  # of the last epoch with alpha steps
        metrics |= {} if moved is None else {"alpha_loss": moved}
    if evaluations:
        metrics |= {metric: evaluations[-1].best, "evaluations": len(evaluations)}
    if own is not None:
        metrics |= {f"settled/{config.eval.metric}": own.scores[own.kept]}
        selecting += own.seconds
    searching = search.prepared + sum(record["seconds"] for record in search.history)
    genotype = Genotype(
        choices=designs[0],
        layers=space.layers,
        tie_sides=space.tie_sides,
        relations=space.relations,
        space=space.fingerprint(),
        metrics=metrics | {"seconds": searching + selecting},
        mixture={slot: dict(zip(names[slot], p.tolist(), strict=True)) for slot, p in mixture.items()},
        seed=config.seed,
    )
    others: dict[str, Choices] = {}
    for choices in designs:  # of those that compute the same, the best
        others.setdefault(replace(genotype, choices=choices).hash, choices)
    return replace(genotype, runners_up=tuple(others.values())[1 : 1 + RUNNERS_UP])
