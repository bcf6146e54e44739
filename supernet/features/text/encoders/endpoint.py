"""An OpenAI-compatible embeddings endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from supernet.endpoint import address, post
from supernet.features.text.encoders.base import ENCODERS, Vectors
from supernet.runtime import InputError


@ENCODERS.register("endpoint")
@dataclass
class Endpoint:
    """POST {OPENAI_BASE_URL}/embeddings, a batch of texts each; answers that may pass are tried again
    (`supernet.endpoint`). max_chars: what is longer is cut, and counted, as servers refuse it.

    Errors: InputError without an address, for an answer that no try will mend, or after `tries`, and for one
    that is not a finite vector a text.
    """

    saved: ClassVar[int] = 1  # each batch is paid for
    model: str = "text-embedding-3-small"
    batch: int = 128
    tries: int = 6
    timeout: float = 60.0
    max_chars: int = 8000
    whole: bool = False
    sleep: Callable[[float], None] = time.sleep
    retried: int = 0
    cut: int = 0

    @property
    def identity(self) -> Mapping[str, Any]:
        """Model, address, as another server may have another model of that name, and length."""
        own = {"model": self.model, "url": address(), "max_chars": self.max_chars}
        return {"encoder": "endpoint"} | own

    def encode(self, texts: Sequence[str]) -> Vectors:
        """In the order of the texts, whatever the order of the answer. Shapes: n texts -> (n, d)."""
        self.cut += sum(len(text) > self.max_chars for text in texts)
        texts = [text[: self.max_chars] for text in texts]
        found = [self._ask(texts[k : k + self.batch]) for k in range(0, len(texts), self.batch)]
        return np.concatenate(found)

    def notes(self) -> tuple[str, ...]:
        """How many requests were tried again, and how many texts cut."""
        longer = f"were longer than {self.max_chars} characters and were cut"
        told = {
            f"text: {self.retried} requests to the endpoint were tried again": self.retried,
            f"text: {self.cut:,} of the texts encoded now {longer}": self.cut,
        }
        return tuple(note for note, count in told.items() if count)

    def _ask(self, texts: Sequence[str]) -> Vectors:
        body = post(
            "embeddings", {"model": self.model, "input": list(texts)}, self._pause, self.tries, self.timeout
        )
        try:
            rows = sorted(body["data"], key=lambda row: row["index"])
            vectors = np.array([row["embedding"] for row in rows], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{address()}/embeddings: the answer has no embeddings: {error}") from None
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise InputError(f"{address()}/embeddings: {len(texts)} texts, {len(vectors)} vectors came back")
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad) or not vectors.shape[1]:
            what = (
                f"a vector without finite numbers for {texts[bad[0]][:80]!r}" if len(bad) else "empty vectors"
            )
            raise InputError(
                f"{address()}/embeddings: model {self.model!r} answered with {what}; is it a model of "
                "embeddings?"
            )
        return vectors

    def _pause(self, seconds: float) -> None:
        self.retried += 1
        self.sleep(seconds)
