"""Full ranking: the k best unseen items of every user, in user chunks that fit a memory bound."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ops.top import stable_top
from supernet.data.dataset import UserItems

Score = Callable[[Tensor], Tensor]
"""users (B,) int64 -> a fresh tensor of scores (B, N_items), which the ranking overwrites."""

Best = Callable[[Tensor, int], Tensor]
"""(scores (B, N_items), k ≤ N_items) -> lists (B, k) int64, best first, -1 where a list ends early. It may
overwrite the scores."""

MEMORY = 256 * 2**20

# What one (user, item) cell may cost at its peak, in units of one score: the score, its comparison with the
# last value of the list, and for rows with ties a stable sort (values, int64 positions, its own workspace).
_SCORES_PER_CELL = 8


def scores_dot(user_vectors: Tensor, item_vectors: Tensor) -> Score:
    """Score by the dot product. Shapes: user_vectors (N_users, D), item_vectors (N_items, D)."""

    def score(users: Tensor) -> Tensor:
        return user_vectors[users.to(user_vectors.device)] @ item_vectors.T

    return score


def top_of_block(scores: Tensor, k: int) -> Tensor:
    """The `k` best items of each row, ties by index, -1 in place of a score of -inf: see `top_items`.

    Errors: FloatingPointError if a score is NaN. Shapes: (B, N_items), k ≤ N_items -> (B, k) int64.
    """
    values, items = stable_top(scores, k)
    _check_numbers(values)
    return items.masked_fill(values == -torch.inf, -1)


@torch.no_grad()
def top_items(
    score: Score, users: Tensor, seen: UserItems, k: int, memory: int = MEMORY, best: Best = top_of_block
) -> Tensor:
    """The `k` best items of each user, best first, seen items left out.

    Ties go to the item with the lower index, so the list depends on the scores alone: not on the chunk size,
    the device or the kernel. Where a user has fewer than `k` items left (or their score is -inf), the rest of
    the list is -1.

    Args: score: users (B,) -> scores (B, N_items), overwritten here; seen: items to leave out, of every user;
    memory: bound in bytes on the working memory of a chunk, at least one user being ranked at a time; best:
    makes the lists of a chunk, the best scores by default.
    Shapes: users (U,) int64 -> (U, k) int64, on the device of `users`.
    Errors: FloatingPointError if a score is NaN; ValueError if `score` returns another shape.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, found {k}")
    top = users.new_full((len(users), k), -1, dtype=torch.int64)
    start, size = 0, 1  # the first chunk is one user: its scores tell the number of items
    while start < len(users):
        chunk = users[start : start + size]
        scores = score(chunk)
        _check_shape(scores, chunk)
        _mask_seen(scores, chunk, seen)
        lists = best(scores, min(k, scores.shape[1]))
        top[start : start + size, : lists.shape[1]] = lists.to(top.device)
        start += size
        size = max(1, memory // (_SCORES_PER_CELL * scores.element_size() * scores.shape[1]))
    return top


def _check_shape(scores: Tensor, users: Tensor) -> None:
    if scores.dim() != 2 or len(scores) != len(users):
        raise ValueError(f"score must return ({len(users)}, N_items), found {tuple(scores.shape)}")


def _check_numbers(values: Tensor) -> None:
    bad = int(values.isnan().any(dim=1).sum())  # NaN sorts above all numbers, so the list shows it
    if bad:
        raise FloatingPointError(
            f"scores are NaN for {bad} of {len(values)} users: the model has diverged (lower lr), or its "
            "vectors hold NaN"
        )


def _mask_seen(scores: Tensor, users: Tensor, seen: UserItems) -> None:
    users = users.to(seen.ptr.device)
    starts, counts = seen.ptr[users], seen.ptr[users + 1] - seen.ptr[users]
    rows = torch.repeat_interleave(counts)
    first = counts.cumsum(0) - counts  # of each user, among the seen items of the chunk
    positions = torch.arange(len(rows), device=rows.device) + (starts - first)[rows]
    scores[rows.to(scores.device), seen.items[positions].to(scores.device)] = -torch.inf
