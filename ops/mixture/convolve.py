"""The mixture of convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from ops.convolve import CONVOLUTIONS, LinearConvolution, Terms
from ops.convolve.base import Matrix, apply_terms
from ops.mixture.base import Mix, Mixture


class ConvolveMixture(Mixture):
    """Σ_k f_k convolve_k = x·A + m·B + (x⊙m)·C with mixed A, B, C: three products whatever K.

    Shapes: target (N, D), message (N, D), p (K,) -> (N, D).
    """

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__({name: CONVOLUTIONS[name](dim) for name in names})
        self.register_buffer("eye", torch.eye(dim), persistent=False)
        self.eye: Tensor

    def forward(self, target: Tensor, message: Tensor, p: Mix | None) -> Tensor:
        """The mixed convolution."""
        single = self.single(p)
        if single is not None:
            return single(target, message)
        if self.calibrate:
            self.measure([module(target, message) for module in self.candidates.values()])
        factors = self.factors(cast(Tensor, p))
        terms = [cast(LinearConvolution, module).terms() for module in self.candidates.values()]
        mixed = [self._mix([term[i] for term in terms], factors) for i in range(3)]
        return apply_terms(Terms(*mixed), target, message)

    def _mix(self, matrices: Sequence[Matrix], factors: Tensor) -> Matrix:
        scalars = [(k, m) for k, m in enumerate(matrices) if isinstance(m, float) and m != 0.0]
        dense = [(k, m) for k, m in enumerate(matrices) if isinstance(m, Tensor)]
        out: Matrix = 0.0
        for k, matrix in dense:
            out = factors[k] * matrix if isinstance(out, float) else torch.addcmul(out, factors[k], matrix)
        if scalars:
            diagonal = sum((factors[k] * m for k, m in scalars), start=factors.new_zeros(()))
            out = diagonal * self.eye if isinstance(out, float) else torch.addcmul(out, diagonal, self.eye)
        return out
