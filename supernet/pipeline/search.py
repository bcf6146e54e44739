"""train.py: data → split → graph → features → supernet → bilevel search → genotype.json."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import torch
from torch import Tensor

from supernet.config import PRETUNED, TrainConfig, arguments
from supernet.data.dataset import Dataset
from supernet.data.graph import Graph
from supernet.data.views import Views
from supernet.model import Recommender
from supernet.pipeline.conclusion import conclude
from supernet.pipeline.embeddings import start_from_embeddings
from supernet.pipeline.folder import CHECKPOINT, load_checkpoint, new_folder, save_checkpoint
from supernet.pipeline.inputs import check_inputs, keep_inputs, require_files
from supernet.pipeline.pretuning import pretuned, read_written, written
from supernet.pipeline.search_board import show_epoch
from supernet.pipeline.stages import (
    describe,
    graph_of,
    load_data,
    make_model,
    recipe_of,
    space_of,
    validator,
)
from supernet.pipeline.texts import load_beside, unread_views
from supernet.pipeline.transfer import INIT, Transfer, transfer_of
from supernet.pipeline.user_ids import USERS, UserIds
from supernet.report.board import Board
from supernet.report.progress import bar
from supernet.runtime import InputError, open_log, set_up, versions, write_json, write_text
from supernet.search.costs import Costs, measure_costs
from supernet.search.loop import Search
from supernet.search.record import SearchEpoch
from supernet.search.settings import BILEVEL

COSTS = "costs.json"

FROZEN = "the mixture ranks more than {share:.0%} worse than in epoch {epoch}: alphas go back to it and stay"


def run_search(config: TrainConfig, composed: str, resume: Path | None = None) -> Path:
    """Search an architecture; return the run folder.

    composed: the whole config as YAML, kept in the folder. resume: the folder of a stopped run to go on with.
    """
    device = set_up(**arguments(config.runtime))
    space = space_of(config.space)
    if not space.choices():
        raise InputError(
            "space: every slot has one candidate, so there is nothing to search; try space=small"
        )
    if resume is not None:
        check_inputs(resume, config)
    else:
        require_files(config)
    data = load_data(config)
    transfer = transfer_of(config, space, data.user_ids, resume)
    folder = resume or new_folder(config.run)
    log = open_log(folder / "train.log")
    if resume is None:
        write_text(folder / "config.yaml", composed)
        write_json(folder / "versions.json", versions())
        keep_inputs(folder, config)
    begin(folder, config, data, transfer, log)
    beside = load_beside(config, data.without("test"), space.relations, device, log)
    graph = graph_of(data, ["train"], config.ops.backend, device, space.relations, config.graph, beside)
    begun = time.perf_counter()
    earlier = read_written(folder / PRETUNED)
    if earlier is None:
        config, trials = pretuned(config, data.without("test"), graph, device, log)
        if trials:
            write_json(folder / PRETUNED, written(config, trials))
    model = make_model(space, graph, config.model.dim, config.seed, device)
    log.info(
        "space: %s designs in %d open slots; device %s", f"{space.size():,}", len(space.choices()), device
    )
    if not (resume is not None and (folder / CHECKPOINT).is_file()):
        start_from_embeddings(model, config, data.without("test"), graph, log)
        if transfer is not None:
            _put(transfer, beside.views, model, folder, log)
    search = search_of(config, model, graph, data.without("test").to(device), folder)
    search.prepared = time.perf_counter() - begun + (earlier["seconds"] if earlier else 0.0)
    if resume is not None:
        load_checkpoint(search, folder / CHECKPOINT, log)
    with Board(folder / "tensorboard", purge_step=search.epoch + 1) as board:
        alone = config.search.strategy != BILEVEL and config.search.evaluate == "trained"
        mixture = {} if alone else _watched(search, config, data, folder, board, log)
        genotype = conclude(search, config, data.without("test"), mixture, transfer, folder, board, log)
    log.info(
        "genotype %s: %s", genotype.hash, ", ".join(f"{s}={genotype.choices[s]}" for s in space.choices())
    )
    return folder


def begin(
    folder: Path, config: TrainConfig, data: Dataset, transfer: Transfer | None, log: logging.Logger
) -> None:
    """Write down whose rows the users' embeddings have, and what the run begins with; the log tells both, and
    which views nothing reads."""
    if not (folder / USERS).is_file():
        UserIds.of(data.user_ids, config).save(folder / USERS)
    for line in describe(data):
        log.info(line)
    for name in unread_views(config):
        log.warning(
            "view %s: no feature of space.features and no relation reads it, so that no design knows of it; "
            "add sum:%s to space.features, or leave the view out",
            *(name, name),
        )
    if transfer is not None:
        if not (folder / INIT).is_file():
            transfer.save(folder)
        for line in transfer.lines:
            log.info("init_from=%s: %s", transfer.source.folder, line)


def _put(transfer: Transfer, views: Views, model: Recommender, folder: Path, log: logging.Logger) -> None:
    """Write what fits the views into a fresh supernet; log and init.json tell what does not."""
    fits = transfer.fitting(views)
    for line in fits.lines[len(transfer.lines) :]:
        log.info("init_from=%s: %s", transfer.source.folder, line)
    fits.save(folder)
    fits.put(model)


def search_of(config: TrainConfig, model: Recommender, graph: Graph, data: Dataset, folder: Path) -> Search:
    """The search of a run, before its first step. data: without its test part, where the model is."""
    weighs = bool(config.search.cost_weight or config.search.parameter_weight)
    costs = costs_of(model, graph, weighs, folder / COSTS)
    generator = torch.Generator().manual_seed(config.seed)
    return Search(model, graph, data, recipe_of(config), config.search, generator, costs)


def costs_of(model: Recommender, graph: Graph, weighs: bool, path: Path) -> Costs | None:
    """The table of costs where a search weighs them: measured, or of the run that is gone on with."""
    if not weighs:
        return None
    if not path.is_file():
        measure_costs(model, graph).save(path)
    return Costs.load(path)


def _watched(
    search: Search, config: TrainConfig, data: Dataset, folder: Path, board: Board, log: logging.Logger
) -> dict[str, Tensor]:
    """Run the search under TensorBoard, a progress bar, the log and checkpoints."""
    validate = validator(config, data, search.model, search.graph, search.recipe.item_norm)
    candidates = search.model.space.choices()
    board.layout(candidates)
    left = (config.search.epochs - search.epoch) * len(search.train) - search.step

    def show(record: SearchEpoch) -> None:
        show_epoch(record, board, progress, config.eval.metric, candidates)
        log.info(
            "epoch %d: loss %.4f, valid %s %.4f, entropy %.2f, %.1f s",
            *(record.epoch, record.train_loss, config.eval.metric, record.score),
            *(record.entropy, record.seconds),
        )
        if search.kept.frozen == record.epoch and search.kept.peak is not None:
            log.info("%s", FROZEN.format(share=config.search.alpha_drop, epoch=search.kept.peak["epoch"]))
        if search.kept.stopped:
            log.info("the dominant eigenvalue rose, a sign before a collapse: the search stops here")

    with bar("search", total=left) as progress:
        mixture = search.run(
            validate,
            show,
            lambda epoch, step: progress.advance(),
            lambda: save_checkpoint(search, folder / CHECKPOINT),
        )
    taken = search.outcome()
    if taken["epoch"] < len(search.history):
        log.info("epoch %d is taken: valid %s %.4f", taken["epoch"], config.eval.metric, taken["score"])
    return mixture
