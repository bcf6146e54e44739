"""The table of convolutions, and the family x·A + m·B + (x⊙m)·C + a·x₀ to which all of them
belong."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ops.gradients import differentiable_gradients
from ops.registry import Registry

CONVOLUTIONS: Registry[type[nn.Module]] = Registry("convolution")

ROWS = 2048
"""Rows of a block: in float32 with 64 channels, its three factors side by side take 1.5 MiB."""

Matrix = Tensor | float
"""A (D, D) matrix, or a number that stands for that multiple of the identity; 0.0 drops the term."""


class Terms(NamedTuple):
    """The three matrices of a convolution, each (D, D) or a multiple of the identity; and the share of the
    features."""

    target: Matrix = 0.0
    message: Matrix = 0.0
    product: Matrix = 0.0
    initial: Matrix = 0.0

    @property
    def matrices(self) -> tuple[Matrix, Matrix, Matrix]:
        """A, B, C."""
        return self.target, self.message, self.product


class LinearConvolution(nn.Module):
    r"""Base of the convolutions :math:`h = xA + mB + (x \odot m)C + a x_0`. A child gives `terms`.

    Weights are (D, D), applied from the right, without bias: an embedding needs none. a is a number; only
    where it is not 0 is `initial` read.
    Shapes: target x (N, D), message m (N, D), initial x₀ (N, D), the features -> (N, D).
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

    def forward(self, target: Tensor, message: Tensor, initial: Tensor | None = None) -> Tensor:
        """The convolution."""
        return apply_terms(self.terms(), target, message, initial)


def apply_terms(terms: Terms, target: Tensor, message: Tensor, initial: Tensor | None = None) -> Tensor:
    """x·A + m·B + (x⊙m)·C + a·x₀; a term whose matrix is 0.0 costs nothing. Shapes: (N, D) × 3 -> (N, D).

    With matrices everywhere it runs on the CPU by blocks of rows that stay in the cache, where autocast does
    not ask for other products.
    """
    here = target.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    if here and all(isinstance(matrix, Tensor) for matrix in terms.matrices):
        out = _Dense.apply(target, message, *terms.matrices)  # type: ignore[no-untyped-call]
    else:
        out = plain_terms(terms, target, message)
    share = terms.initial
    if isinstance(share, float) and share == 0.0:
        return out
    assert initial is not None, "a convolution that reads the features needs them"
    return torch.addcmul(out, share, initial) if isinstance(share, Tensor) else out.add(initial, alpha=share)


def plain_terms(terms: Terms, target: Tensor, message: Tensor) -> Tensor:
    """x·A + m·B + (x⊙m)·C by operations that torch differentiates, any number of times."""
    out: Tensor | None = None
    for matrix, factor in zip(terms.matrices, (target, message, None), strict=True):
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


class _Dense(torch.autograd.Function):
    """x·A + m·B + (x⊙m)·C as one product [x ‖ m ‖ x⊙m]·[A; B; C], ROWS rows at a time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, m: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, m, a, b, c)
        stacked, out = torch.cat([a, b, c]), torch.empty_like(x)
        for rows in _blocks(x):
            torch.mm(_side_by_side(x[rows], m[rows]), stacked, out=out[rows])
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, m, a, b, c = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph
            apart = [t.view_as(t) for t in (x, m, a, b, c)]  # one tensor may stand in two places
            out = plain_terms(Terms(*apart[2:]), *apart[:2])
            return differentiable_gradients(out, apart, ctx.needs_input_grad, grad)
        dim = x.shape[1]
        across = torch.cat([a.t(), b.t(), c.t()], dim=1)
        grad_x, grad_m, grad_stacked = torch.empty_like(x), torch.empty_like(m), x.new_zeros(3 * dim, dim)
        for rows in _blocks(x):
            to_x, to_m, to_product = (grad[rows] @ across).split(dim, dim=1)
            torch.addcmul(to_x, to_product, m[rows], out=grad_x[rows])
            torch.addcmul(to_m, to_product, x[rows], out=grad_m[rows])
            grad_stacked.addmm_(_side_by_side(x[rows], m[rows]).t(), grad[rows])
        return grad_x, grad_m, *grad_stacked.split(dim)


def _side_by_side(x: Tensor, m: Tensor) -> Tensor:
    return torch.cat([x, m, x * m], dim=1)


def _blocks(x: Tensor) -> list[slice]:
    return [slice(start, start + ROWS) for start in range(0, len(x), ROWS)]


def square(dim: int) -> nn.Parameter:
    """A (dim, dim) weight, to be filled by `reset_parameters`."""
    return nn.Parameter(torch.empty(dim, dim))
