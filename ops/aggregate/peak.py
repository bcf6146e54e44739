"""Maximum over neighbours."""

from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS
from ops.relation import Relation
from ops.spmm import spmax


@AGGREGATORS.register("max")
class Maximum(nn.Module):
    r"""Elementwise maximum over neighbours, :math:`o_{id} = \max_j x_{jd}`; zeros without neighbours
    (GraphSAGE-pool).

    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Paper: arXiv 1706.02216, without the
    inner layer
    """

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        return spmax(relation, source)
