"""The embedding of ids."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class IdEmbedding(nn.Module):
    """One learnt vector a node, drawn from N(0, 0.02²). Shapes: () -> (N, D)."""

    std = 0.02

    def __init__(self, nodes: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(nodes, dim))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Small normal vectors."""
        nn.init.normal_(self.weight, std=self.std, generator=generator)

    def forward(self) -> Tensor:
        """All vectors."""
        return self.weight
