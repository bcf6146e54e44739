"""Activations: elementwise functions (N, D) -> (N, D)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ops.registry import Registry

ACTIVATIONS: Registry[Callable[[Tensor], Tensor]] = Registry("activation")

NEGATIVE_SLOPE = {"identity": 1.0, "relu": 0.0, "leaky_relu": 0.2}
"""The piecewise-linear ones: slope 1 above zero, and this below. A mixture of them is one such function."""


@ACTIVATIONS.register("identity")
def identity(x: Tensor) -> Tensor:
    """The input itself: no activation (LightGCN). Shapes: (N, D) -> (N, D)."""
    return x


@ACTIVATIONS.register("relu")
def relu(x: Tensor) -> Tensor:
    """max(x, 0). Shapes: (N, D) -> (N, D)."""
    return F.relu(x)


@ACTIVATIONS.register("leaky_relu")
def leaky_relu(x: Tensor) -> Tensor:
    """max(x, 0) + 0.2 min(x, 0), the slope of GAT and NGCF. Shapes: (N, D) -> (N, D)."""
    return F.leaky_relu(x, NEGATIVE_SLOPE["leaky_relu"])


@ACTIVATIONS.register("elu")
def elu(x: Tensor) -> Tensor:
    """X above zero, exp(x) − 1 below. Shapes: (N, D) -> (N, D). Paper: arXiv 1511.07289."""
    return F.elu(x)


@ACTIVATIONS.register("tanh")
def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent. Shapes: (N, D) -> (N, D)."""
    return torch.tanh(x)
