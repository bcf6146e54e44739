"""The table of aggregators, and the family of those that are one weighted sum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ops.registry import Registry
from ops.relation import EdgeWeights, Relation
from ops.spmm import spmm

AGGREGATORS: Registry[type[nn.Module]] = Registry("aggregator")


def masked_rows(x: Tensor, mask: Tensor | None) -> Tensor:
    """The rows where `mask` is True, zeros in place of the others; None is all. Shapes: x (N, D), mask (N,)
    -> (N, D)."""
    return x if mask is None else x * mask.unsqueeze(1)


class LinearAggregator(nn.Module):
    r"""Base of the aggregators :math:`o_i = \sum_{e: j \to i} c(e) x_j` whose c depends on the graph alone.

    A child gives `coefficients`. A mixture of such aggregators is one product with mixed coefficients
    (`ops.mixture`).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()

    @property
    def key(self) -> tuple[object, ...]:
        """Differs wherever coefficients do."""
        return (type(self).__name__,)

    def coefficients(self, relation: Relation, dtype: torch.dtype) -> Tensor:
        """The weight c(e) of each edge, (E,)."""
        raise NotImplementedError

    def edge_weights(self, relation: Relation, dtype: torch.dtype) -> EdgeWeights:
        """The coefficients in the order of both directions, kept by the relation."""
        return relation.per_edge((*self.key, dtype), lambda whole: self.coefficients(whole, dtype))

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """Shapes: source (N_src, D), target (N_dst, D), relation N_dst × N_src -> (N_dst, D)."""
        weights = self.edge_weights(relation, source.dtype)
        return spmm(relation, source, weights.forward, weights.transposed)
