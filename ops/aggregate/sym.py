"""Degree-normalised sum over neighbours."""

from typing import ClassVar

import torch
from torch import Tensor

from ops.aggregate.base import AGGREGATORS, LinearAggregator
from ops.registry import Scalar
from ops.relation import Relation


@AGGREGATORS.register("sym")
class SymmetricSum(LinearAggregator):
    r"""Sum over neighbours, normalised by both degrees, :math:`o_i = \sum_j d_i^{-l} d_j^{-r} x_j`. No
    weights of its own.

    l = r = ½ is that of GCN and LightGCN, arXiv 2002.02126. `sym(left,right)` sets both: left is the target's
    exponent, right the source's; they decide how much popular neighbours count and how long the vectors of
    active nodes become.
    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Papers: arXiv 2002.02126; exponents as
    in LightGCN++ (RecSys 2024, equation 4)
    """

    SCALARS: ClassVar[dict[str, Scalar]] = {"left": Scalar(0.5, 0.0, 1.0), "right": Scalar(0.5, -1.0, 1.0)}

    def __init__(self, dim: int, left: float = 0.5, right: float = 0.5) -> None:
        super().__init__(dim)
        self.left, self.right = left, right

    @property
    def key(self) -> tuple[object, ...]:
        """Differs wherever coefficients do."""
        return (*super().key, self.left, self.right)

    def coefficients(self, relation: Relation, dtype: torch.dtype) -> Tensor:
        """d_i^-l d_j^-r, (E,)."""
        left = relation.target_degree(dtype).pow(-self.left)[relation.row]
        return left * relation.source_degree(dtype).pow(-self.right)[relation.index]
