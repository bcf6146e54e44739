"""Rules as arrays over the items, applied to scores: in evaluation and in serving alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from supernet.data.dataset import UserItems
from supernet.evaluation.ranking import MEMORY, Best, Score, top_items, top_of_block
from supernet.evaluation.rules.caps import Caps, capped_top

_ROUNDING = 32
"""A spread of less, in units of the last place of the mean, is the mean's own rounding: all are equal."""


@dataclass(frozen=True, eq=False)
class Rules:
    """What experts want of every list: items left out, scores raised or lowered, kinds of items bounded.

    excluded (N_items,) bool; boosts (N_items,) float: in standard deviations of a user's scores; caps: or
    None. A list is made in this order: `adjusted` on all scores of a user, then the items that the user knows
    get -inf, then `top`.
    """

    excluded: Tensor
    boosts: Tensor
    caps: Caps | None = None

    def arrays(self) -> dict[str, Tensor]:
        """All there is to keep, by name; without caps, two arrays."""
        found = {"excluded": self.excluded, "boosts": self.boosts}
        return found if self.caps is None else found | vars(self.caps)

    def adjusted(self, scores: Tensor) -> Tensor:
        r"""The scores under exclusions and boosts, in place:
        :math:`s_{ui} + \sigma_u \sum_b add_b [i \in b]`, -inf for an excluded item.

        σ_u is the standard deviation of the user's finite scores over all items, so that a boost means the
        same whatever the scale of a model, and for users with large and small scores. Where all scores of a
        user are equal, a boost changes nothing.
        Shapes: (B, N_items) -> the same.
        """
        if bool(self.boosts.any()):
            boosts = self.boosts.to(scores.device, scores.dtype)
            scores.addcmul_(_spread(scores), boosts)
        return scores.masked_fill_(self.excluded.to(scores.device), -torch.inf)

    def top(self, scores: Tensor, k: int) -> Tensor:
        """The best lists that keep the caps: see `capped_top`. Shapes: (B, N_items), k -> (B, k) int64."""
        return top_of_block(scores, k) if self.caps is None else capped_top(scores, k, self.caps)

    def score(self, score: Score) -> Score:
        """`score`, adjusted."""
        return lambda users: self.adjusted(score(users))


def top_by_rules(
    score: Score, users: Tensor, seen: UserItems, k: int, rules: Rules, memory: int = MEMORY
) -> Tensor:
    """As `top_items`, under rules: a list may be shorter where they leave fewer than `k` items.

    Whoever makes lists under rules, evaluation or a server, calls this.
    """
    best: Best = rules.top
    if rules.caps is not None:
        memory //= 2  # a second look holds a copy of the scores and a mask beside them
    return top_items(rules.score(score), users, seen, k, memory, best)


def _spread(scores: Tensor) -> Tensor:
    """Standard deviation of each row's finite scores, 0 where there is none: (B, N) -> (B, 1)."""
    # A norm takes an eighth of the time of torch.std, which updates mean and variance number by number.
    mean = scores.mean(dim=1, keepdim=True)
    found = torch.linalg.vector_norm(scores - mean, dim=1, keepdim=True) / max(1, scores.shape[1]) ** 0.5
    found.masked_fill_(found <= _ROUNDING * torch.finfo(scores.dtype).eps * mean.abs(), 0.0)
    odd = ~found.isfinite().squeeze(1)  # rows that hold an infinity or NaN: a slower way
    if bool(odd.any()):
        found[odd] = _spread_of_finite(scores[odd])
    return found


def _spread_of_finite(scores: Tensor) -> Tensor:
    finite = scores.isfinite()
    n = finite.sum(dim=1, keepdim=True).clamp(min=1)
    mean = torch.where(finite, scores, 0.0).sum(dim=1, keepdim=True) / n
    squares = torch.where(finite, scores - mean, 0.0).square_().sum(dim=1, keepdim=True)
    return (squares / n).sqrt()
