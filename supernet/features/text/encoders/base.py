"""What every encoder can do, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ops.registry import Registry
from supernet.features.text.rows import Vectors
from supernet.runtime import InputError

__all__ = ["ENCODERS", "Encoder", "Vectors", "missing"]


class Encoder(Protocol):
    """identity: all that a vector depends on beside its text, as JSON. batch: texts given at a time. whole:
    the vectors depend on the texts together, so that all are given at once and none is looked up."""

    batch: int
    whole: bool

    @property
    def identity(self) -> Mapping[str, Any]: ...  # noqa: D102

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One vector a text. Shapes: n texts -> (n, d)."""

    def notes(self) -> tuple[str, ...]:
        """Counted decisions so far, for the log."""


ENCODERS: Registry[Callable[..., Encoder]] = Registry("text encoder")


def missing(extra: str, error: ImportError) -> InputError:
    """The error for a package that an extra brings."""
    return InputError(f"needs the package {error.name}: pip install 'supernet[{extra}]'")
