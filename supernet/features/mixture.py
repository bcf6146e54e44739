"""The feature slot of one kind of nodes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ops.mixture import Mixture
from supernet.features.embedding import FEATURES


class FeatureMixture(Mixture):
    """Σ_k f_k feature_k. Shapes: p (K,) -> (N, D)."""

    def __init__(self, names: Sequence[str], nodes: int, dim: int) -> None:
        super().__init__({name: FEATURES[name](nodes, dim) for name in names})

    def forward(self, p: Tensor | None) -> Tensor:
        """The mixed features."""
        if self.only is not None:
            return self.only()
        assert p is not None, "a slot with several candidates needs its mixture"
        outputs = [module() for module in self.candidates.values()]
        if self.calibrate:
            self.measure(outputs)
        factors = self.factors(p)
        return sum((factors[k] * x for k, x in enumerate(outputs)), start=torch.zeros_like(outputs[0]))
