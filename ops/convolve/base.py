"""The table of convolutions, and the family x·A + m·B + (x⊙m)·C to which all of them belong."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ops.registry import Registry

CONVOLUTIONS: Registry[type[nn.Module]] = Registry("convolution")

Matrix = Tensor | float
"""A (D, D) matrix, or a number that stands for that multiple of the identity; 0.0 drops the term."""


class Terms(NamedTuple):
    """The three matrices of a convolution, each (D, D) or a multiple of the identity."""

    target: Matrix = 0.0
    message: Matrix = 0.0
    product: Matrix = 0.0


class LinearConvolution(nn.Module):
    r"""Base of the convolutions :math:`h = xA + mB + (x \odot m)C`. A child gives `terms`, and `weights`
    where it has any.

    Weights are (D, D), applied from the right, without bias: an embedding needs none.
    Shapes: target x (N, D), message m (N, D) -> (N, D).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()

    def terms(self) -> Terms:
        """The matrices A, B, C."""
        raise NotImplementedError

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot-uniform matrices, zero scalars."""
        for weight in self.parameters(recurse=False):
            if weight.dim() == 2:
                nn.init.xavier_uniform_(weight, generator=generator)
            else:
                nn.init.zeros_(weight)

    def forward(self, target: Tensor, message: Tensor) -> Tensor:
        """The convolution."""
        return apply_terms(self.terms(), target, message)


def apply_terms(terms: Terms, target: Tensor, message: Tensor) -> Tensor:
    """x·A + m·B + (x⊙m)·C; a term whose matrix is 0.0 costs nothing. Shapes: (N, D), (N, D) -> (N, D)."""
    out: Tensor | None = None
    for matrix, factor in zip(terms, (target, message, None), strict=True):
        if not (isinstance(matrix, float) and matrix == 0.0):
            out = _plus(out, target * message if factor is None else factor, matrix)
    return torch.zeros_like(target) if out is None else out.to(target.dtype)  # autocast ends here


def _plus(out: Tensor | None, x: Tensor, matrix: Matrix) -> Tensor:
    """out + x · matrix."""
    if isinstance(matrix, Tensor):
        return x @ matrix if out is None else torch.addmm(out, x, matrix)
    if out is None:
        return x if matrix == 1.0 else x * matrix
    return torch.add(out, x, alpha=matrix)


def square(dim: int) -> nn.Parameter:
    """A (dim, dim) weight, to be filled by `reset_parameters`."""
    return nn.Parameter(torch.empty(dim, dim))
