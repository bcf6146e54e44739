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

from supernet.runtime import InputError, atomic_path, write_json

Vectors = NDArray[np.float32]


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
    """The vectors of one encoder: parts of a few thousand texts each, written once and never changed.

    Several processes may add to it; what a killed one had written is there. identity: all that a vector
    depends on beside the text, as JSON; another identity is another cache.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        text = json.dumps(identity, sort_keys=True, ensure_ascii=True)
        self.folder = folder / "text" / hashlib.sha256(text.encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "encoder.json").is_file():
            write_json(self.folder / "encoder.json", dict(identity))
        self.known = self._read()

    def find(self, texts: Sequence[str]) -> dict[int, Vectors]:
        """Place → vector of those texts that are known."""
        keys = [key_of(text) for text in texts]
        return {place: self.known[key] for place, key in enumerate(keys) if key in self.known}

    def add(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Write vectors down, in one file, atomically."""
        keys = np.array([key_of(text) for text in texts])
        with atomic_path(self.folder / f"{uuid.uuid4().hex}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, keys=keys, vectors=vectors.astype(np.float32))
        self.known |= dict(zip(keys.tolist(), vectors.astype(np.float32), strict=True))

    def _read(self) -> dict[str, Vectors]:
        known: dict[str, Vectors] = {}
        for path in sorted(self.folder.glob("*.npz")):
            try:
                with np.load(path, allow_pickle=False) as part:
                    known |= dict(zip(part["keys"].tolist(), part["vectors"], strict=True))
            except (OSError, ValueError, KeyError) as error:
                raise InputError(
                    f"{path}: not a part of the vector cache: {error}; remove this file"
                ) from None
        return known
