"""Vectors brought to length one."""

from __future__ import annotations

import torch
from torch import Tensor

SHORTEST = 1e-12
"""A shorter vector counts as zero."""


def unit_rows(x: Tensor) -> Tensor:
    r"""The vectors of the last dimension with length one, :math:`x / \|x\|`; one shorter than SHORTEST
    becomes zero, and has no gradient.

    In place of torch's own, whose second derivative is NaN for a zero vector. Shapes: (…, D) -> (…, D)
    """
    square = torch.linalg.vecdot(x, x).unsqueeze(-1)
    inverse = square.clamp(min=SHORTEST**2).rsqrt()
    return x * torch.where(square > SHORTEST**2, inverse, 0.0)
