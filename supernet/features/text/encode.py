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
from supernet.features.text.rows import Rows, Vectors, rows_of
from supernet.runtime import InputError

MANY = 8
"""Different texts that do not all have one vector by chance, as a few spellings of one title may."""


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
    Errors: InputError where an encoder gives many different texts one vector; as `VectorCache`.
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
        vectors = encoder.encode(texts)
        _check_differ(texts, vectors)
        cache.add(texts, vectors)
        advance(len(texts))
    return Rows(cache.find(unique), cache.width, cache.take)


def _check_differ(texts: Sequence[str], vectors: Vectors) -> None:
    if len(texts) >= MANY and np.allclose(vectors, vectors[0], rtol=1e-5, atol=1e-6):
        raise InputError(
            f"the encoder gave {len(texts)} different texts one and the same vector, {texts[0][:80]!r} and "
            f"{texts[1][:80]!r} among them, and none was kept: its tokenizer, layer or pooling is wrong"
        )
