"""Registry: name → part. The name is the same in YAML, genotype, TensorBoard tag and error message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Part = TypeVar("Part")


class Registry(Generic[Part]):
    """A strict table of named parts.

    Args: kind: what the parts are, in the singular, for error messages ("aggregator").
    Errors: registering a name twice raises ValueError; an unknown name raises LookupError that lists the
    choices.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._parts: dict[str, Part] = {}

    def register(self, name: str) -> Callable[[Part], Part]:
        """Decorator that files a part under `name`."""

        def file(part: Part) -> Part:
            if name in self._parts:
                raise ValueError(
                    f"{self.kind} {name!r} is registered twice: {self._parts[name]!r} and {part!r}"
                )
            self._parts[name] = part
            return part

        return file

    def __getitem__(self, name: str) -> Part:
        if name not in self._parts:
            raise LookupError(f"unknown {self.kind} {name!r}; choose from: {', '.join(self._parts)}")
        return self._parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
