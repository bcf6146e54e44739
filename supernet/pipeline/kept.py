"""Outcomes of finished trainings, kept in the run folder until the results are written: a killed derive.py
goes on after them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import torch

from supernet.pipeline.contenders import Trained
from supernet.runtime import InputError, atomic_path


class Kept:
    """One file an outcome, in the folder `outcomes` of a run; the name tells what it depends on."""

    def __init__(self, folder: Path, conditions: object) -> None:
        self.folder, self.conditions = folder / "outcomes", repr(conditions)

    def get(self, name: str, what: object, make: Callable[[], Trained], model: Path | None = None) -> Trained:
        """The outcome of an earlier start under the same conditions, or a new one. model: where its weights
        are to lie, whichever it is; without it they are not kept.

        Errors: InputError where the file is damaged.
        """
        digest = hashlib.sha256(f"{self.conditions} {what!r}".encode()).hexdigest()[:12]
        path = self.folder / f"{name.replace(' ', '-')}-{digest}.pt"
        weights = path.with_suffix(".model")
        if path.is_file():
            if model is not None and weights.is_file():
                with atomic_path(model) as temporary:
                    shutil.copyfile(weights, temporary)
            return _load(path)
        made = make()
        self.folder.mkdir(exist_ok=True)
        if model is not None and made.model is not None:
            for place in (weights, model):
                with atomic_path(place) as temporary:
                    torch.save(made.model.state_dict(), temporary)
        with atomic_path(path) as temporary:
            torch.save({f.name: getattr(made, f.name) for f in fields(made) if f.name != "model"}, temporary)
        return replace(made, model=None)  # it may be large, and there are many

    def drop(self) -> None:
        """Remove them all."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _load(path: Path) -> Trained:
    try:
        return Trained(**torch.load(path, weights_only=True))
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not the outcome of a training: {reason}; remove this file") from error
