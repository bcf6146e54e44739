"""All texts → vectors, once: what the cache has is looked up, the rest is encoded and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from supernet.features.text.cache import VectorCache
from supernet.features.text.encoders.base import Encoder
from supernet.features.text.rows import Rows, rows_of

SAVED = 16
"""Batches between two writings of the cache: what a killed run loses at most."""


def encode_texts(
    texts: Sequence[str],
    encoder: Encoder,
    folder: Path,
    advance: Callable[[int], None] = lambda done: None,
) -> Rows:
    """Vectors (N, d) of the texts; those of empty ones are not known.

    Equal texts are encoded once. advance: told how many more are done, those of the cache at once.
    """
    unique = list(dict.fromkeys(text for text in texts if text))
    if not unique:
        return rows_of(np.zeros((len(texts), 1), np.float32), np.zeros(len(texts), np.bool_))
    if encoder.whole:
        found = rows_of(encoder.encode(unique))
        advance(len(unique))
    else:
        found = _looked_up(unique, encoder, folder, advance)
    number = dict(zip(unique, found.place.tolist(), strict=True))
    return replace(found, place=np.array([number.get(text, -1) for text in texts]))


def _looked_up(unique: Sequence[str], encoder: Encoder, folder: Path, advance: Callable[[int], None]) -> Rows:
    cache = VectorCache(folder, encoder.identity)
    left = np.flatnonzero(cache.find(unique) < 0).tolist()
    advance(len(unique) - len(left))
    size = encoder.batch * SAVED
    for start in range(0, len(left), size):
        texts = [unique[k] for k in left[start : start + size]]
        cache.add(texts, encoder.encode(texts))
        advance(len(texts))
    return Rows(cache.find(unique), cache.width, cache.take)
