"""The chosen design's own weights, which train.py leaves in the run folder for those that start from it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from supernet.config import TrainConfig
from supernet.data.dataset import Dataset
from supernet.pipeline.folder import SETTLED
from supernet.pipeline.judging import trials_of
from supernet.report.board import Board
from supernet.report.progress import bar
from supernet.runtime import InputError, atomic_path
from supernet.search.loop import Search
from supernet.search.selection import Choices
from supernet.search.settings import BILEVEL
from supernet.search.settling import Settled, settle


def settled(
    search: Search,
    config: TrainConfig,
    data: Dataset,
    design: Choices,
    mixture: Mapping[str, Tensor],
    folder: Path,
    board: Board,
    log: logging.Logger,
) -> Settled | None:
    """Let the supernet settle into the design, and keep its weights in SETTLED; a run that was killed
    afterwards reads them there. None where search.settle is 0, where another strategy than the loop chose,
    and where the supernet dropped what the design takes: the weights are then those that the search took.

    data: without its test part.
    """
    if not config.search.settle or config.search.strategy != BILEVEL:
        if search.history:
            _keep(search, folder)
        return None
    found = _kept(folder, design)
    if found is None:
        trials = trials_of(search, config, data, log)
        if trials.lacks(search.model.space, design):
            log.info("settling: left out, as the supernet dropped what the design takes")
            _keep(search, folder)
            return None
        total = config.search.settle * len(search.train)
        with bar("settling", total=total) as progress:
            found = settle(search, design, mixture, trials, config.search.settle, progress.advance)
        _keep(search, folder, dict(design), asdict(found))
    for number, score in enumerate(found.scores):
        board.scalars(number, {f"settling/{config.eval.metric}": score})
    log.info(
        "settling: valid %s %.4f of the mixture, %.4f of the design cut out of it (%+.1f %%), %.4f after %g "
        "epochs of its own (%+.1f %%), %.1f s",
        *(config.eval.metric, found.mixture, found.scores[0], 100 * found.inherited_gap),
        *(found.scores[found.kept], found.epochs, 100 * found.gap, found.seconds),
    )
    return found


def _keep(
    search: Search, folder: Path, design: Choices | None = None, record: dict[str, Any] | None = None
) -> None:
    """The weights as they are now; with a design, they are its own."""
    state = {"model": dict(search.model.state_dict()), "design": design, "record": record}
    with atomic_path(folder / SETTLED) as temporary:
        torch.save(state, temporary)


def _kept(folder: Path, design: Choices) -> Settled | None:
    """What a run that was killed since had found for this design."""
    path = folder / SETTLED
    if not path.is_file():
        return None
    try:
        raw = torch.load(path, weights_only=True, map_location="cpu")
        return Settled(**raw["record"]) if raw["design"] == dict(design) else None
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read: {reason}; delete it and go on with the run") from error
