"""Propagation without weights or activations: a polynomial of fixed operators, with no activations kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ops import kernels
from ops.relation import Relation


class Operator(NamedTuple):
    """A fixed sparse operator x ↦ Σ_e w_e x_src(e), with its edge weights in the order of both directions.

    Shapes: weight (E,), transposed (E,) in the order of relation.T. `relation` None is the zero operator.
    """

    relation: Relation | None
    weight: Tensor | None = None
    transposed: Tensor | None = None

    def rows(self, rows: Tensor) -> Operator:
        """The operator to the targets `rows` (R,) alone, ascending, none twice."""
        if self.relation is None or self.weight is None:
            return self
        part = self.relation.rows(rows)
        assert part.part is not None
        weight = self.weight.index_select(0, part.part.edges)
        return Operator(part, weight, weight.index_select(0, part.perm))

    def apply(self, x: Tensor) -> Tensor | None:
        """(N_src, D) -> (N_dst, D); None for zeros."""
        if self.relation is None or self.weight is None:
            return None
        return kernels.weighted_sum(self.relation, self.weight, x)

    @property
    def T(self) -> Operator:  # noqa: N802
        """The transposed operator."""
        if self.relation is None:
            return self
        return Operator(self.relation.T, self.transposed, self.weight)


class Arrow(NamedTuple):
    """An operator with the sides it leads to and from: 0 for users, 1 for items."""

    target: int
    source: int
    operator: Operator


Step = tuple[Arrow, ...]
"""One layer: all that arrives, at users and at items. Arrows to one side add up."""


def propagate(
    users: Tensor,
    items: Tensor,
    steps: Sequence[Step],
    weights: Sequence[float],
    rows: tuple[Tensor, Tensor] | None = None,
    shares: Sequence[tuple[float, float]] | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Weighted sum of all layers, :math:`z = \sum_l w_l x_l`, where x holds users and items and
    :math:`x_l = A_l x_{l-1}` is the sum of a step's arrows: :math:`u_l = A^{ui}_l i_{l-1} + A^{uu}_l
    u_{l-1}`, :math:`i_l = A^{iu}_l u_{l-1} + A^{ii}_l i_{l-1}`.

    The map is linear and fixed, so its backward is the transposed polynomial by Horner's rule:
    :math:`g_{l-1} \mathrel{+}= A_l^\top g_l`. Nothing is kept between them, whatever the number of layers;
    the backward of the backward is this forward.  LightGCN, arXiv 2002.02126, equation 8

    rows: the users (R_users,) and items (R_items,) whose vectors are wanted, ascending, none twice; the last
    layer is then computed for them alone, and so is its backward. shares: of x_0 in each layer's users and
    items (initial residual), :math:`x_l = (1 - a_l) A_l x_{l-1} + a_l x_0`.
    Shapes: users (N_users, D), items (N_items, D), weights L + 1 numbers -> the same two shapes, or (R_users,
    D), (R_items, D).
    """
    if len(weights) != len(steps) + 1:
        raise ValueError(f"{len(steps)} layers need {len(steps) + 1} weights, found {len(weights)}")
    if rows is not None and steps:
        last = tuple(arrow._replace(operator=arrow.operator.rows(rows[arrow.target])) for arrow in steps[-1])
        steps = [*steps[:-1], last]
    kept = tuple(shares or [(0.0, 0.0)] * len(steps))
    plan = Plan(tuple(steps), tuple(weights), rows, (len(users), len(items)), kept)
    return _Polynomial.apply(users, items, plan, False)  # type: ignore[no-untyped-call]


Sides = list[Tensor | None]
"""Users, items; None stands for zeros."""


class Plan(NamedTuple):
    """What is fixed of a polynomial: operators, layer weights, the rows wanted (None: all), nodes of each
    side, and what each layer keeps of x_0."""

    steps: tuple[Step, ...]
    weights: tuple[float, ...]
    rows: tuple[Tensor, Tensor] | None
    nodes: tuple[int, int]
    shares: tuple[tuple[float, float], ...]

    def taken(self, x: Sides) -> Sides:
        """The wanted rows of each side."""
        if self.rows is None:
            return x
        return [None if v is None else v.index_select(0, r) for v, r in zip(x, self.rows, strict=True)]


class _Polynomial(torch.autograd.Function):
    """The polynomial, or where `transposed` its transpose: each is the other's backward."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        users: Tensor,
        items: Tensor,
        plan: Plan,
        transposed: bool,
    ) -> tuple[Tensor, Tensor]:
        ctx.rest = (plan, not transposed)
        out = (_horner if transposed else _layers)([users, items], plan)
        count = plan.nodes if transposed or plan.rows is None else [len(rows) for rows in plan.rows]
        return _filled(out[0], users, count[0]), _filled(out[1], items, count[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        return (*_Polynomial.apply(*grads, *ctx.rest), None, None)  # type: ignore[no-untyped-call]


def _layers(x: Sides, plan: Plan) -> Sides:
    start, wanted = x, plan.taken(x)
    out = [_plus(None, v, plan.weights[0]) for v in wanted]
    layers = zip(plan.steps, plan.shares, plan.weights[1:], strict=True)
    for number, (step, shares, weight) in enumerate(layers, start=1):
        last = number == len(plan.steps)
        x = _scaled(_forth(step, x), shares)
        x = [_plus(v, s, a) for v, s, a in zip(x, wanted if last else start, shares, strict=True)]
        out = [_plus(o, v, weight) for o, v in zip(out, x if last else plan.taken(x), strict=True)]
    return out


def _horner(grads: Sides, plan: Plan) -> Sides:
    out = [_plus(None, g, plan.weights[-1]) for g in grads]
    if not plan.steps:
        return _spread([None, None], out, 1.0, plan)
    to_start: Sides = [None, None]
    layers = list(zip(plan.steps, plan.shares, plan.weights[:-1], strict=True))
    for number, (step, shares, weight) in enumerate(reversed(layers)):
        kept = [_plus(None, g, a) for g, a in zip(out, shares, strict=True)]
        whole = _spread([None, None], kept, 1.0, plan) if number == 0 else kept
        to_start = [_plus(t, g, 1.0) for t, g in zip(to_start, whole, strict=True)]
        out = _spread(_back(step, _scaled(out, shares)), grads, weight, plan)
    return [_plus(o, t, 1.0) for o, t in zip(out, to_start, strict=True)]


def _scaled(x: Sides, shares: tuple[float, float]) -> Sides:
    """(1 − a) x, in place."""
    return [v if v is None or a == 0.0 else v.mul_(1.0 - a) for v, a in zip(x, shares, strict=True)]


def _spread(out: Sides, grads: Sides, weight: float, plan: Plan) -> Sides:
    """out + weight · grads, the gradients of the wanted rows in their places."""
    if plan.rows is None:
        return [_plus(o, g, weight) for o, g in zip(out, grads, strict=True)]
    for side, (g, rows) in enumerate(zip(grads, plan.rows, strict=True)):
        if g is not None and weight != 0.0:
            whole = _filled(out[side], g, plan.nodes[side])
            out[side] = whole.index_add_(0, rows, g, alpha=weight)
    return out


def _forth(step: Step, x: Sides) -> Sides:
    """A x: what the arrows bring from all sources."""
    out: Sides = [None, None]
    for target, source, operator in step:
        out[target] = _joined(out[target], operator, x[source])
    return out


def _back(step: Step, x: Sides) -> Sides:
    """Aᵀ x: every arrow turned round."""
    out: Sides = [None, None]
    for target, source, operator in step:
        out[source] = _joined(out[source], operator.T, x[target])
    return out


def _joined(out: Tensor | None, operator: Operator, x: Tensor | None) -> Tensor | None:
    """out + operator x, into `out`; None stands for zeros."""
    message = None if x is None else operator.apply(x)
    return message if out is None else out if message is None else out.add_(message)


def _plus(out: Tensor | None, x: Tensor | None, weight: float) -> Tensor | None:
    """out + weight · x, into `out`; None stands for zeros."""
    if x is None or weight == 0.0:
        return out
    return x * weight if out is None else out.add_(x, alpha=weight)


def _filled(x: Tensor | None, like: Tensor, count: int) -> Tensor:
    return like.new_zeros(count, like.shape[1]) if x is None else x
