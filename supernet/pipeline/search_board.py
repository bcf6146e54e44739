"""What TensorBoard and the run folder show of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from supernet.config import TrainConfig
from supernet.report.board import Board
from supernet.report.curves import curves_figure
from supernet.report.figures import anytime_figure, genotype_figure, mixture_figure, save_figure
from supernet.report.progress import Bar
from supernet.search.loop import Search
from supernet.search.record import SearchEpoch
from supernet.space import Genotype
from supernet.space.judged import Evaluation


def show_epoch(
    record: SearchEpoch, board: Board, progress: Bar, metric: str, candidates: dict[str, tuple[str, ...]]
) -> None:
    """The curves of an epoch, and where the progress bar stands."""
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
    if record.alpha_loss is not None:
        values["loss/alpha"] = record.alpha_loss
    if record.eigenvalue is not None:
        values["search/eigenvalue"] = record.eigenvalue
    if record.cost:
        values["search/expected_cost"] = record.cost
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


def show_evaluation(row: Evaluation, number: int, board: Board) -> None:
    """A point of the anytime curve."""
    board.scalars(
        number, {"explore/score": row.score, "explore/best": row.best, "explore/seconds": row.seconds}
    )


def show_advice(counts: Mapping[str, Any], number: int, board: Board) -> None:
    """What an adviser's answers came to so far."""
    values = {f"advisor/{key}": counts[key] for key in ("requests", "random", "retried")}
    board.scalars(number, values | {f"advisor/invalid/{key}": n for key, n in counts["invalid"].items()})


def close_board(
    board: Board,
    search: Search,
    config: TrainConfig,
    genotype: Genotype,
    folder: Path,
    evaluations: list[Evaluation],
) -> None:
    """The pictures of the design, and of how the mixture or the best score came about."""
    candidates = search.model.space.choices()
    if search.history:
        history = {slot: np.array([h["mixture"][slot] for h in search.history]) for slot in candidates}
        if search.learns:
            mixtures = mixture_figure(history, candidates)
            save_figure(mixtures, folder / "mixture.png")
            board.figure("mixture over epochs", mixtures, search.epoch)
        curves = curves_figure(search.history, config.eval.metric, candidates, search.learns)
        save_figure(curves, folder / "diagnostics.png")
        board.figure("diagnostics", curves, search.epoch)
    if evaluations:
        curve = anytime_figure(evaluations, config.eval.metric)
        save_figure(curve, folder / "anytime.png")
        board.figure("best score over seconds", curve, len(evaluations))
    drawn = genotype_figure(genotype.choices, f"{folder.name} · genotype {genotype.hash}")
    for suffix in ("png", "svg"):
        save_figure(drawn, folder / f"genotype.{suffix}")
    board.figure("genotype", drawn, search.epoch)
    metrics = {f"search/{name.removeprefix('valid/')}": value for name, value in genotype.metrics.items()}
    board.hparams(_flat(config), metrics, search.epoch)


def _flat(config: TrainConfig) -> dict[str, Any]:
    found: dict[str, Any] = {"seed": config.seed, "dim": config.model.dim, "data": config.data.reader}
    for group in ("loss", "training", "search"):
        found |= {f"{group}.{key}": value for key, value in asdict(getattr(config, group)).items()}
    return {key: str(value) if isinstance(value, list | dict) else value for key, value in found.items()}
