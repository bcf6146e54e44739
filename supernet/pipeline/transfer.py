"""From another run to what this one begins with; which of it was taken is told, and kept in init.json."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from supernet.config import DeriveConfig, TrainConfig
from supernet.data.views import Views
from supernet.model import Recommender
from supernet.pipeline.contenders import DERIVED
from supernet.pipeline.shared import check_elsewhere, fitting, start_of
from supernet.pipeline.source import Source, read_source
from supernet.pipeline.stages import space_of
from supernet.pipeline.start import Start
from supernet.pipeline.user_ids import UserIds
from supernet.runtime import InputError, write_json
from supernet.search.selection import BY_TRAINING, Choices
from supernet.search.settings import BILEVEL
from supernet.search.transfer import point_of, start_alphas, unmatched
from supernet.space import SearchSpace

INIT = "init.json"
VERSION = 1


@dataclass(frozen=True)
class Transfer:
    """What a search takes of another: alphas by slot, its genotype where it is a design of the space, and
    weights. lines: what was taken, in words."""

    source: Source
    alphas: Mapping[str, Tensor]
    design: Choices | None
    start: Start
    lines: Sequence[str]

    def fitting(self, views: Views) -> Transfer:
        """What fits the views of this run; the last lines say what does not."""
        start, lines = fitting(self.start, views)
        return replace(self, start=start, lines=[*self.lines, *lines])

    def put(self, model: Recommender) -> None:
        """Write alphas and weights into a fresh supernet."""
        self.start.put(model)
        with torch.no_grad():
            for slot, alpha in self.alphas.items():
                model.alphas[slot].copy_(alpha)

    @property
    def known(self) -> list[Choices]:
        """Designs that the selection is to judge."""
        return [] if self.design is None else [self.design]

    def save(self, folder: Path) -> None:
        """init.json: where this run began, and the digest that a resumed run must find again."""
        told = {"version": VERSION, "run": str(self.source.folder), "digest": self.start.digest}
        write_json(folder / INIT, told | {"genotype": self.source.genotype.hash, "taken": list(self.lines)})


def transfer_of(
    config: TrainConfig, space: SearchSpace, user_ids: np.ndarray, resumed: Path | None = None
) -> Transfer | None:
    """What config.init_from gives to a search of `space` on these users; None where it is not set.

    resumed: the folder of a run that goes on, whose source must not have changed since it began.
    Errors: InputError for a source that cannot be read or has changed, and where nothing of it can be taken.
    """
    if config.init_from is None:
        return None
    settings = config.init
    source = read_source(Path(config.init_from), users=settings.users)
    check_elsewhere(source, config)
    if resumed is not None:
        _check_same(source, resumed / INIT)
    bilevel = config.search.strategy == BILEVEL
    learns, judges = settings.alphas > 0 and bilevel, not bilevel or config.search.select in BY_TRAINING
    alphas = start_alphas(space, source.alphas, settings.alphas) if learns else {}
    design = point_of(space, source.genotype)
    start, lines = start_of(source, config, settings, UserIds.of(user_ids, config), [space])
    if not bilevel and config.search.evaluate == "trained":
        start = replace(start, rows=start.rows[:0], vectors=start.vectors[:0], projectors={})
        lines = [f"no weights: search.evaluate={config.search.evaluate} trains every design anew"]
    found = [
        f"alphas of {len(alphas)} of {len(space.choices())} open slots, times {settings.alphas:g}",
        *(unmatched(space, source.alphas) if alphas else ()),
        "its genotype is " + _judged(design, judges, config),
        *lines,
    ]
    design = design if judges else None
    if not (alphas or design is not None or len(start.rows) or start.projectors):
        raise _nothing(source, found)
    return Transfer(source, alphas, design, start, found)


def _judged(design: Choices | None, judges: bool, config: TrainConfig) -> str:
    if design is None:
        return "no design of this space"
    return "judged with the known designs" if judges else f"not judged: search.select={config.search.select}"


def derived_start(
    config: DeriveConfig, run: TrainConfig, designs: Sequence[SearchSpace], user_ids: np.ndarray
) -> tuple[Start | None, list[str]]:
    """What config.init_from gives to a derived model of one of the designs, from the derived model there: its
    weights, and its design to choose among. And what was taken in words; None where it is not set. Errors: as
    `transfer_of`."""
    if config.init_from is None:
        return None, []
    source = read_source(Path(config.init_from), derived=True, users=config.init.users)
    check_elsewhere(source, run)
    tuned = config.finetune.text != "none"
    space = space_of(run.space)
    point = point_of(space, source.genotype, numbers=False)
    found = [] if point is None or _untuned(config) else [space.fixed(point)]
    ids = UserIds.of(user_ids, run)
    start, lines = start_of(source, run, config.init, ids, [*designs, *found], tuned)
    why = "no design of this space" if point is None else f"not judged: {_untuned(config)}"
    lines.append(f"its design is {'among those that tuning chooses from' if found else why}")
    if not (len(start.rows) or start.projectors or found):
        raise _nothing(source, lines)
    start = replace(start, design=next(iter(found), None))
    return start, [f"init_from={source.folder}: {line}" for line in lines]


def _untuned(config: DeriveConfig) -> str:
    """Why the derived model's tuning does not choose among designs; "" where it does."""
    if config.recipes is not None:
        return "recipes says the design"
    if not {DERIVED, "all"} & {*config.tune}:
        return f"tune={config.tune} leaves the derived model out"
    if config.tuning.trials == 0:
        return "tuning.trials=0"
    return "a grid is walked with the first design alone" if config.tuning.sampler == "grid" else ""


def fitted(start: Start | None, views: Views, log: logging.Logger) -> Start | None:
    """The start without what does not fit the views of this run; the log tells which that is."""
    if start is None:
        return None
    start, lines = fitting(start, views)
    for line in lines:
        log.info(line)
    return start


def _check_same(source: Source, path: Path) -> None:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        version, digest = raw["version"], raw["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not tell what the run began with: {error}; start a new run") from None
    if version != VERSION:
        raise InputError(f"{path}: field 'version' is {version!r}; this release reads version {VERSION}")
    if digest != source.digest:
        raise InputError(
            f"init_from={source.folder}: its files have changed since this run began (digest "
            f"{source.digest[:12]}, then {str(digest)[:12]}), so it cannot go on exactly; start a new run"
        )


def _nothing(source: Source, lines: Sequence[str]) -> InputError:
    return InputError(
        f"init_from={source.folder}: nothing to transfer: {'; '.join(lines)}. Search the same slots and "
        "candidates, share users by id, or read the same text view at the same model.dim"
    )
