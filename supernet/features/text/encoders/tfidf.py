"""Words counted: what a language model has to beat."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from supernet.features.text.encoders.base import ENCODERS, Vectors, missing

VERSION = 2
"""Of what a word is."""

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Characters of scripts that are written without spaces between words: Thai, Lao, Burmese, Khmer and their
like, then Chinese and Japanese."""


@ENCODERS.register("tfidf")
@dataclass
class TfIdf:
    """TF-IDF of words and pairs of words that at least two texts have, then a truncated SVD to `dim` columns;
    fewer where there are fewer words or texts. What a word is says `word_pattern`.

    A text that shares no word with another has a vector of zeros, and is counted.
    """

    saved: ClassVar[int] = 1
    dim: int = 256
    batch: int = 1
    whole: bool = True
    zero: int = 0

    @property
    def identity(self) -> Mapping[str, Any]:
        """Never looked up: the vectors depend on all texts."""
        return {"encoder": "tfidf", "dim": self.dim, "version": VERSION}

    def encode(self, texts: Sequence[str], more: Sequence[str] = ()) -> Vectors:
        """Fit to the texts and encode them, and then `more` by the same words and columns. Shapes: n texts, m
        more -> (n + m, at most dim)."""
        found = self._encoded(texts, more)
        self.zero += int((~found.any(axis=1)).sum())
        return found

    def notes(self) -> tuple[str, ...]:
        """How many texts have a vector of zeros."""
        told = f"text: {self.zero:,} texts share no word with another, and have a vector of zeros by tfidf"
        return (told,) if self.zero else ()

    def _encoded(self, texts: Sequence[str], more: Sequence[str]) -> Vectors:
        try:
            from sklearn.decomposition import TruncatedSVD
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError as error:
            raise missing("text", error) from None
        least = 2 if len(texts) > 2 else 1
        words = TfidfVectorizer(
            ngram_range=(1, 2), min_df=least, sublinear_tf=True, token_pattern=word_pattern()
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


@functools.cache
def word_pattern() -> str:
    """The regular expression of a word: letters, digits and underscores with their combining marks and
    joiners, which Python's ``\\w`` lacks; in scripts without spaces each character with its marks, so that
    their pairs stand in the place of words."""
    marks = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] == "M")
    within = rf"[{marks}\u200c\u200d]"
    return rf"(?=[{UNSPACED}])\w{within}*|[^\W{UNSPACED}]+(?:{within}[^\W{UNSPACED}]*)*"
