"""What every strategy can do, and the table of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ops.registry import Registry

Choices = dict[str, str]


class Strategy(Protocol):
    """Ask for a design, tell its score, in turn; higher scores are better.

    Made from (space, generator), and the adviser from its settings and the record of its answers too. The
    same generator and the same scores give the same designs, so that a killed search goes on by telling again
    what is known.
    """

    def ask(self) -> Choices:
        """The next design to evaluate, slot → candidate of all slots."""

    def tell(self, choices: Choices, score: float) -> None:
        """The score of a design that was asked for."""


STRATEGIES: Registry[Callable[..., Strategy]] = Registry("strategy")
