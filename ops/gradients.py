"""The gradients of operations whose backward is written by hand, where they are differentiated again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def differentiable_gradients(
    out: Tensor, inputs: Sequence[Tensor], wanted: Sequence[bool], grad: Tensor | None = None
) -> tuple[Tensor | None, ...]:
    """The gradients of `out`, plain operations on the inputs, with a graph of their own; None for an input
    that wants none.

    wanted: of each input, as in ctx.needs_input_grad. grad: the cotangent, of the shape of `out`; of a scalar
    1 where it is None.
    """
    asked = [x for x, one in zip(inputs, wanted, strict=True) if one]
    found = iter(torch.autograd.grad(out, asked, grad, create_graph=True))
    return tuple(next(found) if one else None for one in wanted)
