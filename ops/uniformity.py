"""Log-mean potential of points on the sphere, without the N × N matrix."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ops.sampled_softmax import CHUNK


def uniformity(x: Tensor) -> Tensor:
    r"""How close points of length 1 lie to each other, 0 where all are one, less where they spread,

    .. math:: U(x) = \log \frac{1}{N (N - 1)} \sum_{a \ne b} e^{-2 \|x_a - x_b\|^2}, \qquad
        \|x_a - x_b\|^2 = 2 - 2 \langle x_a, x_b \rangle

    No term is below :math:`e^{-8}`, so nothing needs a shift. Value and gradient are computed together, a
    block of rows at a time; with `create_graph` the gradient is computed anew by plain operations.
    Shapes: x (N, D), N at least 2 -> ().  Paper: arXiv 2005.10242, with t = 2
    """
    return _Uniformity.apply(x)  # type: ignore[no-untyped-call]


def plain_uniformity(x: Tensor) -> Tensor:
    """`uniformity` by operations that torch differentiates, with the whole N × N matrix."""
    count = len(x)
    potential = (4 * (x @ x.t()) - 4).exp()
    own = torch.eye(count, dtype=torch.bool, device=x.device)
    return (potential.masked_fill(own, 0.0).sum() / (count * (count - 1))).log()


class _Uniformity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ANN401
        count, size = len(x), max(1, CHUNK // len(x))
        total, pull = x.new_zeros(()), torch.empty_like(x)
        for start in range(0, count, size):
            rows = x[start : start + size]
            potential = (rows @ x.t()).sub_(1.0).mul_(4.0).exp_()
            potential.diagonal(start).zero_()
            total += potential.sum()
            torch.mm(potential, x, out=pull[start : start + size])
        ctx.save_for_backward(x)
        ctx.gradient = pull.mul_(8 / total)
        return (total / (count * (count - 1))).log()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ANN401
        if torch.is_grad_enabled():  # create_graph
            x = ctx.saved_tensors[0].view_as(ctx.saved_tensors[0])
            return grad * torch.autograd.grad(plain_uniformity(x), x, create_graph=True)[0]
        return grad * ctx.gradient
