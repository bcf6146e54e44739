"""The run folder: made anew, checked, and the checkpoint in it."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import torch

from supernet.runtime import InputError, atomic_path
from supernet.search.loop import Search

GENOTYPE, CHECKPOINT, CONFIG = "genotype.json", "checkpoint.pt", "config.yaml"
SETTLED = "settled.pt"


def new_folder(wanted: str | None) -> Path:
    """A fresh run folder: the wanted one, or runs/<date>-<time>. Errors: InputError where it is not empty."""
    if wanted is not None:
        folder = Path(wanted)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"run={folder}: it is not empty; choose another, or go on with resume={folder}")
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    stem = Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in range(1000):
        folder = stem if suffix == 0 else stem.with_name(f"{stem.name}-{suffix}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise InputError(f"{stem}: a thousand runs started in this second; give run=<folder>")


def save_checkpoint(search: Search, path: Path) -> None:
    """Everything that the rest of the search depends on, atomically."""
    with atomic_path(path) as temporary:
        torch.save(search.state_dict(), temporary)


def load_checkpoint(search: Search, path: Path, log: logging.Logger) -> None:
    """Bring `search` to where the checkpoint was taken; a run that had none yet starts anew.

    Errors: InputError where the file is damaged or belongs to another search.
    """
    if not path.is_file():
        log.info("%s: the run had written no checkpoint yet; it starts anew", path)
        return
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        search.load_state_dict(state)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot go on from this checkpoint: {reason}; start a new run") from error
    log.info("going on at epoch %d, step %d", search.epoch + 1, search.step)


def weights_file(folder: Path) -> Path:
    """Where a search left its weights: those of its design where it settled into it, else those of the
    supernet that it took; of a run before there was such a file, those of the last epoch."""
    path = folder / SETTLED
    return path if path.is_file() else folder / CHECKPOINT


def require_run(folder: Path) -> None:
    """Errors: InputError where `folder` is not a finished run."""
    _require(folder, CONFIG, "give the run folder that train.py printed")
    _require(folder, GENOTYPE, f"the search has not ended; go on with train.py resume={folder}")


def require_derived(folder: Path) -> None:
    """Errors: InputError where no derive.py has ended on the run in `folder`."""
    remedy = f"the run has not been derived; do so first with derive.py run={folder}"
    for name in ("derived.json", "derived.pt"):
        _require(folder, name, remedy)


def _require(folder: Path, file: str, remedy: str) -> None:
    """Errors: InputError where `folder` does not hold `file`."""
    if not (folder / file).is_file():
        raise InputError(f"{folder / file}: no such file; {remedy}")
