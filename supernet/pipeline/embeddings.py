"""Embeddings that a search takes as they are: those of another search, or trained first by MF."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from supernet.config import TrainConfig, load_space, load_train_config
from supernet.data.dataset import Dataset
from supernet.data.graph import SIDES, Graph
from supernet.model import Recommender
from supernet.pipeline.folder import weights_file
from supernet.pipeline.stages import recipe_of, space_of, train_model
from supernet.runtime import InputError

KEY = "features.{}.ids.weight"
"""Of a side's embeddings, in the state_dict of a model."""


def start_from_embeddings(
    model: Recommender, config: TrainConfig, data: Dataset, graph: Graph, log: logging.Logger
) -> None:
    """Put into `model` the embeddings that config.search asks for, where it freezes them.

    Errors: InputError for a run without embeddings, or on other parts, or of another dim.
    """
    settings = config.search
    if settings.freeze != "embeddings":
        return
    if settings.embeddings is not None:
        found = read_embeddings(Path(settings.embeddings), config, model)
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


def read_embeddings(folder: Path, config: TrainConfig, model: Recommender) -> dict[str, Tensor]:
    """Those that a search left in its run folder, by side: it trains its weights on train alone.

    A derived model is no source, as it has learnt from the alpha and the valid part, nor is a run on parts
    that were cut otherwise.
    """
    if not folder.is_dir():
        raise InputError(f"search.embeddings={folder}: no such folder; give the folder of a run of train.py")
    there = load_train_config(folder)
    for key in ("data", "split", "seed"):
        if getattr(there, key) != getattr(config, key):
            raise InputError(
                f"search.embeddings={folder}: {key} is {getattr(there, key)} there, and "
                f"{getattr(config, key)} here: its embeddings may know pairs of this run's alpha, valid and "
                "test parts; give a run on the same data, split and seed"
            )
    path = weights_file(folder)
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")["model"]
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: {reason}; give the folder of a finished search") from error
    own = model.state_dict()
    for side in SIDES:
        key = KEY.format(side)
        shape = tuple(own[key].shape)
        found = tuple(state[key].shape) if key in state else None
        if found != shape:
            raise InputError(
                f"{path}: {key} is {found or 'missing'}, and this run needs {shape}; give a run with the "
                "same model.dim whose features have id"
            )
    return {side: state[KEY.format(side)] for side in SIDES}
