"""No message: the relation is dropped."""

from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS
from ops.relation import Relation


@AGGREGATORS.register("none")
class NoMessage(nn.Module):
    """Zeros, whatever the neighbours are; on every layer it drops the relation. With `skip` it is matrix
    factorisation.

    Shapes: source (N_src, D), target (N_dst, D), relation N_dst × N_src -> (N_dst, D).
    Source: matrix factorisation as a graph model without messages (BPR-MF, arXiv 1205.2618)
    """

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        return source.new_zeros(relation.n_target, source.shape[1])
