"""The feature slot of one kind of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from ops.mixture import Mix, Mixture
from supernet.features.embedding import FEATURES


class FeatureMixture(Mixture):
    """Σ_k f_k feature_k. Shapes: p (K,) -> (N, D)."""

    def __init__(self, names: Sequence[str], nodes: int, dim: int) -> None:
        super().__init__({name: FEATURES[name](nodes, dim) for name in names})

    def forward(self, p: Mix | None) -> Tensor:
        """The mixed features."""
        single = self.single(p)
        if single is not None:
            return single()
        outputs = [module() for module in self.candidates.values()]
        if self.calibrate:
            self.measure(outputs)
        factors = self.factors(cast(Tensor, p))
        return sum((factors[k] * x for k, x in enumerate(outputs)), start=torch.zeros_like(outputs[0]))
