"""The mixture of aggregators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from ops.aggregate import AGGREGATORS, LinearAggregator, NoMessage
from ops.mixture.base import Mixture
from ops.relation import Relation
from ops.spmm import spmm


class AggregateMixture(Mixture):
    """Σ_k f_k aggregate_k: one product with mixed edge weights for the linear ones, one each for the others.

    Shapes: source (N_src, D), target (N_dst, D), relation N_dst × N_src, p (K,) -> (N_dst, D).
    """

    def __init__(self, names: Sequence[str], dim: int) -> None:
        super().__init__({name: AGGREGATORS[name](dim) for name in names})

    def forward(self, source: Tensor, target: Tensor, relation: Relation, p: Tensor | None) -> Tensor:
        """The mixed message."""
        if self.only is not None:
            return self.only(source, target, relation)
        assert p is not None, "a slot with several candidates needs its mixture"
        if self.calibrate:
            modules = self.candidates.values()
            self.measure([None if isinstance(m, NoMessage) else m(source, target, relation) for m in modules])
        factors = self.factors(p)
        out = self._linear(source, relation, factors)
        for k, module in enumerate(self.candidates.values()):
            if not isinstance(module, LinearAggregator | NoMessage):
                value = factors[k] * module(source, target, relation)
                out = value if out is None else out + value
        return source.new_zeros(relation.n_target, source.shape[1]) if out is None else out

    def _linear(self, source: Tensor, relation: Relation, factors: Tensor) -> Tensor | None:
        modules = list(self.candidates.values())
        linear = [k for k, module in enumerate(modules) if isinstance(module, LinearAggregator)]
        if not linear:
            return None
        chosen = [cast(LinearAggregator, modules[k]) for k in linear]
        key = ("mixture", source.dtype, *(type(m).__name__ for m in chosen))
        stacked = relation.cached(
            key, lambda: torch.stack([m.coefficients(relation, source.dtype) for m in chosen])
        )
        return spmm(relation, source, factors[linear] @ stacked)
