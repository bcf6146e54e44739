"""Degree-normalised sum of neighbours brought to length one."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS
from ops.aggregate.sym import SymmetricSum
from ops.registry import Scalar
from ops.relation import EdgeWeights, Relation
from ops.spmm import spmm

ROWS = 4096
"""Rows at a time in the backward: with 64 channels 1 MiB, which stays in a processor's cache."""

SHORTEST = 1e-6
"""A shorter vector is divided by this instead, so that gradients stay finite."""


@AGGREGATORS.register("unit")
class UnitSum(nn.Module):
    r"""Sum over neighbours of length one, :math:`o_i = \sum_j d_i^{-l} d_j^{-r} x_j / \|x_j\|`. No weights of
    its own.

    How much a neighbour counts is then r's to say, not its vector's length. `unit(left,right)`; a negative
    right makes popular neighbours count more. A zero vector stays zero.
    In a mixture it joins the others' product as edge weights; alone its backward needs no gradient to them.
    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Paper: LightGCN++ (RecSys 2024, equation
    4)
    """

    SCALARS: ClassVar[dict[str, Scalar]] = {"left": Scalar(0.5, 0.0, 1.0), "right": Scalar(0.0, -1.0, 1.0)}

    def __init__(self, dim: int, left: float = 0.5, right: float = 0.0) -> None:
        super().__init__()
        self.norm = SymmetricSum(dim, left, right)

    def coefficients(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The weight of each edge, (E,)."""
        weights = self.norm.edge_weights(relation, source.dtype)
        return weights.forward * _inverse_length(source)[relation.index]

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        weights = self.norm.edge_weights(relation, source.dtype)
        return _UnitSum.apply(source, relation, weights)  # type: ignore[no-untyped-call]


def _inverse_length(x: Tensor) -> Tensor:
    if torch.is_grad_enabled() and x.requires_grad:  # the norm has no second derivative at zero
        return torch.linalg.vecdot(x, x).clamp(min=SHORTEST**2).rsqrt()
    return x.norm(dim=1).clamp_(min=SHORTEST).reciprocal_()


class _UnitSum(torch.autograd.Function):
    """Σ_e w_e x_src / ‖x_src‖, summed in the order of the mixture's product, to the last bit."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, relation: Relation, weights: EdgeWeights) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x)
        ctx.relation, ctx.weights = relation, weights
        return spmm(relation, x, weights.forward * _inverse_length(x)[relation.index])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (x,) = ctx.saved_tensors
        direction = spmm(ctx.relation.T, grad, ctx.weights.transposed, ctx.weights.forward)
        if torch.is_grad_enabled():  # create_graph
            unit = x * _inverse_length(x).unsqueeze(1)
            return torch.autograd.grad(unit, x, direction, create_graph=True)[0], None, None
        return _through_length(x, direction), None, None


def _through_length(x: Tensor, grad: Tensor) -> Tensor:
    r"""The gradient of x where that of :math:`y = x / \max(\|x\|, s)` is `grad`, which it overwrites:
    :math:`(grad - y \langle y, grad \rangle) / \|x\|`, and grad / s for a shorter x."""
    for rows, out in zip(x.split(ROWS), grad.split(ROWS), strict=True):
        inverse = rows.norm(dim=1, keepdim=True).clamp_(min=SHORTEST).reciprocal_()
        along = (rows * out).sum(dim=1, keepdim=True).mul_(inverse.pow(3))
        along.masked_fill_(inverse >= 1 / SHORTEST, 0.0)
        out.mul_(inverse).addcmul_(rows, along, value=-1.0)
    return grad
