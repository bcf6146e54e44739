"""Where configs come from: the Hydra tree, a run folder; and what becomes of them."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from supernet.config.loss_checks import known
from supernet.config.registry import SCHEMAS
from supernet.config.schemas import SpaceConfig, TrainConfig
from supernet.config.tree import conf_folder, depth_of, published_names, space_names
from supernet.runtime import InputError
from supernet.training.recipe import Recipe

PRETUNED = "pretuned.json"
"""Of a run folder: the recipe that was chosen before the search."""


def typed(config: DictConfig) -> Any:  # noqa: ANN401
    """The composed config as the dataclasses above, all the way down.

    Errors: InputError for a key that no schema has (`+key=value` brings one in).
    """
    _no_strangers(config, "")
    return OmegaConf.to_object(config)


def _no_strangers(node: DictConfig, path: str) -> None:
    schema = OmegaConf.get_type(node)
    names = {item.name for item in fields(schema)} if is_dataclass(schema) else None
    for key in map(str, node):
        if names is not None and key not in names:
            raise InputError(f"no key '{path}{key}'; the keys here are: {', '.join(sorted(names))}")
        child = None if OmegaConf.is_missing(node, key) else node[key]
        if isinstance(child, DictConfig):
            _no_strangers(child, f"{path}{key}.")


def given_keys(words: list[str]) -> set[str]:
    """The keys that a command line sets, those inside of {…} too; groups that it chooses are among them."""
    found: set[str] = set()
    for word in OverridesParser.create().parse_overrides(words):
        waiting = [(word.key_or_group, word.value())]
        while waiting:
            key, value = waiting.pop()
            found.add(key)
            waiting += (
                [(f"{key}.{name}", own) for name, own in value.items()] if isinstance(value, dict) else []
            )
    return found


def absolute_paths(config: DictConfig) -> None:
    """Write paths in full, so that a run can be resumed and derived from any folder."""
    named = [(config, "init_from"), (config.text, "cache"), (config.search, "embeddings")]
    named += [
        (node, key) for node in (config.data, config.graph) for key in node if str(key).endswith("path")
    ]
    named += [(view, "path") for view in config.text.views.values()]
    # else it is a name on a hub
    named += [
        (view, "model") for view in config.text.views.values() if Path(view.get("model") or "").is_dir()
    ]
    for node, key in named:
        if node.get(key):
            node[key] = str(Path(node[key]).absolute())


def load_train_config(folder: Path) -> TrainConfig:
    """The config a run was started with, read back from its folder and checked against the schemas again, and
    the recipe that its pretuning chose."""
    path = folder / "config.yaml"
    if not path.is_file():
        raise InputError(f"{path}: no such file; {folder} is not a run folder of train.py")
    config, chosen = OmegaConf.structured(TrainConfig), _pretuned(folder / PRETUNED)
    try:
        raw: Any = OmegaConf.load(path)
        for group in ("data", "split", "space", "loss", "training", "search", "eval", "text"):
            names = SCHEMAS[group]
            key = {"data": "reader", "split": "method"}.get(group)
            schema = names[str(raw[group][key])] if key else names[group]
            config[group] = OmegaConf.structured(schema)
        loaded = OmegaConf.to_object(OmegaConf.merge(config, raw, chosen))
    except Exception as error:
        raise InputError(f"{path}: not a config of this release: {error}") from error
    assert isinstance(loaded, TrainConfig)
    return loaded


def _pretuned(path: Path) -> dict[str, Any]:
    """The keys of a recipe that were chosen after the config was composed."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: found[key] for key in ("loss", "training")}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error!r}; search anew") from error


def arguments(config: object, *without: str) -> dict[str, Any]:
    """The fields of a config node but those named, as keyword arguments; lists become tuples."""
    values = {item.name: getattr(config, item.name) for item in fields(config) if item.name not in without}  # type: ignore[arg-type]
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def load_space(name: str) -> SpaceConfig:
    """A space of conf/space by name; `name(layers)` is it with so many layers. Errors: InputError that lists
    them where there is none of that name."""
    plain, layers = depth_of(name)
    known("baselines", plain, [*space_names(), *published_names()])
    raw = OmegaConf.load(conf_folder() / "space" / f"{plain}.yaml")
    assert isinstance(raw, DictConfig)
    raw.pop("defaults")
    loaded = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(SpaceConfig), raw))
    assert isinstance(loaded, SpaceConfig)
    loaded.layers = layers or loaded.layers
    return loaded


def load_published(name: str) -> tuple[SpaceConfig, Recipe]:
    """A model of conf/published by name: its space, and the recipe it was published with.

    Errors: InputError for a field that a recipe does not have.
    """
    path = conf_folder() / "published" / f"{name}.yaml"
    raw: Any = OmegaConf.to_container(OmegaConf.load(path))
    unknown = raw["recipe"].keys() - Recipe.__dataclass_fields__.keys()
    if unknown:
        raise InputError(f"{path}: a recipe has no {sorted(unknown)[0]!r}")
    space = load_space(raw["space"])
    space.layers = raw["layers"]
    return space, Recipe(**raw["recipe"])


def tuning_defaults(key: str) -> list[dict[str, Any]]:
    """What the spaces of conf/tuning have for a key; nothing where none of them has it."""
    files = sorted((conf_folder() / "tuning").glob("*.yaml"))
    spaces: list[Any] = [OmegaConf.to_container(OmegaConf.load(file)) for file in files]
    return [found["space"][key] for found in spaces if key in found["space"]]
