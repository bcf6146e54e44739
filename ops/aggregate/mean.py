"""Mean over neighbours."""

import torch
from torch import Tensor

from ops.aggregate.base import AGGREGATORS, LinearAggregator
from ops.relation import Relation


@AGGREGATORS.register("mean")
class Mean(LinearAggregator):
    r"""Mean over neighbours, :math:`o_i = \frac{1}{d_i} \sum_j x_j` (GraphSAGE). No weights of its own.

    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Paper: arXiv 1706.02216
    """

    def coefficients(self, relation: Relation, dtype: torch.dtype) -> Tensor:
        """One over the target's degree, (E,)."""
        return relation.target_degree(dtype).reciprocal()[relation.row]
