"""Selection rules: mixture → one candidate for every slot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ops.registry import Registry
from supernet.space import SearchSpace
from supernet.space.space import slot_kind

Choices = dict[str, str]
Mixture = Mapping[str, Tensor]


class Trials(NamedTuple):
    """What a rule may spend on short trainings.

    train: (choices, epochs) → validation score, of a model trained anew. generator: draws designs. known:
    designs of
    the space that the field has names for. pool: designs in the first round. epochs: of the first round.
    """

    train: Callable[[Choices, int], float]
    generator: torch.Generator
    known: Sequence[Choices]
    pool: int
    epochs: int


Selection = Callable[[SearchSpace, Mixture, Trials], Choices]
SELECTIONS: Registry[Selection] = Registry("selection rule")


@SELECTIONS.register("argmax")
def argmax(space: SearchSpace, mixture: Mixture, trials: Trials) -> Choices:
    """The candidate of the largest weight; of equal ones, the first named. Fixed slots keep their one
    candidate."""
    return {
        slot: names[int(mixture[slot].argmax())] if slot in mixture else names[0]
        for slot, names in space.candidates().items()
    }


@SELECTIONS.register("rescored")
def rescored(space: SearchSpace, mixture: Mixture, trials: Trials) -> Choices:
    """The best on the valid part of a pool of designs, by successive halving of short trainings.

    The pool: argmax, the known designs, and designs drawn from the mixture. Every round trains the designs
    left for
    three times as many epochs as the one before and keeps the best third, until one is left. A mixture can
    deceive
    (RobustDARTS: the supernet's own score does not warn of collapse); a short training of the design itself
    does not.
    Paper: successive halving, arXiv 1502.07943; rescoring sampled paths, arXiv 1904.00420
    """
    pool = [argmax(space, mixture, trials), *trials.known]
    for _ in range(20 * trials.pool):
        if len(pool) >= trials.pool:
            break
        pool.append(draw(space, mixture, trials.generator))
        pool = _distinct(pool)
    pool, epochs = _distinct(pool), trials.epochs
    while len(pool) > 1:
        scores = [trials.train(design, epochs) for design in pool]
        order = sorted(range(len(pool)), key=lambda k: -scores[k])
        pool = [pool[k] for k in order[: max(1, len(pool) // 3)]]
        epochs *= 3
    return pool[0]


def draw(space: SearchSpace, mixture: Mixture, generator: torch.Generator) -> Choices:
    """A design with each slot drawn from its mixture."""
    choices = {}
    for slot, names in space.candidates().items():
        k = int(torch.multinomial(mixture[slot].cpu(), 1, generator=generator)) if slot in mixture else 0
        choices[slot] = names[k]
    return choices


def known_designs(space: SearchSpace, others: Sequence[SearchSpace]) -> list[Choices]:
    """Those of `others` (fixed spaces, one candidate a kind) that are points of `space`, in its slots."""
    kinds = {slot: slot_kind(slot) for slot in space.candidates()}
    found = []
    for other in others:
        by_kind = {slot_kind(slot): names[0] for slot, names in other.candidates().items()}
        if all(by_kind[kinds[slot]] in names for slot, names in space.candidates().items()):
            found.append({slot: by_kind[kind] for slot, kind in kinds.items()})
    return found


def _distinct(pool: list[Choices]) -> list[Choices]:
    seen: dict[tuple[str, ...], Choices] = {}
    for design in pool:
        seen.setdefault(tuple(design.values()), design)
    return list(seen.values())
