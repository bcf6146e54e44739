"""What a run reads: files by their content, encoders by what they are. What was found holds for no others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from supernet.config import TrainConfig, arguments
from supernet.data.graph import KNOWLEDGE, MISSING, TRUST
from supernet.features.text.encoders import encoder_of
from supernet.features.text.vectors import VECTORS
from supernet.runtime import InputError, write_json

INPUTS = "inputs.json"
ITEM_TABLES = ("items.tsv", ".item")
"""How the names of item tables in a folder of data end."""

MOVES = "url"
"""Part of an encoder's identity that may change: a server that has moved has the same model."""


def keep_inputs(folder: Path, config: TrainConfig) -> None:
    """Write down the SHA-256 of every file of the data, the relations and the vectors, and the identity of
    every view's encoder. Errors: InputError for an encoder that cannot be had."""
    files = {key: digest_of(path) for key, path in input_files(config)}
    write_json(folder / INPUTS, files | encoders_of(config))


def check_inputs(folder: Path, config: TrainConfig) -> None:
    """Errors: InputError naming the first file that has changed, or is gone, since the run in `folder` began,
    or the encoder that is another, such as a language model with other weights. Of runs of earlier releases,
    which wrote down less, what they did is compared."""
    path = folder / INPUTS
    if not path.is_file():
        return
    try:
        then = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}; search anew") from None
    encoders = {key: identity for key, identity in then.items() if isinstance(identity, dict)}
    _check_encoders(folder, encoders, encoders_of(config) if encoders else {})
    now = dict(input_files(config))
    for key, digest in then.items():
        if key in encoders:
            continue
        if key not in now or not now[key].is_file() or digest_of(now[key]) != digest:
            word = "has changed" if key in now else "is gone"
            raise InputError(
                f"{key}: {now.get(key, 'the file')} {word} since the run in {folder} began, and what that "
                "found would not hold for it; put the file back, or search anew"
            )


def encoders_of(config: TrainConfig) -> dict[str, dict[str, Any]]:
    """The identity of each view's encoder: "text.views.minilm". None of a view that reads a file of vectors,
    which is among the files."""
    return {
        f"text.views.{name}": dict(encoder_of(view, "cpu").identity)
        for name, view in config.text.views.items()
        if view.get("encoder") != VECTORS
    }


def _check_encoders(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for key, identity in then.items():
        own = now.get(key, {})
        for name in sorted((identity.keys() | own.keys()) - {MOVES}):
            before, found = identity.get(name), own.get(name)
            if before != found:
                raise InputError(
                    f"{key}: its encoder has changed since the run in {folder} began: {name} was {before!r} "
                    f"and is {found!r}; what the run found would not hold; put it back, or search anew"
                )


def input_files(config: TrainConfig) -> Iterator[tuple[str, Path]]:
    """Every file by its key; of a folder, the files in it: "data.path/train.txt". Without views of the texts
    not the table of items: titles and the attributes of rules are read when they are asked for."""
    for key, path in _files(config):
        if config.text.views or not (key == "data.items_path" or path.name.endswith(ITEM_TABLES)):
            yield key, path


def _files(config: TrainConfig) -> Iterator[tuple[str, Path]]:
    named = {f"data.{key}": value for key, value in arguments(config.data).items() if key.endswith("path")}
    named |= {f"graph.{key}": v for key, v in arguments(config.graph).items() if key.endswith("path")}
    named |= {f"text.views.{name}.path": view.get("path") for name, view in config.text.views.items()}
    for key, value in named.items():
        if value is None:
            continue
        path = Path(value)
        if path.is_dir():
            yield from ((f"{key}/{file.name}", file) for file in sorted(path.iterdir()) if file.is_file())
        elif path.is_file():
            yield key, path


def require_files(config: TrainConfig) -> None:
    """Errors: InputError for a file of vectors or of a relation of the space that is not there, which else is
    found missing only once the run has begun."""
    named = {
        f"text.views.{name}.path": (view.get("path"), "give a .npy or .parquet of vectors")
        for name, view in config.text.views.items()
    }
    for relation, keys in ((TRUST, ("trust_path",)), (KNOWLEDGE, ("knowledge_path", "entities_path"))):
        if relation in config.space.relations:
            named |= {f"graph.{key}": (getattr(config.graph, key), MISSING[relation]) for key in keys}
    for key, (path, todo) in named.items():
        if path is not None and not Path(path).is_file():
            raise InputError(f"{key}={path}: no such file; {todo}")


def digest_of(path: Path) -> str:
    """SHA-256 of the content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
