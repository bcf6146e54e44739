"""Symmetrically normalised sum over neighbours."""

import torch
from torch import Tensor

from ops.aggregate.base import AGGREGATORS, LinearAggregator
from ops.relation import Relation


@AGGREGATORS.register("sym")
class SymmetricSum(LinearAggregator):
    r"""Sum over neighbours, each divided by :math:`\sqrt{d_i d_j}` (GCN, LightGCN). No weights of its own.

    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Paper: arXiv 2002.02126
    """

    def coefficients(self, relation: Relation, dtype: torch.dtype) -> Tensor:
        """One over the root of both degrees, (E,)."""
        left = relation.target_degree(dtype).rsqrt()[relation.row]
        return left * relation.source_degree(dtype).rsqrt()[relation.index]
