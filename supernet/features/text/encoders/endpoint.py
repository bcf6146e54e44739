"""An OpenAI-compatible embeddings endpoint."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from supernet.features.text.encoders.base import ENCODERS, Vectors, missing
from supernet.runtime import InputError

URL, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
"""Environment variables: the address up to /v1, and the key; they never stand in a config or a cache."""

AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
"""Answers that another try may mend."""


@ENCODERS.register("endpoint")
@dataclass
class Endpoint:
    """POST {OPENAI_BASE_URL}/embeddings, a batch of texts each; answers that may pass are tried again, the
    pause doubling from one second, or as long as Retry-After says.

    Errors: InputError without an address, for an answer that no try will mend, or after `tries`.
    """

    model: str = "text-embedding-3-small"
    batch: int = 128
    tries: int = 6
    timeout: float = 60.0
    whole: bool = False
    sleep: Callable[[float], None] = time.sleep
    retried: int = 0

    @property
    def identity(self) -> Mapping[str, Any]:
        """Model and address: another server may have another model of that name."""
        return {"encoder": "endpoint", "model": self.model, "url": _address()}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """In the order of the texts, whatever the order of the answer. Shapes: n texts -> (n, d)."""
        found = [self._ask(texts[k : k + self.batch]) for k in range(0, len(texts), self.batch)]
        return np.concatenate(found)

    def notes(self) -> tuple[str, ...]:
        """How many requests were tried again."""
        return (f"text: {self.retried} requests to the endpoint were tried again",) if self.retried else ()

    def _ask(self, texts: Sequence[str]) -> Vectors:
        body = post(
            "embeddings", {"model": self.model, "input": list(texts)}, self._pause, self.tries, self.timeout
        )
        try:
            rows = sorted(body["data"], key=lambda row: row["index"])
            vectors = np.array([row["embedding"] for row in rows], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{_address()}/embeddings: the answer has no embeddings: {error}") from None
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise InputError(f"{_address()}/embeddings: {len(texts)} texts, {len(vectors)} vectors came back")
        return vectors

    def _pause(self, seconds: float) -> None:
        self.retried += 1
        self.sleep(seconds)


def post(
    path: str, body: Mapping[str, Any], pause: Callable[[float], None], tries: int, timeout: float
) -> Any:  # noqa: ANN401
    """The JSON that the endpoint answers with; tried again where that may help.

    Errors: InputError, with the address and what it said.
    """
    try:
        import httpx
    except ImportError as error:
        raise missing("text", error) from None
    address = f"{_address()}/{path}"
    key = os.environ.get(KEY)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    said = ""
    for number in range(tries):
        wait = 2.0**number
        try:
            answer = httpx.post(address, json=dict(body), headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            said = f"{type(error).__name__}: {error}"
        else:
            if answer.is_success:
                return answer.json()
            said = f"HTTP {answer.status_code}: {answer.text[:200]}"
            if answer.status_code not in AGAIN:
                raise InputError(f"{address}: {said}")
            wait = _retry_after(answer.headers.get("Retry-After")) or wait
        if number + 1 < tries:
            pause(wait)
    raise InputError(f"{address}: no answer after {tries} tries; the last said: {said}")


def _retry_after(value: str | None) -> float:
    try:
        return min(60.0, max(0.0, float(value or 0)))
    except ValueError:  # a date
        return 0.0


def _address() -> str:
    found = os.environ.get(URL, "").rstrip("/")
    if not found:
        raise InputError(
            f"the endpoint's address is missing: set {URL}, for example http://localhost:8000/v1"
        )
    return found
