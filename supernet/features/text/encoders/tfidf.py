"""Words counted: what a language model has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from supernet.features.text.encoders.base import ENCODERS, Vectors, missing


@ENCODERS.register("tfidf")
@dataclass
class TfIdf:
    """TF-IDF of words and pairs of words that at least two texts have, then a truncated SVD to `dim` columns;
    fewer where there are fewer words or texts."""

    dim: int = 256
    batch: int = 1
    whole: bool = True

    @property
    def identity(self) -> Mapping[str, Any]:
        """Never looked up: the vectors depend on all texts."""
        return {"encoder": "tfidf", "dim": self.dim}

    def encode(self, texts: Sequence[str], more: Sequence[str] = ()) -> Vectors:
        """Fit to the texts and encode them, and then `more` by the same words and columns. Shapes: n texts, m
        more -> (n + m, at most dim)."""
        try:
            from sklearn.decomposition import TruncatedSVD
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError as error:
            raise missing("text", error) from None
        least = 2 if len(texts) > 2 else 1
        words = TfidfVectorizer(
            ngram_range=(1, 2), min_df=least, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"
        )
        try:
            counted = words.fit_transform(texts)
        except ValueError:  # no word is in two texts
            return np.zeros((len(texts) + len(more), 1), np.float32)
        others = words.transform(more) if more else counted[:0]
        width = min(self.dim, min(counted.shape) - 1)
        if width < 1:
            return np.vstack([counted.toarray(), others.toarray()]).astype(np.float32)
        svd = TruncatedSVD(width, random_state=0)
        with np.errstate(divide="ignore", invalid="ignore"):  # shares of a variance that may be 0
            own = svd.fit_transform(counted)
            return np.vstack([own, svd.transform(others) if more else own[:0]]).astype(np.float32)

    def notes(self) -> tuple[str, ...]:
        """Nothing to tell."""
        return ()
