"""The largest entries of each row."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 64
"""Columns whose maximum stands for them in the first look for the largest."""


def stable_top(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row, largest first, and their columns, of equal ones the lower first: the same
    whatever kernel or device finds them. Among entries of -inf any column may stand; NaN comes first.

    Shapes: (B, N), 1 ≤ k ≤ N -> (B, k), (B, k) int64.
    """
    values, columns = _largest(x, min(k + 1, x.shape[1]))
    # Any of the entries tied with the last may have been kept: rows where there was a choice are sorted.
    last = values[:, k - 1]
    tied = (values[:, k:] == last.unsqueeze(1)).any(dim=1) & (last > -torch.inf)
    # Within the list: by column first, then stably by value.
    columns, order = columns[:, :k].sort(dim=1)
    values, order = values[:, :k].gather(1, order).sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order)
    if tied.any():
        rest, rest_columns = x[tied].sort(dim=1, descending=True, stable=True)
        values[tied], columns[tied] = rest[:, :k], rest_columns[:, :k]
    return values, columns


def _largest(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row, largest first, and their columns: (B, N) -> (B, k), (B, k).

    They lie in the k blocks of columns with the largest maxima, so only these are sorted: one vectorised pass
    over N in place of a selection among N.
    """
    n = x.shape[1]
    whole = n // BLOCK * BLOCK
    if n < 4 * BLOCK * k:
        return x.topk(k, dim=1)
    tops = x[:, :whole].unflatten(1, (-1, BLOCK)).amax(dim=2)
    if whole < n:
        tops = torch.cat([tops, x[:, whole:].amax(dim=1, keepdim=True)], dim=1)
    blocks = tops.topk(k, dim=1).indices
    columns = (blocks.unsqueeze(2) * BLOCK + torch.arange(BLOCK, device=x.device)).flatten(1)
    found = x.gather(1, columns.clamp(max=n - 1)).masked_fill_(columns >= n, -torch.inf)
    values, places = found.topk(k, dim=1)
    return values, columns.gather(1, places).clamp_(max=n - 1)
