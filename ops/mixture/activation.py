"""The mixture of activations."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ops.activation import ACTIVATIONS, NEGATIVE_SLOPE
from ops.mixture.base import Mixture


class ActivationMixture(Mixture):
    """Σ_k p_k activation_k: one function with mixed slopes for the piecewise-linear ones.

    Not rescaled: slopes are part of what an activation is. Shapes: x (N, D), p (K,) -> (N, D).
    """

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__({name: _Function(name) for name in names}, scaled=False)

    def forward(self, x: Tensor, p: Tensor | None) -> Tensor:
        """The mixed activation."""
        if self.only is not None:
            return self.only(x)
        assert p is not None, "a slot with several candidates needs its mixture"
        names = list(self.candidates)
        bent = [k for k, name in enumerate(names) if name in NEGATIVE_SLOPE]
        curved = [k for k in range(len(names)) if k not in bent]
        out = None
        if bent:
            slopes = p.new_tensor([NEGATIVE_SLOPE[names[k]] for k in bent])
            out = _two_slopes(x, p[bent].sum(), p[bent] @ slopes)
        for k in curved:
            value = p[k] * self.candidates[names[k]](x)
            out = value if out is None else out + value
        assert out is not None
        return out


def _two_slopes(x: Tensor, above: Tensor, below: Tensor) -> Tensor:
    positive = F.relu(x)  # at zero its slope is 0, so that `below` holds there, as in torch
    return positive * above + (x - positive) * below


class _Function(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.function = ACTIVATIONS[name]

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)
