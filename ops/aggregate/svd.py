"""A low-rank filter of the relation."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ops.aggregate.base import AGGREGATORS, masked_rows
from ops.aggregate.sym import SymmetricSum
from ops.registry import Scalar
from ops.relation import Relation
from ops.spmm import spmm

OVERSAMPLING, ITERATIONS = 16, 12
"""Of the subspace iteration: columns beside those wanted, and passes over the relation and back."""


@AGGREGATORS.register("svd")
class LowRank(nn.Module):
    r"""The relation's first singular vectors in its place, :math:`o = U_q S_q V_q^\top x`, where
    :math:`\tilde R \approx U_q S_q V_q^\top` and :math:`\tilde R_{ij} = 1 / \sqrt{d_i d_j}`.

    It also reaches nodes that no edge joins; noise edges are left out. `svd(rank)` sets q; two dense products
    of N × q. The vectors are found once a relation, by a subspace iteration from a fixed seed (Halko et al.,
    arXiv 0909.4061). No weights of its own.
    Shapes: source (N_src, D), relation N_dst × N_src -> (N_dst, D).  Paper: LightGCL, arXiv 2302.08191
    """

    SCALARS: ClassVar[dict[str, Scalar]] = {"rank": Scalar(64, 1, 1024, whole=True)}

    def __init__(self, dim: int, rank: int = 64) -> None:
        super().__init__()
        self.norm, self.rank = SymmetricSum(dim), rank

    def forward(self, source: Tensor, target: Tensor, relation: Relation) -> Tensor:
        """The aggregation."""
        part, base = relation.part, relation.origin.base
        left, right = self._factors(base or relation.origin, source.dtype)
        sent = right.t() @ masked_rows(source, relation.senders)
        if base is not None:  # the row of a target is r̃ V, whether it was decomposed or not
            weights = self.norm.edge_weights(relation, source.dtype)
            return spmm(relation, right, *weights) @ sent
        rows = None if part is None else part.rows
        out = (left if rows is None else left.index_select(0, rows)) @ sent
        return masked_rows(out, relation.receivers)

    def _factors(self, relation: Relation, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """U S and V, (N_dst, q) and (N_src, q); kept by the relation, side by side as one tensor."""
        found = relation.cached(("svd", self.rank, dtype), lambda: self._decompose(relation, dtype))
        left, right = found.split([relation.n_target, relation.n_source])
        return left, right

    @torch.no_grad()
    def _decompose(self, relation: Relation, dtype: torch.dtype) -> Tensor:
        weights = self.norm.edge_weights(relation, dtype)
        size = min(self.rank + OVERSAMPLING, relation.n_target, relation.n_source)
        start = torch.randn(relation.n_source, size, generator=torch.Generator().manual_seed(0), dtype=dtype)
        basis = torch.linalg.qr(start.to(relation.ptr.device)).Q
        for _ in range(ITERATIONS):
            there = torch.linalg.qr(spmm(relation, basis, *weights)).Q
            basis = torch.linalg.qr(spmm(relation.T, there, weights.transposed, weights.forward)).Q
        left, values, turn = torch.linalg.svd(spmm(relation, basis, *weights), full_matrices=False)
        both = torch.cat([left * values, basis @ turn.t()])
        return both[:, : self.rank].contiguous()
