"""Attention over neighbours."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS
from ops.relation import Relation
from ops.segment import edge_softmax, to_edges
from ops.spmm import spmm


@AGGREGATORS.register("attention")
class Attention(nn.Module):
    r"""Additive multi-head attention over neighbours (GAT).

    .. math:: o_i^{(h)} = \sum_j a_{ij}^{(h)} x_j^{(h)}, \qquad
        a_{ij}^{(h)} = \mathrm{softmax}_j\, \mathrm{leaky\_relu}_{0.2}(
        \langle s_h, x_j \rangle + \langle t_h, x_i \rangle)

    Head h averages the h-th block of D / H channels and scores with all D of them; the linear map of GAT
    belongs to the convolution that follows (`gcn`), and commutes with the average. Weights: s, t (D, H).
    Shapes: source (N_src, D), target (N_dst, D), relation N_dst × N_src -> (N_dst, D).  Paper: arXiv
    1710.10903

    Errors: ValueError where `heads` does not divide `dim`.
    """

    def __init__(self, dim: int, heads: int = 2) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim must be a multiple of heads, found dim={dim}, heads={heads}")
        self.source = nn.Parameter(torch.empty(dim, heads))
        self.target = nn.Parameter(torch.empty(dim, heads))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot-uniform weights."""
        nn.init.xavier_uniform_(self.source, generator=generator)
        nn.init.xavier_uniform_(self.target, generator=generator)

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        sent = (source @ self.source).index_select(0, relation.index)
        score = F.leaky_relu(sent + to_edges(relation, target @ self.target), 0.2)
        weight = edge_softmax(relation, score)
        blocks = source.chunk(weight.shape[1], dim=1)
        heads = [
            spmm(relation, x.contiguous(), w.contiguous())
            for x, w in zip(blocks, weight.unbind(1), strict=True)
        ]
        return torch.cat(heads, dim=1)
