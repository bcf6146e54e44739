"""Mean of all sources."""

from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS, masked_rows
from ops.relation import Relation


@AGGREGATORS.register("global")
class OverallMean(nn.Module):
    r"""The mean of all sources, the same for every target, :math:`o_i = \frac{1}{N_{src}} \sum_j x_j`
    (global context).

    Neighbours or none, every target receives it; the mean is over the sources that send at all
    (`Relation.senders`). Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).
    Paper: arXiv 1806.01261 (the global attribute of a graph network), without an update of its own
    """

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        senders = relation.senders
        if senders is None:
            mean = source.mean(dim=0, keepdim=True)
        else:
            mean = masked_rows(source, senders).sum(dim=0, keepdim=True) / senders.sum().clamp(min=1)
        return mean.expand(relation.n_target, -1)
