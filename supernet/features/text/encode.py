"""All texts → vectors, once: what the cache has is looked up, the rest is encoded and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from supernet.features.text.cache import VectorCache
from supernet.features.text.encoders.base import Encoder
from supernet.features.text.encoders.tfidf import TfIdf
from supernet.features.text.rows import Rows, rows_of


def encode_texts(
    texts: Sequence[str],
    encoder: Encoder,
    folder: Path,
    advance: Callable[[int], None] = lambda done: None,
    fitted: int | None = None,
) -> Rows:
    """Vectors (N, d) of the texts; those of empty ones are not known.

    Equal texts are encoded once. advance: told how many more are done, those of the cache at once. fitted: an
    encoder that learns from the texts learns from the first so many; None: from all.
    """
    unique = list(dict.fromkeys(text for text in texts if text))
    if not unique:
        return rows_of(np.zeros((len(texts), 1), np.float32), np.zeros(len(texts), np.bool_))
    if encoder.whole:
        own = len(set(filter(None, texts[:fitted])))
        found = rows_of(cast(TfIdf, encoder).encode(unique[:own], unique[own:]))
        advance(len(unique))
    else:
        found = _looked_up(unique, encoder, folder, advance)
    number = dict(zip(unique, found.place.tolist(), strict=True))
    return replace(found, place=np.array([number.get(text, -1) for text in texts]))


def _looked_up(unique: Sequence[str], encoder: Encoder, folder: Path, advance: Callable[[int], None]) -> Rows:
    cache = VectorCache(folder, encoder.identity)
    left = np.flatnonzero(cache.find(unique) < 0).tolist()
    advance(len(unique) - len(left))
    size = encoder.batch * encoder.saved
    for start in range(0, len(left), size):
        texts = [unique[k] for k in left[start : start + size]]
        cache.add(texts, encoder.encode(texts))
        advance(len(texts))
    return Rows(cache.find(unique), cache.width, cache.take)
