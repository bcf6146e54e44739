"""Sum over neighbours."""

import torch
from torch import Tensor

from ops.aggregate.base import AGGREGATORS, LinearAggregator
from ops.relation import Relation


@AGGREGATORS.register("sum")
class Sum(LinearAggregator):
    r"""Sum over neighbours, :math:`o_i = \sum_j x_j` (GIN). No weights of its own.

    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Paper: arXiv 1810.00826
    """

    def coefficients(self, relation: Relation, dtype: torch.dtype) -> Tensor:
        """One for every edge, (E,)."""
        return torch.ones(relation.n_edges, dtype=dtype, device=relation.ptr.device)
