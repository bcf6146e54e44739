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
    """Σ_k f_k convolve_k = x·A + m·B + (x⊙m)·C + a·x₀ with mixed A, B, C, a: three products whatever K.

    Shapes: target (N, D), message (N, D), initial x₀ (N, D), p (K,) -> (N, D).
    """

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__({name: CONVOLUTIONS[name](dim) for name in names})
        self.register_buffer("eye", torch.eye(dim), persistent=False)
        self.eye: Tensor

    def forward(self, target: Tensor, message: Tensor, initial: Tensor, p: Mix | None) -> Tensor:
        """The mixed convolution."""
        single = self.single(p)
        if single is not None:
            return single(target, message, initial)
        if self.calibrate or self.norm == "output":
            outputs = [module(target, message, initial) for module in self.candidates.values()]
            if self.calibrate:
                self.measure(outputs)
            if self.norm == "output":
                return self.normalised(outputs, cast(Tensor, p), target)
        factors = self.factors(cast(Tensor, p))
        terms = [cast(LinearConvolution, module).terms() for module in self.candidates.values()]
        a, b, c = (self._mix(same, factors) for same in zip(*(term.matrices for term in terms), strict=True))
        shares = [(k, term.initial) for k, term in enumerate(terms) if term.initial != 0.0]
        initial_share = sum((factors[k] * share for k, share in shares), start=factors.new_zeros(()))
        return apply_terms(Terms(a, b, c, initial_share if shares else 0.0), target, message, initial)

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
