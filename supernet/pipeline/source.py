"""A finished run that another starts from, as its folder tells."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from supernet.config import TrainConfig, load_train_config
from supernet.pipeline.folder import (
    CHECKPOINT,
    CONFIG,
    GENOTYPE,
    SETTLED,
    require_derived,
    require_run,
    weights_file,
)
from supernet.pipeline.stages import space_of
from supernet.pipeline.user_ids import USERS, UserIds
from supernet.runtime import InputError
from supernet.search.kept_epochs import taken_of
from supernet.search.settings import BILEVEL
from supernet.search.transfer import Known
from supernet.space import Genotype, SearchSpace

SEARCHED = (CONFIG, GENOTYPE, USERS, CHECKPOINT, SETTLED)
DESIGN = "derived.json"
DERIVED = (CONFIG, USERS, DESIGN, "derived.pt")


@dataclass(frozen=True)
class Source:
    """config, genotype: of the run, or the design of its derived model. users: its ids, None where they were
    not asked for. alphas: what its search ended with, empty where it had none. state: weights of its supernet
    or of its derived model by name. digest: of the content of all files that were read. finetuned: whether
    the derived model read texts of a language model that was fine-tuned."""

    folder: Path
    config: TrainConfig
    genotype: Genotype
    users: UserIds | None
    alphas: Known
    state: Mapping[str, Tensor]
    digest: str
    finetuned: bool = False


def read_source(folder: Path, derived: bool = False, users: bool = True) -> Source:
    """What `folder` holds of its search, or with `derived` of its derived model. users: read their ids.

    Errors: InputError, headed by init_from, for a folder that is missing, unfinished, damaged or written by
    another version.
    """
    try:
        return _read(folder, derived, users)
    except InputError as error:
        raise InputError(f"init_from={folder}: {error}") from None


def _read(folder: Path, derived: bool, users: bool) -> Source:
    if not folder.is_dir():
        raise InputError("no such folder; give the folder of a finished run of train.py")
    require_run(folder)
    if derived:
        require_derived(folder)
    config, design = load_train_config(folder), folder / (DESIGN if derived else GENOTYPE)
    genotype = Genotype.load(design)
    space = space_of(config.space)
    if space.fingerprint() != genotype.space:
        raise InputError(
            f"{design}: its space is {genotype.space}, that of {CONFIG} is {space.fingerprint()}: "
            "the files are of different runs or releases; search again"
        )
    ids = UserIds.load(folder / USERS) if users else None
    path = folder / ("derived.pt" if derived else CHECKPOINT)
    raw = _weights(path) if derived or path.is_file() else {}  # designs may be searched without a supernet
    alphas = {} if derived else _alphas(raw, config, space, path)
    last = weights_file(folder)
    state = raw if derived else (raw if last == path else _weights(last)).get("model", {})
    digest = _digest(folder, DERIVED if derived else SEARCHED)
    return Source(folder, config, genotype, ids, alphas, state, digest, derived and _finetuned(folder))


def _finetuned(folder: Path) -> bool:
    path = folder / "derive.yaml"
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")).get("finetune", {})
        return bool(settings.get("text", "none") != "none")
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read: {error}; derive that run again") from None


def _weights(path: Path) -> dict[str, Any]:
    try:
        raw = torch.load(path, weights_only=True, map_location="cpu")
        if not isinstance(raw, dict):
            raise TypeError(f"holds a {type(raw).__name__}")
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read: {reason}; search or derive that run again") from None
    return raw


def _alphas(raw: Mapping[str, Any], config: TrainConfig, space: SearchSpace, path: Path) -> Known:
    """The last alphas, or those of the epoch that the search went back to."""
    if config.search.strategy != BILEVEL or not raw:
        return {}
    try:
        kept = taken_of(raw, config.search.snapshot)
        named = {slot: raw["model"][f"alphas.{slot}"] for slot in space.choices()}
        last = named if kept is None else kept["alphas"]
        return {
            slot: dict(zip(names, last[slot].tolist(), strict=True))
            for slot, names in space.choices().items()
        }
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path}: no checkpoint of this release's searches: {error}; search again, from nothing"
        ) from None


def _digest(folder: Path, names: tuple[str, ...]) -> str:
    """The SHA-256 of the files, in hexadecimal digits; files that are missing count as such."""
    found = hashlib.sha256()
    for name in names:
        path = folder / name
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
        found.update(f"{name} {content}\n".encode())
    return found.hexdigest()
