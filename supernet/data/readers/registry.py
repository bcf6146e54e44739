"""The table of readers. A reader takes named, typed arguments and returns Interactions."""

from __future__ import annotations

from collections.abc import Callable

from ops.registry import Registry
from supernet.data.interactions import Interactions

READERS: Registry[Callable[..., Interactions]] = Registry("data reader")
