"""The recipe of a search, chosen beforehand by trainings of LightGCN: designs that are compared at a wrong
temperature or learning rate come in the wrong order."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from supernet.config import TrainConfig, load_space
from supernet.data.dataset import Dataset
from supernet.data.graph import Graph
from supernet.pipeline.stages import recipe_of, space_of, train_model
from supernet.runtime import InputError

PROBE = "lightgcn"
"""The design that is trained: few weights, and level with the best presets."""


@dataclass(frozen=True)
class Trial:
    """A training of PROBE. score: the best on valid, of so many epochs; 0 where the loss diverged."""

    temperature: float
    positive_temperature: float
    lr: float
    score: float = 0.0
    epochs: int = 0
    seconds: float = 0.0


def pretuned(
    config: TrainConfig, data: Dataset, graph: Graph, device: torch.device, log: logging.Logger
) -> tuple[TrainConfig, list[Trial]]:
    """The config with the best temperature on valid of those that search.pretune_temperatures asks for, then
    the best learning rate of search.pretune_lrs at that temperature, each times the config's own, which is
    tried too; and every training, none where neither asks for any. data: without its test part.
    """
    own = Trial(config.loss.temperature, config.loss.positive_temperature, config.training.lr)
    trials: list[Trial] = []
    best = own
    for by, factors in (
        ("temperature", config.search.pretune_temperatures),
        ("lr", config.search.pretune_lrs),
    ):
        others = [_times(best, by, factor) for factor in factors if factor != 1.0]
        for asked in [*([] if trials or not others else [own]), *others]:
            trials.append(_trained(with_recipe(config, asked), asked, data, graph, device))
            log.info(
                "pretuning: %s at temperature %.3g, lr %.3g: valid %s %.4f, %d epochs, %.1f s",
                *(PROBE, asked.temperature, asked.lr, config.eval.metric),
                *(trials[-1].score, trials[-1].epochs, trials[-1].seconds),
            )
        best = max(trials, key=lambda trial: trial.score, default=own)
    if trials:
        log.info("pretuning: temperature %.3g and lr %.3g from here on", best.temperature, best.lr)
    return with_recipe(config, best), trials


def _times(trial: Trial, by: str, factor: float) -> Trial:
    if by == "lr":
        return replace(trial, lr=trial.lr * factor)
    return replace(
        trial,
        temperature=trial.temperature * factor,
        positive_temperature=trial.positive_temperature * factor,
    )


def _trained(config: TrainConfig, asked: Trial, data: Dataset, graph: Graph, device: torch.device) -> Trial:
    known = replace(config, eval=replace(config.eval, cold=False))  # ids cannot rank new nodes
    space, recipe = space_of(load_space(PROBE)), recipe_of(config)
    try:
        fitted = train_model(known, data, space, recipe, config.seed, graph, device)[1]
    except FloatingPointError:
        return asked
    return replace(asked, score=fitted.best_score, epochs=fitted.best_epoch, seconds=fitted.seconds)


def with_recipe(config: TrainConfig, trial: Trial) -> TrainConfig:
    """The config at the temperatures and the learning rate of a trial."""
    loss = replace(
        config.loss, temperature=trial.temperature, positive_temperature=trial.positive_temperature
    )
    return replace(config, loss=loss, training=replace(config.training, lr=trial.lr))


def read_written(path: Path) -> dict[str, Any] | None:
    """What `written` left in a pretuned.json; None where there is no such file. Errors: InputError where it
    cannot be read."""
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found | {"seconds": sum(trial["seconds"] for trial in found["trials"])}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: cannot be read: {error}; start a new run") from None


def written(config: TrainConfig, trials: Sequence[Trial]) -> dict[str, object]:
    """What pretuned.json holds: the keys of the config that were chosen, and every training."""
    loss = {key: getattr(config.loss, key) for key in ("temperature", "positive_temperature")}
    training = {"lr": config.training.lr}
    return {"loss": loss, "training": training, "trials": [asdict(trial) for trial in trials]}
