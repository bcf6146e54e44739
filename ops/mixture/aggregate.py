"""The mixture of aggregators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ops.aggregate import (
    AGGREGATORS,
    Attention,
    LinearAggregator,
    NoMessage,
    RelationalMean,
    SymmetricSum,
    UnitSum,
)
from ops.mixture.base import Mix, Mixture, Partial, key_of
from ops.relation import EdgeWeights, Relation
from ops.spmm import spmm

Weighted = Attention | UnitSum | RelationalMean
"""Aggregators whose edge weights depend on vectors or are learnt: coefficients(source, target, relation) ->
(E,)."""


class AggregateMixture(Mixture):
    """Σ_k f_k aggregate_k: one product with mixed edge weights for the linear ones, `unit` and attention; the
    others, each by itself.

    Shapes: source (N_src, D), target (N_dst, D), relation N_dst × N_src, p (K,) -> (N_dst, D).
    """

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__({name: AGGREGATORS[name](dim) for name in names})

    def forward(self, source: Tensor, target: Tensor, relation: Relation, p: Mix | None) -> Tensor:
        """The mixed message."""
        single = self.single(p)
        if single is not None:
            return single(source, target, relation)
        if isinstance(p, Partial):
            return self._partial(source, target, relation, p)
        if self.calibrate or self.norm == "output":
            found = [m(source, target, relation) if self._counts(k) else None for k, m in self._numbered()]
            if self.calibrate:
                self.measure(found)
            if self.norm == "output":
                return self.normalised(found, cast(Tensor, p), target)
        return self._mixed(source, target, relation, cast(Tensor, p), slice(None))

    def _partial(self, source: Tensor, target: Tensor, relation: Relation, p: Partial) -> Tensor:
        """The candidates for some channels, `sym` or zeros for the others."""
        mixed = self._mixed(source, target, relation, p.p, slice(p.start, p.stop))
        if not p.plain:
            return F.pad(mixed, (p.start, source.shape[1] - p.stop))
        others = torch.cat([source[:, : p.start], source[:, p.stop :]], dim=1)
        plain = SymmetricSum(others.shape[1])(others, target, relation)
        return torch.cat([plain[:, : p.start], mixed, plain[:, p.start :]], dim=1)

    def _mixed(
        self, source: Tensor, target: Tensor, relation: Relation, p: Tensor, channels: slice
    ) -> Tensor:
        factors = self.factors(p)
        x, y = source[:, channels].contiguous(), target[:, channels]
        out = self._products(source, target, relation, factors, x)
        for k, module in self._numbered():
            if self._counts(k) and not isinstance(module, LinearAggregator | Weighted):
                value = module(x, y, relation)
                out = factors[k] * value if out is None else torch.addcmul(out, factors[k], value)
        return x.new_zeros(relation.n_target, x.shape[1]) if out is None else out

    def _products(
        self, source: Tensor, target: Tensor, relation: Relation, factors: Tensor, x: Tensor
    ) -> Tensor | None:
        """The linear candidates, `unit` and attention: edge weights are mixed, then there is one product of
        x."""
        mixed = self._linear(relation, factors, x.dtype)
        weighted = [(k, m) for k, m in self._numbered() if isinstance(m, Weighted) and self._counts(k)]
        if not weighted:
            return None if mixed is None else spmm(relation, x, *mixed)
        total = None if mixed is None else mixed.forward
        for k, module in weighted:
            share = factors[k] * module.coefficients(source, target, relation)
            total = share if total is None else total + share
        return spmm(relation, x, total)

    def _linear(self, relation: Relation, factors: Tensor, dtype: torch.dtype) -> EdgeWeights | None:
        """Σ_k f_k c_k(e) over the linear candidates, in both directions."""
        linear = {k: m for k, m in self._numbered() if isinstance(m, LinearAggregator)}
        if not linear:
            return None
        stacked = relation.per_edge(
            ("mixture", dtype, *(m.key for m in linear.values())),
            lambda whole: torch.stack([m.coefficients(whole, dtype) for m in linear.values()]),
        )
        shares = factors[list(linear)]
        return EdgeWeights(shares @ stacked.forward, shares.detach() @ stacked.transposed)

    def _numbered(self) -> list[tuple[int, nn.Module]]:
        return list(enumerate(self.candidates.values()))

    def _counts(self, k: int) -> bool:
        """Whether candidate k has an output at all."""
        return k not in self.dropped and not isinstance(self.candidates[key_of(self.names[k])], NoMessage)
