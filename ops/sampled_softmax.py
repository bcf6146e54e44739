"""Softmax cross-entropy of dot products against shared candidates, without the B × M matrix."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ops.gradients import differentiable_gradients

CHUNK = 1 << 20
"""Scores held at a time: 4 MiB in float32, which stays in a processor's cache."""

SAFE = 75.0
"""exp of ±75 and sums of it are normal float32 numbers: scores within need no shift by their maximum."""


class Same(NamedTuple):
    """Cells (query row, key column) in which the key is the query's own observed item; rows ascend."""

    rows: Tensor
    columns: Tensor


class Offsets(NamedTuple):
    """Added to the scores of an item, wherever it stands. Shapes: positives (B,), keys (M,)."""

    positives: Tensor
    keys: Tensor


def same_cells(own: Tensor, ids: Tensor) -> Same:
    """The cells (b, j) with ids[j] = own[b], without comparing all B × M. Shapes: own (B,), ids (M,)."""
    ordered, order = ids.sort()
    first = torch.searchsorted(ordered, own)
    counts = torch.searchsorted(ordered, own, right=True) - first
    rows = torch.repeat_interleave(counts)
    offset = torch.arange(rows.numel(), device=own.device) - (counts.cumsum(0) - counts)[rows]
    return Same(rows, order[first[rows] + offset])


def sampled_softmax(
    queries: Tensor,
    positives: Tensor,
    keys: Tensor,
    same: Same,
    temperature: float,
    bound: float | None = None,
    offsets: Offsets | None = None,
    decoupled: bool = False,
) -> Tensor:
    r"""Mean softmax cross-entropy of each query's positive against the keys that are not its own.

    .. math:: -\frac{1}{B} \sum_b \log \frac{e^{s_b}}{e^{s_b} + \sum_{j: (b, j) \notin S} e^{\langle q_b, k_j
        \rangle / T + o_j}}, \qquad s_b = \langle q_b, p_b \rangle / T + o_b

    Loss and gradient are computed together, a block of rows at a time: the B × M scores are passed over three
    times, in the cache, and never kept. With `create_graph` the gradient is computed anew by plain
    operations, so that it can be differentiated again.

    bound: a known bound on |score| before the division by `temperature` (1 for cosines); it may save the
    shift by the maximum. offsets: o, without gradients; None is zeros. decoupled: the denominator is the sum
    over the keys alone, without :math:`e^{s_b}` (arXiv 2110.06848); its log counts 0 where there are no keys.
    Shapes: queries (B, D), positives (B, D), keys (M, D) -> ().
    """
    inputs = (queries, positives, keys, same, temperature, bound, offsets, decoupled)
    return _SampledSoftmax.apply(*inputs)  # type: ignore[no-untyped-call]


def plain_sampled_softmax(
    queries: Tensor,
    positives: Tensor,
    keys: Tensor,
    same: Same,
    temperature: float,
    offsets: Offsets | None = None,
    decoupled: bool = False,
) -> Tensor:
    """`sampled_softmax` by operations that torch differentiates, with the whole B × M matrix."""
    own = (queries * positives).sum(dim=1) / temperature
    logits = (queries @ keys.t()) / temperature
    if offsets is not None:
        own, logits = own + offsets.positives, logits + offsets.keys
    logits = logits.index_put((same.rows, same.columns), logits.new_tensor(-math.inf))
    first = own
    if decoupled:  # nothing, but for a query without keys
        first = torch.where(logits.isneginf().all(dim=1), 0.0, -math.inf).to(own)
    return (torch.cat([first.unsqueeze(1), logits], dim=1).logsumexp(dim=1) - own).mean()


class _SampledSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        queries: Tensor,
        positives: Tensor,
        keys: Tensor,
        same: Same,
        temperature: float,
        bound: float | None,
        offsets: Offsets | None,
        decoupled: bool,
    ) -> Tensor:
        ctx.same, ctx.temperature, ctx.offsets, ctx.decoupled = same, temperature, offsets, decoupled
        shifted = bound is None or bound / temperature + _largest(offsets) > SAFE
        scaled = queries / temperature
        own = (scaled * positives).sum(dim=1)
        times, heavy = None, keys
        if offsets is not None:
            own += offsets.positives
            if not shifted:  # e^o goes into the keys instead of over all scores
                times = offsets.keys.exp()
                heavy = keys * times.unsqueeze(1)
        counted = torch.full_like(own, -math.inf) if decoupled else own
        grad_queries, grad_keys = torch.empty_like(queries), torch.zeros_like(keys)
        weight, losses = torch.empty_like(own), torch.empty_like(own)
        blocks = _blocks(len(queries), len(keys), same)
        # one buffer for all blocks: fresh pages cost more than the product
        buffer = keys.new_empty(max(r.stop - r.start for r, _ in blocks), len(keys)) if blocks else keys
        for rows, cells in blocks:
            block = scaled[rows]
            score = torch.mm(block, keys.t(), out=buffer[: len(block)])
            top = counted[rows]
            if shifted:
                if offsets is not None:
                    score.add_(offsets.keys)
                top = torch.maximum(top, _masked_(score, cells, -math.inf).amax(dim=1))
                top = top.masked_fill_(top.isneginf(), 0.0) if decoupled else top
                score.sub_(top.unsqueeze(1))
            mine = (counted[rows] - top).exp_() if shifted else counted[rows].exp()
            power = _masked_(score.exp_(), cells, 0.0)
            total = (power.sum(dim=1) if times is None else power @ times).add_(mine)
            if decoupled:
                total.masked_fill_(total == 0.0, 1.0)  # no keys: the log is 0
            losses[rows] = total.log() - own[rows] + (top if shifted else 0.0)
            weight[rows] = mine / total - 1.0
            share = total.reciprocal_().unsqueeze(1)
            torch.mul(power @ heavy, share, out=grad_queries[rows])
            grad_keys.addmm_(power.t(), block * share)
        if times is not None:
            grad_keys.mul_(times.unsqueeze(1))
        grad_queries.addcmul_(positives, weight.unsqueeze(1))
        grad_positives = scaled * weight.unsqueeze(1)
        ctx.save_for_backward(queries, positives, keys)
        count = len(queries)
        ctx.gradients = (
            grad_queries.div_(temperature * count),
            grad_positives.div_(count),
            grad_keys.div_(count),
        )
        return losses.mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        if torch.is_grad_enabled():  # create_graph
            # views of their own: one tensor may stand in two places
            queries, positives, keys = inputs = [t.view_as(t) for t in ctx.saved_tensors]
            rest = (ctx.same, ctx.temperature, ctx.offsets, ctx.decoupled)
            loss = plain_sampled_softmax(queries, positives, keys, *rest)
            found = differentiable_gradients(loss, inputs, ctx.needs_input_grad[:3])
        else:
            found = ctx.gradients
        return (*(None if g is None else grad * g for g in found), *[None] * 5)


def _largest(offsets: Offsets | None) -> float:
    return 0.0 if offsets is None else max(float(o.abs().max()) if o.numel() else 0.0 for o in offsets)


def _blocks(n_rows: int, n_keys: int, same: Same) -> list[tuple[slice, Tensor]]:
    """Row blocks of at most CHUNK scores, and the cells of `same` in each, counted within the block."""
    size = max(1, CHUNK // max(1, n_keys))
    starts = torch.arange(0, n_rows + size, size, device=same.rows.device)
    bounds = torch.searchsorted(same.rows, starts).tolist()
    cells = (same.rows % size) * n_keys + same.columns
    return [
        (slice(k * size, min(n_rows, (k + 1) * size)), cells[bounds[k] : bounds[k + 1]])
        for k in range(-(-n_rows // size))
    ]


def _masked_(score: Tensor, cells: Tensor, value: float) -> Tensor:
    score.view(-1).index_fill_(0, cells, value)
    return score
