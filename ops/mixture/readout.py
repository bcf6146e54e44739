"""The mixture of read-outs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ops.mixture.base import Choice, Mix, Mixture
from ops.readout import READOUTS, Concat, LayerWeights, weighted_layers


class ReadoutMixture(Mixture):
    """Σ_k f_k readout_k: one weighted sum of the layers for last, mean and sum.

    Where `concat` is among them the others are padded with zeros to its width, (L + 1) D: they add to its
    first D columns, and a one-hot mixture scores exactly as that read-out does. One chosen candidate is
    padded too where `padded`; a dot product does not need the zeros.
    Shapes: [(N, D)] × (L + 1), p (K,) -> (N, D), or (N, (L + 1) D) with `concat`.
    """

    one_width = False

    def __init__(self, names: Sequence[str], dim: int, layers: int, padded: bool = True) -> None:
        super().__init__({name: READOUTS[name](dim, layers) for name in names})
        self.padded = padded
        self.width = (layers + 1) * dim if "concat" in names else dim

    def forward(self, layers: Sequence[Tensor], p: Mix | None) -> Tensor:
        """The mixed read-out."""
        single = self.single(p)
        if single is not None:
            return self._padded(single(layers), p)
        modules = list(self.candidates.values())
        if self.calibrate:
            self.measure([None if k in self.dropped else m(layers) for k, m in enumerate(modules)])
        factors = self.factors(cast(Tensor, p))
        narrow = self._weighted(layers, factors)
        for k, module in enumerate(modules):
            if not isinstance(module, LayerWeights | Concat) and k not in self.dropped:
                value = factors[k] * module(layers)
                narrow = value if narrow is None else narrow + value
        wide = [factors[k] for k, m in enumerate(modules) if isinstance(m, Concat)]
        if not wide:
            return cast(Tensor, narrow)
        first = layers[0] * wide[0] if narrow is None else torch.addcmul(narrow, layers[0], wide[0])
        return torch.cat([first, *(x * wide[0] for x in layers[1:])], dim=1)

    def _padded(self, out: Tensor, p: Mix | None) -> Tensor:
        """The columns of one candidate in their place among those of all."""
        if not self.padded or not isinstance(p, Choice) or out.shape[1] == self.width:
            return out
        return F.pad(out, (0, self.width - out.shape[1]))

    def _weighted(self, layers: Sequence[Tensor], factors: Tensor) -> Tensor | None:
        modules = enumerate(self.candidates.values())
        fixed = [(k, module.weights()) for k, module in modules if isinstance(module, LayerWeights)]
        if not fixed:
            return None
        weights = factors[[k for k, _ in fixed]] @ factors.new_tensor([w for _, w in fixed])
        return weighted_layers(layers, list(weights.unbind()))
