"""Scores: how much a user likes an item. `forward` is every user with every item, `pairs` is row with row."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ops.registry import Registry
from ops.sphere import unit_rows

SCORES: Registry[type[nn.Module]] = Registry("score")


@SCORES.register("dot")
class Dot(nn.Module):
    r"""Dot product, :math:`s_{ui} = \langle u, i \rangle`. Shapes: users (B, D), items (M, D) -> (B, M)."""

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Every user with every item."""
        return users @ items.t()

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Row with row; shapes broadcast: (…, D), (…, D) -> (…)."""
        return (users * items).sum(dim=-1)


@SCORES.register("cosine")
class Cosine(nn.Module):
    r"""Cosine, :math:`s_{ui} = \langle u, i \rangle / (\|u\| \|i\|)`; 0 for a zero vector.

    Shapes: users (B, D), items (M, D) -> (B, M).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Every user with every item."""
        return unit_rows(users) @ unit_rows(items).t()

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Row with row; shapes broadcast: (…, D), (…, D) -> (…)."""
        return (unit_rows(users) * unit_rows(items)).sum(dim=-1)


@SCORES.register("mlp")
class MLP(nn.Module):
    r"""A two-layer perceptron of both vectors, :math:`s_{ui} = \mathrm{relu}(uW_1 + iW_2 + b) \cdot v`, 16
    hidden units.

    Costs 16 (B, M) tensors where the dot product costs one. Shapes: users (B, D), items (M, D) -> (B, M).
    Paper: arXiv 1708.05031 (NCF); that it seldom beats the dot product: arXiv 2005.09683
    """

    hidden = 16

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.users = nn.Parameter(torch.empty(dim, self.hidden))
        self.items = nn.Parameter(torch.empty(dim, self.hidden))
        self.bias = nn.Parameter(torch.empty(self.hidden))
        self.out = nn.Parameter(torch.empty(self.hidden))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot-uniform matrices, zero bias, normal output weights."""
        nn.init.xavier_uniform_(self.users, generator=generator)
        nn.init.xavier_uniform_(self.items, generator=generator)
        nn.init.zeros_(self.bias)
        nn.init.normal_(self.out, std=self.hidden**-0.5, generator=generator)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Every user with every item."""
        return self._head((users @ self.users).unsqueeze(1) + (items @ self.items).unsqueeze(0))

    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Row with row; shapes broadcast: (…, D), (…, D) -> (…)."""
        return self._head(users @ self.users + items @ self.items)

    def _head(self, hidden: Tensor) -> Tensor:
        return F.relu(hidden + self.bias) @ self.out
