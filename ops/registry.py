"""Registry: name → part. The name is the same in YAML, genotype, TensorBoard tag and error message."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar, cast

Part = TypeVar("Part")

_CALL = re.compile(r"\s*(?P<name>[^()\s]+)\s*(?:\((?P<numbers>[^()]*)\)\s*)?")


class Scalar(NamedTuple):
    """A fixed number of a part: its default and its bounds, which are included. `whole`: an integer."""

    default: float
    low: float
    high: float
    whole: bool = False


class Registry(Generic[Part]):
    """A strict table of named parts.

    A class whose `SCALARS` name numbers of it is also reached with these written out, as `sym(0.4,0.6)`: the
    same class with them filled in. One whose `TOPIC` says what it is about is reached with a word for it
    alone, as `text:minilm`: the same class with topic="minilm" filled in.

    Args: kind: what the parts are, in the singular, for error messages ("aggregator").
    Errors: registering a name twice raises ValueError; an unknown name raises LookupError that lists the
    choices, and so do numbers that the part does not take.
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
        part, values = self._found(name)
        topic, wanted = topic_of(name), getattr(part, "TOPIC", None)
        if wanted is not None and not topic:
            raise LookupError(f"{self.kind} {name!r}: say which {wanted}, as {name}:NAME")
        if wanted is None and topic:
            raise LookupError(f"{self.kind} {name!r}: {name.partition(':')[0]} takes no name after it")
        values = values | {"topic": topic} if topic else values
        return cast(Part, partial(cast(Any, part), **values)) if values else part

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and plain_name(name).partition(":")[0] in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def scalars(self, name: str) -> dict[str, float]:
        """All scalars of a part with the values that `name` gives them: "sym(0.4,0.5)" → left .4, right
        .5."""
        part, values = self._found(name)
        return {key: values.get(key, scalar.default) for key, scalar in _scalars(part).items()}

    def bounds(self, name: str) -> Mapping[str, Scalar]:
        """The scalars that a part takes."""
        return _scalars(self._found(name)[0])

    def spelled(self, name: str) -> str:
        """The one way to write a part: "sym(.40, .6)" → "sym(0.4,0.6)", and "sym(.5, .5)" → "sym", its
        default."""
        values = self.scalars(name)
        defaults = {key: scalar.default for key, scalar in self.bounds(name).items()}
        return plain_name(name) if values == defaults else written(plain_name(name), values)

    def _found(self, name: str) -> tuple[Part, dict[str, Any]]:
        match = _CALL.fullmatch(name)
        plain = name if match is None else match["name"].partition(":")[0]
        if plain not in self._parts:
            raise LookupError(f"unknown {self.kind} {name!r}; choose from: {', '.join(self._parts)}")
        assert match is not None
        part = self._parts[plain]
        if match["numbers"] is None:
            return part, {}
        return part, _parsed(f"{self.kind} {name!r}", plain, match["numbers"], _scalars(part))


def plain_name(name: str) -> str:
    """The name without its numbers."""
    return name.split("(", 1)[0].strip()


def topic_of(name: str) -> str:
    """What a name is about: "text:minilm" → "minilm"; "" for others."""
    return plain_name(name).partition(":")[2]


def written(name: str, values: Mapping[str, float]) -> str:
    """A name with its numbers, as the registry reads it, to six digits."""
    return f"{name}({','.join(f'{value:.6g}' for value in values.values())})"


def _scalars(part: object) -> Mapping[str, Scalar]:
    return getattr(part, "SCALARS", {})


def _parsed(what: str, name: str, text: str, scalars: Mapping[str, Scalar]) -> dict[str, Any]:
    if not scalars:
        raise LookupError(f"{what}: {name} takes no numbers; write {name}")
    form = f"{name}({', '.join(scalars)})"
    words = [word.strip() for word in text.split(",")]
    if len(words) != len(scalars):
        raise LookupError(f"{what}: {form} takes {len(scalars)}, found {len(words)}")
    return {
        key: _number(what, form, key, word, scalar)
        for (key, scalar), word in zip(scalars.items(), words, strict=True)
    }


def _number(what: str, form: str, key: str, word: str, scalar: Scalar) -> float:
    kind = "a whole number" if scalar.whole else "a number"
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not scalar.low <= value <= scalar.high or (scalar.whole and value != int(value)):
        raise LookupError(
            f"{what}: {key} of {form} must be {kind} in [{scalar.low:g}, {scalar.high:g}], found {word!r}"
        )
    return int(value) if scalar.whole else value
