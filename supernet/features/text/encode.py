"""All texts → vectors, once: what the cache has is looked up, the rest is encoded and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from supernet.features.text.cache import VectorCache
from supernet.features.text.encoders.base import Encoder, Vectors
from supernet.features.text.encoders.tfidf import TfIdf

SAVED = 16
"""Batches between two writings of the cache: what a killed run loses at most."""


def encode_texts(
    texts: Sequence[str],
    encoder: Encoder,
    folder: Path,
    advance: Callable[[int], None] = lambda done: None,
    fitted: int | None = None,
) -> tuple[Vectors, NDArray[np.bool_]]:
    """Vectors (N, d) of the texts, zeros where a text is empty, and which are not (N,).

    Equal texts are encoded once. advance: told how many more are done, those of the cache at once. fitted: an
    encoder that learns from the texts learns from the first so many; None: from all.
    """
    known = np.array([bool(text) for text in texts])
    unique = list(dict.fromkeys(text for text in texts if text))
    if not unique:
        return np.zeros((len(texts), 1), np.float32), known
    if encoder.whole:
        own = len(set(filter(None, texts[:fitted])))
        found = cast(TfIdf, encoder).encode(unique[:own], unique[own:])
        advance(len(unique))
    else:
        found = _looked_up(unique, encoder, folder, advance)
    place = {text: k for k, text in enumerate(unique)}
    vectors = np.zeros((len(texts), found.shape[1]), np.float32)
    vectors[known] = found[[place[text] for text in texts if text]]
    return vectors, known


def _looked_up(
    unique: Sequence[str], encoder: Encoder, folder: Path, advance: Callable[[int], None]
) -> Vectors:
    cache = VectorCache(folder, encoder.identity)
    found = cache.find(unique)
    advance(len(found))
    left = [k for k in range(len(unique)) if k not in found]
    size = encoder.batch * SAVED
    for start in range(0, len(left), size):
        places = left[start : start + size]
        texts = [unique[k] for k in places]
        vectors = encoder.encode(texts)
        cache.add(texts, vectors)
        found |= dict(zip(places, vectors, strict=True))
        advance(len(places))
    return np.stack([found[k] for k in range(len(unique))])
