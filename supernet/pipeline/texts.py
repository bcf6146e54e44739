"""Item texts as views of the graph: read, encoded, scaled, probed."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ops.aggregate.relational import TYPES
from ops.registry import topic_of
from supernet.config import SpaceConfig, TextConfig, TrainConfig
from supernet.data.cold_splits import NONE
from supernet.data.dataset import Dataset, Fold
from supernet.data.graph import ITEM, KNOWLEDGE, TEXT_KNN, TRUST
from supernet.data.side import Beside, Edges, nearest_texts, read_knowledge, read_trust
from supernet.data.views import View
from supernet.features.text.cache import default_folder
from supernet.features.text.cleaning import Cleaned, clean_texts
from supernet.features.text.encode import encode_texts
from supernet.features.text.encoders import encoder_of
from supernet.features.text.mapped import mapped
from supernet.features.text.probe import linear_probe
from supernet.features.text.rows import Vectors
from supernet.features.text.vectors import VECTORS, read_vectors
from supernet.report.progress import bar
from supernet.runtime import InputError


def load_views(
    config: TrainConfig, data: Dataset, device: torch.device, log: logging.Logger, probe: bool = True
) -> dict[str, View]:
    """Name → view of the items, and after them of the new items of each fold, for every one that config.text
    names; logged: what was counted, how long it took, and what a linear probe on the train part says of each.
    Nothing is fitted to new items. device: where language models run; the views are on the CPU.

    Errors: InputError where the data has no text to encode, and for what an encoder refuses.
    """
    settings: TextConfig = config.text
    found = {}
    cleaned = texts_of(settings, data, log)
    for name, spec in settings.views.items():
        start = time.perf_counter()
        scaled, known = _scaled(name, dict(spec), settings, data, cleaned, device, log)
        log.info(
            "view %s: %d items of %d columns, %d without, %.1f s",
            *(name, known.sum(), scaled.shape[1], (~known).sum(), time.perf_counter() - start),
        )
        if probe and settings.probe:
            own = slice(data.n_items)
            said = linear_probe(data.parts["train"], data.n_users, scaled[own], known[own])
            log.info("view %s: %s", name, said.sentence)
        mask = torch.from_numpy(known.astype(np.float32))
        projector = str(dict(spec).get("projector", "linear"))
        found[name] = View(torch.from_numpy(scaled), mask, projector)
    return found


def unread_views(config: TrainConfig) -> list[str]:
    """Views that neither features, nor text_knn, nor the baselines of new items and users read."""
    space, views = config.space, list(config.text.views)
    read = {topic_of(name) for name in [*space.features, *itertools.chain(*space.slots.values())]}
    if TEXT_KNN in space.relations or config.split.cold != NONE:
        read |= {config.graph.text_view or views[0]} if views else set()
    return [name for name in views if name not in read]


def load_beside(
    config: TrainConfig,
    data: Dataset,
    relations: Sequence[str],
    device: torch.device,
    log: logging.Logger,
    probe: bool = True,
) -> Beside:
    """The views, and the edges of those of the relations that are not made of interactions; their notes are
    logged. New items have views, and edges of text_knn, alone. Errors: InputError as `load_views`, for a
    relation whose files are not given or do not fit."""
    joined = load_views(config, data, device, log, probe)
    views = {name: _rows(view, 0, data.n_items) for name, view in joined.items()}
    graph, edges = config.graph, dict[str, Edges]()
    for name in relations:
        notes: tuple[str, ...] = ()
        if name == TRUST and graph.trust_path is not None:
            edges[name], notes = read_trust(Path(graph.trust_path), data.user_ids)
        elif name == KNOWLEDGE and graph.knowledge_path is not None and graph.entities_path is not None:
            paths = Path(graph.knowledge_path), Path(graph.entities_path)
            edges[name], notes = read_knowledge(*paths, data.item_ids)
            _check_types(edges[name], paths[0], config.space)
        elif name == TEXT_KNN and views:
            edges[name] = nearest_texts(compared_view(views, graph.text_view), graph.neighbours)
        for note in notes:
            log.info(note)
        if name in edges:
            log.info("relation %s: %d edges", name, len(edges[name].target))
    return Beside(views, edges, _new_items(config, data, joined, TEXT_KNN in relations))


def _check_types(edges: Edges, path: Path, space: SpaceConfig) -> None:
    names = space.aggregate_of.get(KNOWLEDGE, space.aggregate)
    weighed = any("relational" in some for some in (names, *space.slots.values()))
    if weighed and len(edges.names) > TYPES:
        raise InputError(
            f"{path}: ties items by {len(edges.names)} types of edges, either direction of a relation "
            f"counted, and the aggregator relational weighs at most {TYPES}; join rare relations in this "
            "file, or leave relational out of space.aggregate_of.knowledge"
        )


def _new_items(config: TrainConfig, data: Dataset, joined: dict[str, View], alike: bool) -> dict[str, Beside]:
    """What is known of the new items of each fold; alike: and the edges of text_knn that arrive at them."""
    found, start = {}, data.n_items
    for fold, own in _new_folds(data).items():
        views = {name: _rows(view, start, start + len(own.ids)) for name, view in joined.items()}
        edges, start = dict[str, Edges](), start + len(own.ids)
        if alike and views:
            new = compared_view(views, config.graph.text_view)
            known = _rows(compared_view(joined, config.graph.text_view), 0, data.n_items)
            edges[TEXT_KNN] = nearest_texts(known, config.graph.neighbours, new)
        found[fold] = Beside(views, edges)
    return found


def _new_folds(data: Dataset) -> Mapping[str, Fold]:
    return data.cold.folds if data.cold is not None and data.cold.side == ITEM else {}


def _rows(view: View, start: int, end: int) -> View:
    return View(view.vectors[start:end].contiguous(), view.known[start:end].contiguous(), view.projector)


def compared_view(views: Mapping[str, View], name: str | None) -> View:
    """The view that tells which items are alike: graph.text_view, or the first. Errors: InputError."""
    if name is None:
        return next(iter(views.values()))
    if name not in views:
        raise InputError(f"graph.text_view={name}: no such view; the views are: {', '.join(views)}")
    return views[name]


def cache_folder(settings: TextConfig) -> Path:
    """Where vectors of texts are kept."""
    return default_folder() if settings.cache is None else Path(settings.cache)


def texts_of(settings: TextConfig, data: Dataset, log: logging.Logger) -> Cleaned | None:
    """The cleaned texts, where any view reads them."""
    if all(spec.get("encoder") == VECTORS for spec in settings.views.values()):
        return None
    if data.text is None:
        raise InputError(
            "text: the data says nothing of its items; give data.items_path and data.text=[columns], or "
            "a view with encoder: vectors"
        )
    new = [own.text for own in _new_folds(data).values() if own.text is not None]
    cleaned = clean_texts([text for part in (data.text, *new) for text in part])
    for note in cleaned.notes:
        log.info(note)
    return cleaned


def _scaled(
    name: str,
    spec: dict[str, Any],
    settings: TextConfig,
    data: Dataset,
    cleaned: Cleaned | None,
    device: torch.device,
    log: logging.Logger,
) -> tuple[Vectors, NDArray[np.bool_]]:
    """Mapped vectors (N, width), and which are known (N,)."""
    folder = cache_folder(settings)
    if spec["encoder"] == VECTORS:
        spec = {key: value for key, value in spec.items() if key not in ("encoder", "projector")}
        ids = np.concatenate([data.item_ids, *(own.ids for own in _new_folds(data).values())])
        rows, notes = read_vectors(Path(str(spec.pop("path"))), ids, **spec)
    else:
        assert cleaned is not None
        encoder = encoder_of(spec, device)
        with bar(f"text {name}", total=len(set(filter(None, cleaned.texts)))) as progress:
            rows = encode_texts(cleaned.texts, encoder, folder, progress.advance, data.n_items)
        notes = encoder.notes()
    for note in notes:
        log.info(note)
    return mapped(rows, settings.scaling, folder, data.n_items), rows.known
