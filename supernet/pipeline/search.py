"""train.py: data → split → graph → features → supernet → bilevel search → genotype.json."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from supernet.config import TrainConfig, arguments, load_space
from supernet.data.dataset import Dataset
from supernet.data.graph import Graph
from supernet.model import Recommender
from supernet.model.layer import Weights
from supernet.model.recommender import Vectors
from supernet.pipeline.embeddings import start_from_embeddings
from supernet.pipeline.folder import CHECKPOINT, GENOTYPE, load_checkpoint, new_folder, save_checkpoint
from supernet.pipeline.stages import (
    describe,
    graph_of,
    load_data,
    make_model,
    ranker,
    recipe_of,
    score_of,
    space_of,
    train_model,
)
from supernet.report.board import Board
from supernet.report.figures import genotype_figure, mixture_figure, save_figure
from supernet.report.progress import Bar, bar
from supernet.runtime import InputError, open_log, set_up, versions, write_json, write_text
from supernet.search.costs import Costs, measure_costs
from supernet.search.loop import Search
from supernet.search.record import Ranked, SearchEpoch
from supernet.search.selection import SELECTIONS, Trials, known_designs
from supernet.space import Genotype

PRESETS = ("mf", "lightgcn", "lightgcn_pp", "gcn", "graphsage", "gat", "ngcf", "gin")
"""Fixed spaces that `rescored` judges too, where they are points of the space searched."""

COSTS = "costs.json"

RUNNERS_UP = 9
"""At most so many designs are kept beside the chosen one."""


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
    data = load_data(config)
    graph = graph_of(data, ["train"], config.ops.backend, device, space.relations, config.graph)
    model = make_model(space, graph, config.model.dim, config.seed, device)
    folder = resume or new_folder(config.run)
    log = open_log(folder / "train.log")
    if resume is None:
        write_text(folder / "config.yaml", composed)
        write_json(folder / "versions.json", versions())
    for line in describe(data):
        log.info(line)
    log.info(
        "space: %s designs in %d open slots; device %s", f"{space.size():,}", len(space.choices()), device
    )
    generator = torch.Generator().manual_seed(config.seed)
    sealed = data.without("test").to(device)
    if not (resume is not None and (folder / CHECKPOINT).is_file()):
        start_from_embeddings(model, config, data.without("test"), graph, log)
    costs = costs_of(model, graph, config.search.cost_weight, folder / COSTS)
    search = Search(model, graph, sealed, recipe_of(config), config.search, generator, costs)
    if resume is not None:
        load_checkpoint(search, folder / CHECKPOINT, log)
    with Board(folder / "tensorboard", purge_step=search.epoch + 1) as board:
        mixture = _watched(search, config, data, folder, board, log)
        start = time.perf_counter()
        designs = _select(search, config, data.without("test"), mixture, log)
        genotype = _genotype(search, config, designs, mixture, time.perf_counter() - start)
        genotype.save(folder / GENOTYPE)
        _close_board(board, search, config, genotype, folder)
    log.info(
        "genotype %s: %s", genotype.hash, ", ".join(f"{s}={genotype.choices[s]}" for s in space.choices())
    )
    return folder


def costs_of(model: Recommender, graph: Graph, weight: float, path: Path) -> Costs | None:
    """The table of costs where a search weighs them: measured, or of the run that is gone on with."""
    if not weight:
        return None
    if not path.is_file():
        measure_costs(model, graph).save(path)
    return Costs.load(path)


def _watched(
    search: Search, config: TrainConfig, data: Dataset, folder: Path, board: Board, log: logging.Logger
) -> dict[str, Tensor]:
    """Run the search under TensorBoard, a progress bar, the log and checkpoints."""
    rank, item_norm = ranker(config, data), search.recipe.item_norm

    def validate(vectors: Vectors, weights: Weights) -> Ranked:
        return rank(score_of(search.model, vectors, item_norm, weights))

    candidates = search.model.space.choices()
    board.layout(candidates)
    left = (config.search.epochs - search.epoch) * len(search.train) - search.step

    def show(record: SearchEpoch) -> None:
        _show(record, board, progress, config.eval.metric, candidates)
        log.info(
            "epoch %d: loss %.4f, valid %s %.4f, entropy %.2f, %.1f s",
            *(record.epoch, record.train_loss, config.eval.metric, record.score),
            *(record.entropy, record.seconds),
        )

    with bar("search", total=left) as progress:
        return search.run(
            validate,
            show,
            lambda epoch, step: progress.advance(),
            lambda: save_checkpoint(search, folder / CHECKPOINT),
        )


def _select(
    search: Search, config: TrainConfig, data: Dataset, mixture: dict[str, Tensor], log: logging.Logger
) -> list[dict[str, str]]:
    """Designs from the mixture, the best first; a rule may train designs for a few epochs to judge them."""
    space, device = search.model.space, next(search.model.parameters()).device
    short = replace(search.recipe, epochs=1, validate_every=1)
    rounds = 2 if config.search.select == "rescored" else 0
    with bar("selection", total=rounds * config.search.select_pool) as progress:

        def train(choices: dict[str, str], steps: int) -> float:
            fixed = space.fixed(choices)
            try:
                fitted = train_model(
                    config, data, fixed, short, config.seed, search.graph, device, steps=steps
                )
                score = fitted[1].best_score
            except FloatingPointError:
                score = 0.0
            opened = ", ".join(choices[slot] for slot in space.choices())
            log.info("selection: %d steps, valid %s %.4f: %s", steps, config.eval.metric, score, opened)
            progress.advance()
            return score

        known = known_designs(space, [space_of(load_space(name)) for name in PRESETS])
        generator = torch.Generator().manual_seed(config.seed)
        trials = Trials(train, generator, known, config.search.select_pool, config.search.select_steps)
        return SELECTIONS[config.search.select](space, mixture, trials)


def _show(
    record: SearchEpoch, board: Board, progress: Bar, metric: str, candidates: dict[str, tuple[str, ...]]
) -> None:
    values = {
        "loss/train": record.train_loss,
        f"valid/{metric}": record.score,
        "search/entropy": record.entropy,
        "search/temperature": record.temperature,
        "search/alpha_temperature": record.alpha_scale,
        "search/gap": record.gap,
        "valid/coverage": record.coverage,
        "valid/derived": record.derived_score,
        "time/seconds_per_step": record.seconds_per_step,
    }
    if record.alpha_loss:  # there is none in the warm-up
        values["loss/alpha"] = record.alpha_loss
    if record.eigenvalue is not None:
        values["search/eigenvalue"] = record.eigenvalue
    values |= {f"alpha_gradient/{slot}": norm for slot, norm in record.gradient.items()}
    values |= {f"alpha_cosine/{kind}": value for kind, value in record.gradient_cosine.items()}
    values |= {f"smoothing/energy/layer{k}": value for k, value in enumerate(record.energy)}
    values |= {f"smoothing/cosine/layer{k}": value for k, value in enumerate(record.cosine)}
    board.scalars(record.epoch, values)
    board.mixtures(record.epoch, record.mixture, candidates)
    board.sizes(record.epoch, record.size, candidates)
    progress.status(
        f"loss {record.train_loss:.3f}  valid {metric} {record.score:.4f}  entropy {record.entropy:.2f}"
    )


def _close_board(board: Board, search: Search, config: TrainConfig, genotype: Genotype, folder: Path) -> None:
    candidates = search.model.space.choices()
    history = {slot: np.array([h["mixture"][slot] for h in search.history]) for slot in candidates}
    mixtures = mixture_figure(history, candidates)
    save_figure(mixtures, folder / "mixture.png")
    drawn = genotype_figure(genotype.choices, f"{folder.name} · genotype {genotype.hash}")
    for suffix in ("png", "svg"):
        save_figure(drawn, folder / f"genotype.{suffix}")
    board.figure("mixture over epochs", mixtures, search.epoch)
    board.figure("genotype", drawn, search.epoch)
    last = search.history[-1]
    board.hparams(
        _flat(config),
        {f"search/{config.eval.metric}": last["score"], "search/entropy": last["entropy"]},
        search.epoch,
    )


def _flat(config: TrainConfig) -> dict[str, Any]:
    found: dict[str, Any] = {"seed": config.seed, "dim": config.model.dim, "data": config.data.reader}
    for group in ("loss", "training", "search"):
        found |= {f"{group}.{key}": value for key, value in asdict(getattr(config, group)).items()}
    return found


def _genotype(
    search: Search,
    config: TrainConfig,
    designs: list[dict[str, str]],
    mixture: dict[str, Tensor],
    selecting: float,
) -> Genotype:
    last, space = search.history[-1], search.model.space
    names = space.candidates()
    genotype = Genotype(
        choices=designs[0],
        layers=space.layers,
        tie_sides=space.tie_sides,
        relations=space.relations,
        space=space.fingerprint(),
        metrics={
            f"valid/{config.eval.metric}": last["score"],
            "alpha_loss": last["alpha_loss"],
            "entropy": last["entropy"],
            "seconds": sum(record["seconds"] for record in search.history) + selecting,
        },
        mixture={slot: dict(zip(names[slot], p.tolist(), strict=True)) for slot, p in mixture.items()},
        seed=config.seed,
    )
    others: dict[str, dict[str, str]] = {}
    for choices in designs:  # of those that compute the same, the best
        others.setdefault(replace(genotype, choices=choices).hash, choices)
    return replace(genotype, runners_up=tuple(others.values())[1 : 1 + RUNNERS_UP])
