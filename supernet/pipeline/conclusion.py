"""From a finished supernet to the genotype, and to all that the report tells of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from supernet.config import PRETUNED, TrainConfig
from supernet.data.dataset import Dataset
from supernet.pipeline.chosen import choose_designs, genotype_of, seconds_before
from supernet.pipeline.folder import GENOTYPE
from supernet.pipeline.judging import trials_of
from supernet.pipeline.pareto import cost_drawn, draw_pareto, scored_designs
from supernet.pipeline.pretuning import read_written
from supernet.pipeline.search_board import close_board
from supernet.pipeline.settled import settled
from supernet.pipeline.short_trainings import ShortTrainings
from supernet.pipeline.transfer import Transfer
from supernet.report.board import Board
from supernet.report.page import SEARCH
from supernet.runtime import write_json
from supernet.search.explanation import Explanation, explain
from supernet.search.loop import Search
from supernet.search.selection import Choices
from supernet.search.settings import SearchSettings
from supernet.search.settling import Settled
from supernet.search.strategies.advisor import ADVICE, advice_counts
from supernet.space import Genotype
from supernet.space.judged import SELECTION

VERSION = 1
"""Of search.json."""


def conclude(
    search: Search,
    config: TrainConfig,
    data: Dataset,
    mixture: dict[str, Tensor],
    transfer: Transfer | None,
    folder: Path,
    board: Board,
    log: logging.Logger,
) -> Genotype:
    """Choose a design, tell what others would have cost, let the supernet settle into it, and write
    search.json, genotype.json and the pictures.

    data: without its test part. mixture: that the search ended with, {} without a supernet.
    """
    start = time.perf_counter() - seconds_before(folder, config.search)
    known = [] if transfer is None else transfer.known
    designs, rows = choose_designs(search, config, data, mixture, folder, board, log, known)
    selecting = time.perf_counter() - start
    trained = bool(search.history)  # there is a supernet to ask
    told = explained(search, config, data, designs[0], log) if trained else None
    scored, how = scored_designs(ShortTrainings(folder / SELECTION).rows, told, designs[0])
    drawn, metric = cost_drawn(config.search), config.eval.metric
    draw_pareto(search.model.space, search.costs, drawn, scored, metric, how, folder, board, log)
    counts = advice_counts(folder / ADVICE)
    advice = {"advisor": counts and {"model": config.search.advisor.model} | counts}
    recipe = {"pretuned": read_written(folder / PRETUNED)}
    own = settled(search, config, data, designs[0], mixture, folder, board, log)
    write_json(folder / SEARCH, search_report(search, config, data, told, own) | advice | recipe)
    genotype = genotype_of(search, config, designs, mixture, rows, selecting, own)
    if transfer is not None:
        genotype = replace(genotype, parent=transfer.source.genotype.hash)
    genotype.save(folder / GENOTYPE)
    close_board(board, search, config, genotype, folder, rows)
    return genotype


def explained(
    search: Search, config: TrainConfig, data: Dataset, design: Choices, log: logging.Logger
) -> Explanation | None:
    """What other candidates would have cost, where config.search.explain asks for it."""
    if not config.search.explain:
        return None
    trials = trials_of(search, config, data, log)
    if gone := trials.lacks(search.model.space, design):
        log.info("explain: left out, as the supernet dropped what the design takes in %s", ", ".join(gone))
        return None
    return explain(search.model.space, search.outcome()["score"], design, trials)


def search_report(
    search: Search, config: TrainConfig, data: Dataset, told: Explanation | None, own: Settled | None
) -> dict[str, Any]:
    """search.json: all that the report tells beside genotype and metrics."""
    return {
        "version": VERSION,
        "data": f"{data.name}: {data.n_users:,} users × {data.n_items:,} items",
        "metric": config.eval.metric,
        "strategy": config.search.strategy,
        "changed": changed(asdict(config.search), asdict(SearchSettings())),
        "candidates": {slot: list(names) for slot, names in search.model.space.choices().items()},
        "epochs": search.history,
        "taken": search.outcome()["epoch"] if search.history else None,
        "frozen": search.kept.frozen or None,
        "stopped": search.kept.stopped,
        "explanation": None if told is None else asdict(told),
        "settled": None if own is None else asdict(own),
    }


def changed(settings: Mapping[str, Any], usual: Mapping[str, Any], path: str = "") -> dict[str, list[Any]]:
    """Key → its value and its default, for the settings that are not at it; keys of nodes with dots."""
    found: dict[str, list[Any]] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            found |= changed(value, usual[key], f"{path}{key}.")
        elif value != usual[key]:
            found[path + key] = [value, usual[key]]
    return found
