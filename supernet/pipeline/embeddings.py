"""Embeddings that a search takes as they are: read from a derived model, or trained first by MF."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from supernet.config import TrainConfig, load_space
from supernet.data.dataset import Dataset
from supernet.data.graph import SIDES, Graph
from supernet.model import Recommender
from supernet.pipeline.stages import recipe_of, space_of, train_model
from supernet.runtime import InputError

KEY = "features.{}.ids.weight"
"""Of a side's embeddings, in the state_dict of a model."""


def start_from_embeddings(
    model: Recommender, config: TrainConfig, data: Dataset, graph: Graph, log: logging.Logger
) -> None:
    """Put into `model` the embeddings that config.search asks for, where it freezes them.

    Errors: InputError for a file that holds no embeddings, or those of other data or another dim.
    """
    settings = config.search
    if settings.freeze != "embeddings":
        return
    if settings.embeddings is not None:
        found = read_embeddings(Path(settings.embeddings), model)
        log.info("embeddings: read from %s, and kept as they are", settings.embeddings)
    else:
        recipe = replace(recipe_of(config), epochs=settings.pretrain_epochs)
        device = next(model.parameters()).device
        known = replace(config, eval=replace(config.eval, cold=False))  # ids cannot rank new nodes
        trained, fitted = train_model(
            known, data, space_of(load_space("mf")), recipe, config.seed, graph, device
        )
        state = trained.state_dict()
        found = {side: state[KEY.format(side)] for side in SIDES}
        log.info(
            "embeddings: %d epochs of mf, valid %s %.4f, %.1f s; kept as they are",
            *(fitted.best_epoch, config.eval.metric, fitted.best_score, fitted.seconds),
        )
    own = model.state_dict()
    with torch.no_grad():
        for side, vectors in found.items():
            own[KEY.format(side)].copy_(vectors)


def read_embeddings(path: Path, model: Recommender) -> dict[str, Tensor]:
    """Those of the derived.pt at `path`, by side."""
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"search.embeddings={path}: {reason}; give the derived.pt of a run") from error
    own = model.state_dict()
    for side in SIDES:
        key = KEY.format(side)
        shape = tuple(own[key].shape)
        found = tuple(state[key].shape) if isinstance(state, dict) and key in state else None
        if found != shape:
            raise InputError(
                f"search.embeddings={path}: {key} is {found or 'missing'}, and this run needs {shape}; give "
                "the derived.pt of a run with the same data, split and dim"
            )
    return {side: state[KEY.format(side)] for side in SIDES}
