"""The mixture of activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ops.activation import ACTIVATIONS, NEGATIVE_SLOPE
from ops.gradients import differentiable_gradients
from ops.mixture.base import Mix, Mixture

FUSED = (*NEGATIVE_SLOPE, "elu", "tanh")

ROWS = 4096
"""Rows of a block: in float32 with 64 channels it takes 1 MiB, and its temporaries stay in the cache."""


class ActivationMixture(Mixture):
    """Σ_k p_k activation_k: one function with mixed slopes, whose slope is made with its value.

    The backward is then one product, whatever the number of candidates. Not rescaled: slopes are part of what
    an activation is. Shapes: x (N, D), p (K,) -> (N, D).
    """

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__({name: _Function(name) for name in names}, scaled=False)

    def forward(self, x: Tensor, p: Mix | None) -> Tensor:
        """The mixed activation."""
        single = self.single(p)
        if single is not None:
            return single(x)
        p = cast(Tensor, p)
        names = self.names
        if self.calibrate:
            modules = enumerate(self.candidates.values())
            self.measure([None if k in self.dropped else module(x) for k, module in modules])
        fused = [k for k, name in enumerate(names) if name in FUSED]
        out: Tensor | None = None
        if fused:
            out = _Mixed.apply(x, p[fused], tuple(names[k] for k in fused))  # type: ignore[no-untyped-call]
        for k, name in enumerate(names):
            if k not in fused:
                value = self.candidates[name](x)
                out = p[k] * value if out is None else torch.addcmul(out, p[k], value)
        assert out is not None
        return out


def plain_mixture(x: Tensor, p: Tensor, names: Sequence[str]) -> Tensor:
    """Σ_k p_k activation_k(x), by operations that torch differentiates."""
    terms = [p[k] * ACTIVATIONS[name](x) for k, name in enumerate(names)]
    return sum(terms, start=torch.zeros_like(x))


class _Mixed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: Tensor, names: tuple[str, ...]) -> Tensor:  # noqa: ANN401
        ctx.names = names
        out, slope = torch.empty_like(x), torch.empty_like(x)
        rows = _block_rows(x)
        for read, value, bend in zip(x.split(rows), out.split(rows), slope.split(rows), strict=True):
            _mix_into(read, value, bend, p, names)
        ctx.save_for_backward(x, p, slope)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, p, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph
            again = plain_mixture(x, p, ctx.names)
            return *differentiable_gradients(again, (x, p), ctx.needs_input_grad[:2], grad), None
        grad_x = grad * slope if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return grad_x, None, None
        blocks = zip(x.split(_block_rows(x)), grad.split(_block_rows(x)), strict=True)
        shares = [_shares(x, g, ctx.names) for x, g in blocks]
        return grad_x, torch.stack(shares).sum(dim=0), None


def _block_rows(x: Tensor) -> int:
    return ROWS if x.device.type == "cpu" else max(1, len(x))


def _mix_into(x: Tensor, out: Tensor, slope: Tensor, p: Tensor, names: Sequence[str]) -> None:
    """Value and slope of the mixture of some rows."""
    share = dict(zip(names, p.unbind(), strict=True))
    bent = {name: share[name] for name in names if name in NEGATIVE_SLOPE}
    above = sum(bent.values(), start=p.new_zeros(()))
    below = sum((NEGATIVE_SLOPE[name] * s for name, s in bent.items()), start=p.new_zeros(()))
    positive = F.relu(x)
    torch.sub(x, positive, out=out).mul_(below).addcmul_(positive, above)
    smooth = [share[name] for name in ("elu", "tanh") if name in share]
    # the slope: at zero `below` holds, as in torch; elu' = min(elu, 0) + 1, tanh' = 1 − tanh²
    torch.mul(positive.sign_(), above - below, out=slope).add_(sum(smooth, start=below))
    if "elu" in share:
        value = F.elu(x)
        out.addcmul_(share["elu"], value)
        slope.addcmul_(share["elu"], value.clamp_(max=0.0))
    if "tanh" in share:
        value = torch.tanh(x)
        out.addcmul_(share["tanh"], value)
        slope.addcmul_(share["tanh"], value.square_(), value=-1)


def _shares(x: Tensor, grad: Tensor, names: Sequence[str]) -> Tensor:
    """<grad, activation_k(x)> of each candidate, (K,)."""
    flat = grad.reshape(-1)
    whole, positive = flat @ x.reshape(-1), flat @ F.relu(x).reshape(-1)
    found = []
    for name in names:
        if name in NEGATIVE_SLOPE:
            found.append(positive + NEGATIVE_SLOPE[name] * (whole - positive))
        else:
            found.append(flat @ ACTIVATIONS[name](x).reshape(-1))
    return torch.stack(found)


class _Function(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.function = ACTIVATIONS[name]

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)
