"""What an epoch of search came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor


class Ranked(NamedTuple):
    """What the valid part says of vectors: the metric that is watched, and the share of items listed."""

    score: float
    coverage: float = 0.0


@dataclass(frozen=True)
class SearchEpoch:
    """What one epoch of search came to. `mixture`, `size` (root-mean-square of a candidate's output, of
    the slots where it is measured) and `gradient` (norm of the alpha gradient, mean) are by slot.

    alpha_loss: the mean over the alpha steps; None without any. score: of the mixture on valid.
    derived_score: of its argmax, with inherited weights; gap: the one minus the other. cost, derived_cost:
    expected, of the two, by the weights of the search; 0 without. gradient_cosine: between the mean alpha
    gradients of alike slots of neighbouring layers, by kind. alpha_scale: the temperature of the alpha loss.
    eigenvalue: dominant, of the alpha loss; None where it was not looked at. energy, cosine: Dirichlet energy
    and mean cosine of pairs, by layer (`search.smoothing`). coverage: of the lists for valid. seconds: of all
    of it, steps, calibration and looking; seconds_per_step: of the steps alone.
    """

    epoch: int
    train_loss: float
    alpha_loss: float | None
    score: float
    derived_score: float
    gap: float
    cost: float
    derived_cost: float
    temperature: float
    alpha_scale: float
    entropy: float
    mixture: dict[str, list[float]]
    size: dict[str, list[float | None]]
    gradient: dict[str, float]
    gradient_cosine: dict[str, float]
    eigenvalue: float | None
    energy: list[float]
    cosine: list[float]
    coverage: float
    seconds: float
    seconds_per_step: float


class EpochSums:
    """Running sums of one epoch. seconds: of the steps; beside: of what comes before them."""

    def __init__(self, slots: list[str]) -> None:
        self.slots = slots
        self.train, self.alpha, self.seconds, self.beside = 0.0, 0.0, 0.0, 0.0
        self.alpha_steps = 0
        self.norms = [0.0] * len(slots)
        self.totals: list[Tensor] = []

    def add_alpha(self, loss: float, gradients: list[Tensor]) -> None:
        """Count an alpha step."""
        self.alpha += loss
        self.alpha_steps += 1
        self.norms = [n + float(g.norm()) for n, g in zip(self.norms, gradients, strict=True)]
        fresh = [g.detach().cpu().clone() for g in gradients]
        self.totals = [a + b for a, b in zip(self.totals, fresh, strict=True)] if self.totals else fresh

    def gradients(self) -> dict[str, float]:
        """Mean norm of the alpha gradient, by slot."""
        steps = max(1, self.alpha_steps)
        return {slot: norm / steps for slot, norm in zip(self.slots, self.norms, strict=True)}

    def cosines(self) -> dict[str, float]:
        """Cosine between the summed gradients of alike slots of layers l and l + 1, mean over l, by what
        follows the layer in a slot's name ("user/convolve"). Slots with other candidates are left out."""
        total = dict(zip(self.slots, self.totals, strict=True)) if self.totals else {}
        found: dict[str, list[float]] = {}
        for slot, gradient in total.items():
            layer, _, kind = slot.partition("/")
            if not layer.startswith("layer"):
                continue
            above = total.get(f"layer{int(layer.removeprefix('layer')) + 1}/{kind}")
            if above is not None and above.shape == gradient.shape:
                length = float(gradient.norm() * above.norm())
                found.setdefault(kind, []).append(float(gradient @ above) / length if length else 0.0)
        return {kind: sum(values) / len(values) for kind, values in found.items()}

    def state_dict(self) -> dict[str, Any]:
        """All sums."""
        return {k: v for k, v in vars(self).items() if k != "slots"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        vars(self).update(state)
