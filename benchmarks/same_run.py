"""Whether a folder holds the run that a benchmark is asked for: its config against the overrides."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmarks import measure
from supernet.config import absolute_paths, conf_folder, register_schemas

APART = ("run", "resume", "runtime", "ops")
"""Where and on what machine a command runs: compared only where an override names it."""


ABSENT = "absent"
"""In place of the value of a key that a file lacks."""


def latest(overrides: Sequence[str]) -> list[str]:
    """The last override of every key."""
    return list({key_of(word): word for word in overrides}.values())


def key_of(word: str) -> str:
    """What an override sets."""
    return word.partition("=")[0].lstrip("+")


def require_same(name: str, path: Path, overrides: Sequence[str]) -> None:
    """Compare the config that NAME.py left in the file `path` with the one that the overrides make of the
    defaults; nothing where there is no such file. Keys that the file lacks, as one of an earlier release
    does, count where an override names them.

    Errors: SystemExit that tells every key with another value, or what is wrong with an override.
    """
    if not path.is_file():
        return
    try:
        asked, there = composed(name, overrides), OmegaConf.load(path)
        assert isinstance(there, DictConfig)
        differing = list(differences(asked, there, {key_of(word) for word in overrides}))
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(f"benchmark: {name}.py: {error}")
    if differing:
        sys.exit(
            f"benchmark: {path}: this run is another than what is asked for: {'; '.join(differing)}; "
            "give the same words as then, or another folder by run=FOLDER"
        )


def composed(name: str, overrides: Sequence[str]) -> DictConfig:
    """The config of NAME.py, paths in full as it writes them."""
    register_schemas()
    with initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        config = compose(name, overrides=latest(overrides))
    if name == "train":
        with contextlib.chdir(measure.ROOT):  # where `benchmarks.command.run` runs it
            absolute_paths(config)
    return config


def differences(asked: DictConfig, there: DictConfig, named: set[str]) -> Iterator[str]:
    """A sentence for every key with another value; named: the keys that were given."""
    written = OmegaConf.create(OmegaConf.to_yaml(asked))  # both as a file has them
    for key in keys(asked):
        given = any(key == name or key.startswith(f"{name}.") for name in named)
        if key.split(".")[0] in APART and not given:
            continue
        here, found = value_of(written, key), value_of(there, key)
        if found != here and (found is not ABSENT or given):
            yield f"{key} is {found if found is ABSENT else repr(found)} there, {here!r} here"


def keys(node: DictConfig, path: str = "") -> Iterator[str]:
    """The full names of the values of a config; a dict whose keys are free is one value."""
    for key in map(str, node):
        child = None if OmegaConf.is_missing(node, key) else node[key]
        if isinstance(child, DictConfig) and is_dataclass(OmegaConf.get_type(child)):
            yield from keys(child, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def value_of(config: Any, key: str) -> Any:
    """The value of a key by its full name, ABSENT where there is none."""
    found = OmegaConf.select(config, key, default=ABSENT)
    return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
