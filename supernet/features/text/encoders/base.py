"""What every encoder can do, and the table of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import torch

from ops.registry import Registry
from supernet.features.text.rows import Vectors
from supernet.runtime import InputError

__all__ = ["ENCODERS", "Encoder", "Vectors", "encoder_of", "missing"]


class Encoder(Protocol):
    """identity: all that a vector depends on beside its text, as JSON. batch: texts read at a time. saved:
    batches that `encode` is given at once, after which they are written down: what a killed run loses at
    most. whole: the vectors depend on the texts together, so that all are given at once and none is looked
    up."""

    batch: int
    saved: ClassVar[int]
    whole: bool

    @property
    def identity(self) -> Mapping[str, Any]: ...  # noqa: D102

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One vector a text. Shapes: n texts -> (n, d)."""

    def notes(self) -> tuple[str, ...]:
        """Counted decisions so far, for the log."""


ENCODERS: Registry[Callable[..., Encoder]] = Registry("text encoder")


def encoder_of(spec: Mapping[str, Any], device: torch.device | str) -> Encoder:
    """The encoder of a view with its settings; a language model stands on `device`, unless the view itself
    names one. Errors: InputError from the encoder."""
    make = ENCODERS[str(spec["encoder"])]
    settings = {key: value for key, value in spec.items() if key not in ("encoder", "projector")}
    if "device" in inspect.signature(make).parameters and not settings.get("device"):
        settings["device"] = str(device)
    return make(**settings)


def missing(extra: str, error: ImportError) -> InputError:
    """The error for a package that an extra brings."""
    return InputError(f"needs the package {error.name}: pip install 'supernet[{extra}]'")
