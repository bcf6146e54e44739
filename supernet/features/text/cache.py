"""Vectors of texts on disk, by what they depend on: the encoder and the text, nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supernet.features.text.rows import Places, Vectors
from supernet.runtime import InputError, atomic_path, write_json


def default_folder() -> Path:
    """$SUPERNET_CACHE, or supernet in the user's cache folder."""
    own = os.environ.get("SUPERNET_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supernet"


def key_of(text: str) -> str:
    """The name of a text: the first 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


class VectorCache:
    """The vectors of one encoder: parts of a few thousand texts each, written once and never changed, and
    read where they are asked for; only keys are in memory.

    Several processes may add to it; what a killed one had written is there, but for the file that it was
    writing. identity: all that a vector depends on beside the text, as JSON; another identity is another
    cache. Errors: InputError for a file that is no part of it, or whose vectors have another width.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        text = json.dumps(identity, sort_keys=True, ensure_ascii=True)
        self.folder = folder / "text" / hashlib.sha256(text.encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "encoder.json").is_file():
            write_json(self.folder / "encoder.json", dict(identity))
        self.parts: list[Path] = []
        self.keys: list[NDArray[np.bytes_]] = []
        self.width = 1
        for path in sorted(self.folder.glob("[!.]*.npy")):  # with a dot: one that is being written
            try:
                self._append(path, _part(path))
            except InputError:
                if path.exists():  # if not, it was removed meanwhile
                    raise

    def find(self, texts: Sequence[str]) -> Places:
        """Where the texts stand, for `take`; −1 for those that are not known. Shapes: (n,)."""
        wanted = np.array([key_of(text) for text in texts], "S32")
        keys = np.concatenate([np.empty(0, "S32"), *self.keys])
        order = np.argsort(keys, kind="stable")
        if not len(keys):
            return np.full(len(wanted), -1)
        at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        return np.where(keys[at] == wanted, at, -1)

    def take(self, places: Places) -> Vectors:
        """Vectors (n, width) of places that `find` gave; each part is open only as long as it is read.
        Errors: InputError for a part with a number that is not finite."""
        starts = np.cumsum([0, *map(len, self.keys)])
        number = np.searchsorted(starts, places, side="right") - 1
        found = np.empty((len(places), self.width), np.float32)
        for k in np.unique(number):
            mine = number == k
            read = _part(self.parts[k])["vector"][places[mine] - starts[k]]
            if not np.isfinite(read).all():
                raise InputError(f"{self.parts[k]}: has a number that is not finite; remove this file")
            found[mine] = read
        return found

    def add(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Write vectors down, in one file, atomically.

        Errors: InputError for a number that is not finite, and for another width than those there have.
        """
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            raise InputError(
                f"the encoder gave a number that is not finite for the text {texts[bad[0]][:80]!r}; nothing "
                "of this batch was kept: mend the model or its server"
            )
        if self.parts and vectors.shape[1] != self.width:
            raise InputError(
                f"the encoder gave vectors of {vectors.shape[1]} columns; those that it gave before, in "
                f"{self.folder}, have {self.width}: set it up as it was, or remove this folder"
            )
        part = np.empty(len(texts), [("key", "S32"), ("vector", "<f4", vectors.shape[1:])])
        part["key"], part["vector"] = [key_of(text) for text in texts], vectors
        path = self.folder / f"{uuid.uuid4().hex}.npy"
        with atomic_path(path) as temporary:
            np.save(temporary, part)
        self._append(path, part)

    def _append(self, path: Path, part: NDArray[Any]) -> None:
        width = part["vector"].shape[1]
        if not width or (self.parts and width != self.width):
            raise InputError(
                f"{path}: not a part of the vector cache: its vectors have {width} columns, those of "
                f"the others {self.width}; remove whichever is wrong"
            )
        self.parts.append(path)
        self.keys.append(np.array(part["key"]))
        self.width = width


def _part(path: Path) -> NDArray[Any]:
    try:
        part: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        if part.dtype.names != ("key", "vector") or len(part.dtype["vector"].shape) != 1:
            raise ValueError(f"it has {part.dtype}")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a part of the vector cache: {error}; remove this file") from None
    return part
