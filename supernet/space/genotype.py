"""The genotype: what a search has chosen, as frozen JSON. It is all that passes from train.py to
derive.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from supernet.data.graph import INTERACTIONS, RELATIONS, SIDES
from supernet.runtime import InputError, write_json
from supernet.space.slots import slot_kind, slot_relation
from supernet.space.space import SearchSpace, digest

VERSION = 2

_TYPES = {
    "choices": dict,
    "layers": int,
    "tie_sides": bool,
    "relations": list,
    "seed": int,
    "runners_up": list,
}


@dataclass(frozen=True)
class Genotype:
    """One candidate for every slot, with where it comes from.

    choices: slot → candidate. layers, tie_sides, relations: the frame of the space. space: fingerprint of the
    space searched. metrics: what the search measured at the end (of the supernet, not of the derived model).
    mixture: slot → candidate → final weight, for those that were open. seed: of the search. runners_up: the
    choices of the designs that came next, best first. parent: hash of the genotype it started from, if any.
    """

    choices: Mapping[str, str]
    layers: int
    tie_sides: bool
    relations: tuple[str, ...]
    space: str
    metrics: Mapping[str, float]
    mixture: Mapping[str, Mapping[str, float]]
    seed: int
    runners_up: tuple[Mapping[str, str], ...] = ()
    parent: str | None = None
    version: int = VERSION

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits of the canonical form: equal for designs that compute the same."""
        return digest(self.canonical())

    def to_space(self) -> SearchSpace:
        """The space with this one design in it."""
        return self.designs()[0]

    def designs(self) -> list[SearchSpace]:
        """Spaces of one design each: this one, then the runners-up."""
        return [self._space(choices) for choices in (self.choices, *self.runners_up)]

    def _space(self, choices: Mapping[str, str]) -> SearchSpace:
        values: dict[str, Any] = {}
        for slot, name in choices.items():
            values.setdefault(slot_kind(slot), (name,))
        return SearchSpace(
            layers=self.layers,
            tie_sides=self.tie_sides,
            relations=self.relations,
            slots={slot: (name,) for slot, name in choices.items()},
            **values,
        )

    def refined(self, choices: Mapping[str, str]) -> Genotype:
        """The genotype with other choices in the same frame, this one its parent; itself where they are its
        own."""
        if dict(choices) == dict(self.choices):
            return self
        return replace(self, choices=dict(choices), runners_up=(), parent=self.hash)

    def canonical(self) -> dict[str, str]:
        """Both sides written out; choices that cannot matter are set to one value.

        A convolution `skip` does not read its message, so its aggregators become `none`. A relation beside
        the interactions does not count where it is `none`. With read-out `last`, layers at the end that are
        `skip` and `identity` on both sides are dropped.
        """
        full = _untied(self.choices, self.layers, self.relations) if self.tie_sides else dict(self.choices)
        for slot in full:
            if slot.endswith("/aggregate") and full[_convolution(slot)] == "skip":
                full[slot] = "none"
        full = {slot: name for slot, name in full.items() if not _dropped(slot, name)}
        if full["readout"] == "last":
            for layer in range(self.layers, 1, -1):
                if not all(_idle(full, layer, side) for side in SIDES):
                    break
                full = {slot: name for slot, name in full.items() if not slot.startswith(f"layer{layer}/")}
        return dict(sorted(full.items()))

    def save(self, path: Path) -> None:
        """Write it as JSON, atomically, with its hash."""
        write_json(path, asdict(self) | {"hash": self.hash})

    @classmethod
    def load(cls, path: Path) -> Genotype:
        """Read it back strictly.

        Errors: InputError, naming file and field, for a file that is missing or no JSON, another version,
        missing or unknown fields, an unknown slot or candidate, or a hash that does not match the choices.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; give the folder of a finished `train.py` run") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not a genotype file: {error}") from None
        genotype = _parse(cls, path, raw)
        if raw["hash"] != genotype.hash:
            raise InputError(
                f"{path}: field 'hash' is {raw['hash']!r}, but the choices have {genotype.hash!r}; "
                "the file was edited by hand: search again, or remove nothing but whole runs"
            )
        return genotype


def identity_of(space: SearchSpace) -> Callable[[Mapping[str, str]], str]:
    """A design → the hash of what it computes, equal for designs that compute the same."""
    frame = Genotype({}, space.layers, space.tie_sides, space.relations, "", {}, {}, 0)
    return lambda choices: replace(frame, choices=choices).hash


def _parse(cls: type[Genotype], path: Path, raw: Any) -> Genotype:  # noqa: ANN401
    names = {item.name for item in fields(cls)} | {"hash"}
    if not isinstance(raw, dict):
        raise InputError(f"{path}: a genotype is a JSON object, found {type(raw).__name__}")
    if raw.get("version") != VERSION:
        raise InputError(
            f"{path}: field 'version' is {raw.get('version')!r}; this release reads version {VERSION}"
        )
    for problem, found in (("missing", names - raw.keys()), ("unknown", raw.keys() - names)):
        if found:
            raise InputError(f"{path}: {problem} field {sorted(found)[0]!r}; a genotype has: {sorted(names)}")
    for name, kind in _TYPES.items():
        if type(raw[name]) is not kind:
            raise InputError(f"{path}: field {name!r} is {raw[name]!r}; it must be a {kind.__name__}")
    values = {key: value for key, value in raw.items() if key != "hash"}
    try:
        genotype = cls(**values | {key: tuple(raw[key]) for key in ("relations", "runners_up")})
        _check_designs(genotype, path)
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: field 'choices': {error}") from None
    return genotype


def _check_designs(genotype: Genotype, path: Path) -> None:
    for field, choices in [("choices", genotype.choices), *(("runners_up", c) for c in genotype.runners_up)]:
        try:
            slots = genotype._space(choices).candidates()
        except (InputError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path}: field {field!r}: {error}") from None
        missing = slots.keys() - choices.keys()
        if missing:
            raise InputError(f"{path}: field {field!r} lacks slot {sorted(missing)[0]!r}")


def _untied(choices: Mapping[str, str], layers: int, relations: tuple[str, ...]) -> dict[str, str]:
    full = {slot: name for slot, name in choices.items() if not slot.startswith("layer")}
    sides = {f"{relation}/aggregate": tuple(RELATIONS[relation]) for relation in relations}
    sides |= {"convolve": SIDES, "activation": SIDES}
    for layer in range(1, layers + 1):
        for kind, at in sides.items():
            full |= {f"layer{layer}/{side}/{kind}": choices[f"layer{layer}/{kind}"] for side in at}
    return full


def _dropped(slot: str, name: str) -> bool:
    return slot.endswith("/aggregate") and name == "none" and slot_relation(slot) != INTERACTIONS


def _convolution(aggregate: str) -> str:
    layer, side, *_ = aggregate.split("/")
    return f"{layer}/{side}/convolve"


def _idle(full: Mapping[str, str], layer: int, side: str) -> bool:
    prefix = f"layer{layer}/{side}"
    return full[f"{prefix}/convolve"] == "skip" and full[f"{prefix}/activation"] == "identity"
