"""Weights that two runs can share: embeddings of the same users, projectors of the same text views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from supernet.config import StartConfig, TextConfig, TrainConfig
from supernet.data.views import Views
from supernet.features import IdEmbedding
from supernet.features.text.encoders import ENCODERS
from supernet.pipeline.source import Source
from supernet.pipeline.stages import FILTERS
from supernet.pipeline.start import USER_WEIGHTS, Start
from supernet.pipeline.user_ids import UserIds
from supernet.runtime import InputError
from supernet.space import SearchSpace

UNREAD = ("path", "batch")
"""Settings of a view that do not change what the columns of its vectors mean."""


def start_of(
    source: Source,
    config: TrainConfig,
    settings: StartConfig,
    users: UserIds,
    spaces: Sequence[SearchSpace],
    finetuned: bool = False,
) -> tuple[Start, list[str]]:
    """The weights that a model of one of the spaces takes, and what they are in words. finetuned: the
    texts are fine-tuned here."""
    read = {name.partition(":")[2] for space in spaces for side in ("user", "item")
            for name in space.candidates()[f"features/{side}"]}  # fmt: skip
    rows, vectors, told = _shared_users(source, config.model.dim, settings, users)
    views, reasons = alike_views(config.text, source.config.text)
    if views and (finetuned or source.finetuned):
        views, reasons = [], [*reasons, "views: texts that are fine-tuned have columns of another meaning"]
    same = source.config.model.dim == config.model.dim
    wanted = [name for name in views if name in read and settings.projectors and same]
    projectors = {
        key: weight
        for key, weight in source.state.items()
        for name in wanted
        if key.startswith("features.") and f".projectors.{name}." in key
    }
    taken = [name for name in wanted if any(f".projectors.{name}." in key for key in projectors)]
    said = "text projectors: " + (", ".join(taken) or "none")
    if views and not same:
        said += f": of dim {source.config.model.dim} there, here {config.model.dim}"
    return Start(rows, vectors, projectors, source.digest), [told, said, *reasons]


def check_elsewhere(source: Source, config: TrainConfig) -> None:
    """Errors: InputError for a source on the same data, whose weights know pairs that this run validates and
    tests on."""
    if _place(source.config) == _place(config):
        raise InputError(
            f"init_from={source.folder}: it is a run on the same data (data.reader={config.data.reader}), "
            "and has learnt from pairs that this run is to be judged by; give a run on other data"
        )


def _place(config: TrainConfig) -> object:
    """Where the interactions are: a path, or the reader with its settings, filters apart."""
    path = getattr(config.data, "path", None)
    if path is not None:
        return Path(path).resolve()
    return {key: value for key, value in asdict(config.data).items() if key not in FILTERS}


def alike_views(here: TextConfig, there: TextConfig) -> tuple[list[str], list[str]]:
    """Views of both runs by the same name whose columns mean the same: of one encoder with the same settings,
    neither fitted to the texts of a data set (tfidf) nor turned by them (whiten). With the reasons against
    the others."""
    found = []
    reasons = [f"view {name}: none by that name there" for name in here.views.keys() - there.views.keys()]
    for name in here.views.keys() & there.views.keys():
        one, other = (_meaning(text.views[name]) for text in (here, there))
        fitted = (
            getattr(ENCODERS[str(one["encoder"])], "whole", False) if one["encoder"] in ENCODERS else False
        )
        if one != other or here.scaling != there.scaling:
            reasons.append(f"view {name}: {other}, {there.scaling} there; {one}, {here.scaling} here")
        elif fitted or here.scaling == "whiten":
            reasons.append(f"view {name}: its columns are made of each data set's own texts")
        else:
            found.append(name)
    return sorted(found), sorted(reasons)


def _meaning(view: Mapping[str, Any]) -> dict[str, Any]:
    return {"projector": "linear"} | {key: value for key, value in view.items() if key not in UNREAD}


def _shared_users(
    source: Source, dim: int, settings: StartConfig, users: UserIds
) -> tuple[Tensor, Tensor, str]:
    """Rows here and their vectors, and what they are in words."""
    nobody = torch.empty(0, dtype=torch.long), torch.empty(0, dim)
    table, there = source.state.get(USER_WEIGHTS), source.users
    if there is None or not settings.users:
        return *nobody, "users: not asked for"
    if table is None or table.shape[1] != dim:
        found = "no embeddings" if table is None else f"embeddings of dim {table.shape[1]}, here {dim},"
        return *nobody, f"users: {found} there"
    if len(table) != len(there.ids):
        raise InputError(
            f"init_from={source.folder}: {len(table):,} embeddings of users, and {len(there.ids):,} ids: the "
            "model was derived on other parts; derive that run by protocol=strict, or set init.users=false"
        )
    if users.numbers_of != there.numbers_of:
        folder = users.numbers_of or there.numbers_of
        return *nobody, f"users: those of {folder} are row numbers, no ids; give it a users.txt"
    here, rows = users.shared(there)
    vectors = scaled(table[rows], settings.norm)
    example = f", for example {users.ids[int(here[0])]}" if len(here) else ""
    new = len(users.ids) - len(here)
    rest = f"; the other {new:,} begin anew" if new else ""
    return here, vectors, f"users: {len(here):,} of {len(users.ids):,} by id{example}{rest}"


def scaled(vectors: Tensor, norm: str) -> Tensor:
    r"""Another run's vectors, (M, D): "kept" as they are, or times one number so that their entries have the
    root mean square of fresh ones ("initial"); a trained vector is so long that its messages would drown
    those of users who are new."""
    size = float(vectors.square().mean().sqrt()) if len(vectors) else 0.0
    return vectors if norm == "kept" or size == 0.0 else vectors * (IdEmbedding.std / size)


def fitting(start: Start, views: Views) -> tuple[Start, list[str]]:
    """The start without projectors of views whose vectors have another width here, and which these are, in
    words."""
    wrong = [
        name
        for name, view in views.items()
        for key, weight in start.projectors.items()
        if key.endswith(f".projectors.{name}.weights.0") and len(weight) != view.vectors.shape[1]
    ]
    kept = {
        key: weight
        for key, weight in start.projectors.items()
        if not any(f".projectors.{name}." in key for name in wrong)
    }
    lines = [f"view {name}: its vectors have another width there" for name in dict.fromkeys(wrong)]
    return replace(start, projectors=kept), lines
