"""The checks of the text and graph nodes: encoders, their settings, projectors, files of relations."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ops.registry import topic_of
from supernet.config.loss_checks import known
from supernet.config.schemas import GraphConfig, TextConfig
from supernet.data.graph import KNOWLEDGE, MISSING, TEXT_KNN, TRUST
from supernet.features import PROJECTORS
from supernet.features.text.encoders import ENCODERS
from supernet.features.text.scaling import SCALINGS
from supernet.features.text.vectors import VECTORS
from supernet.runtime import InputError

HIDDEN = {"whole", "name", "cut", "retried", "sleep", "_loaded"}
"""Fields of encoders that are no settings."""


def check_text(config: TextConfig, features: list[str]) -> None:
    """Errors: InputError, with the key, the value and the choices; also for a view that features read and
    that is not there."""
    known("text.scaling", config.scaling, SCALINGS)
    for name, spec in config.views.items():
        _check_view(name, spec)
    for feature in features:
        topic = topic_of(feature)
        if topic and topic not in config.views:
            views = ", ".join(config.views) or "none; choose some by text=minilm"
            raise InputError(f"space: feature {feature!r} reads the view {topic!r}; the views are: {views}")


def check_relations(relations: list[str], graph: GraphConfig, views: Mapping[str, Any]) -> None:
    """Errors: InputError for a relation whose edges no setting gives, with what to give, and for a view that
    is not there."""
    if graph.text_view is not None and graph.text_view not in views:
        there = ", ".join(views) or "none; choose some by text=minilm"
        raise InputError(f"graph.text_view={graph.text_view}: no such view; the views are: {there}")
    given = {
        TRUST: graph.trust_path is not None,
        TEXT_KNN: bool(views),
        KNOWLEDGE: graph.knowledge_path is not None and graph.entities_path is not None,
    }
    for name in relations:
        if not given.get(name, True):
            raise InputError(f"space.relations: relation {name!r} has no edges: {MISSING[name]}")


def _check_view(name: str, spec: Mapping[str, Any]) -> None:
    kind, given = str(spec.get("encoder")), set(spec) - {"encoder", "projector"}
    known(f"text.views.{name}.encoder", kind, (*ENCODERS, VECTORS))
    known(f"text.views.{name}.projector", str(spec.get("projector", "linear")), PROJECTORS)
    if kind == VECTORS:
        takes = {"path", "item", "vector"}
        if spec.get("path") is None:
            raise InputError(f"text.views.{name}.path is missing; give a .npy or .parquet of vectors")
    else:
        takes = set(inspect.signature(ENCODERS[kind]).parameters) - HIDDEN
    for key in sorted(given - takes):
        raise InputError(f"text.views.{name}: {kind} takes no {key!r}; it takes: {', '.join(sorted(takes))}")
