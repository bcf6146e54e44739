"""Mean of neighbours in which every type of edge has a weight of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS
from ops.relation import Relation
from ops.spmm import spmm

TYPES = 64
"""Types of edges at most."""


@AGGREGATORS.register("relational")
class RelationalMean(nn.Module):
    r"""Mean over neighbours, weighted by the type of the edge, :math:`o_i = \frac{1}{d_i} \sum_{e: j \to i}
    e^{a_{r(e)}} x_j` with one learnt number :math:`a_r` a type; without types all edges are of type 0.

    One number a type where the paper has a matrix: D² fewer weights, and still one product.
    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Paper: arXiv 1703.06103 (R-GCN)
    Errors: ValueError where the relation has more than TYPES types.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_weight = nn.Parameter(torch.empty(TYPES))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """All types alike: the plain mean."""
        nn.init.zeros_(self.log_weight)

    def coefficients(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The weight of each edge, (E,)."""
        share = relation.per_edge(
            ("mean", source.dtype), lambda whole: whole.target_degree(source.dtype).reciprocal()[whole.row]
        )
        types = relation.edge_types
        if types is None:
            return share.forward * self.log_weight[0].exp()
        if types.numel() and int(types.max()) >= TYPES:
            raise ValueError(
                f"a relation has {int(types.max()) + 1} types of edges; at most {TYPES} are weighed"
            )
        return share.forward * self.log_weight.exp()[types]

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        return spmm(relation, source, self.coefficients(source, target, relation))
