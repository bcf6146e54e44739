"""What an epoch of search came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class SearchEpoch:
    """What one epoch of search came to. `mixture` and `gradient` (norm of the alpha gradient, mean) are by
    slot."""

    epoch: int
    train_loss: float
    alpha_loss: float
    score: float
    temperature: float
    entropy: float
    mixture: dict[str, list[float]]
    gradient: dict[str, float]
    seconds: float
    seconds_per_step: float


class EpochSums:
    """Running sums of one epoch."""

    def __init__(self, slots: list[str]) -> None:
        self.slots = slots
        self.train, self.alpha, self.seconds = 0.0, 0.0, 0.0
        self.alpha_steps = 0
        self.norms = [0.0] * len(slots)

    def add_alpha(self, loss: float, gradients: list[Tensor]) -> None:
        """Count an alpha step."""
        self.alpha += loss
        self.alpha_steps += 1
        self.norms = [n + float(g.norm()) for n, g in zip(self.norms, gradients, strict=True)]

    def gradients(self) -> dict[str, float]:
        """Mean norm of the alpha gradient, by slot."""
        steps = max(1, self.alpha_steps)
        return {slot: norm / steps for slot, norm in zip(self.slots, self.norms, strict=True)}

    def state_dict(self) -> dict[str, Any]:
        """All sums."""
        return {k: v for k, v in vars(self).items() if k != "slots"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        vars(self).update(state)
