"""Aggregators: how a node joins what its neighbours send. Contract: (source, target, relation) -> (N_dst,
D)."""

from ops.aggregate.attention import Attention
from ops.aggregate.base import AGGREGATORS, LinearAggregator
from ops.aggregate.chebyshev import Chebyshev
from ops.aggregate.mean import Mean
from ops.aggregate.none import NoMessage
from ops.aggregate.overall import OverallMean
from ops.aggregate.peak import Maximum
from ops.aggregate.relational import RelationalMean
from ops.aggregate.sum import Sum
from ops.aggregate.svd import LowRank
from ops.aggregate.sym import SymmetricSum
from ops.aggregate.unit import UnitSum

__all__ = [
    "AGGREGATORS",
    "Attention",
    "Chebyshev",
    "LinearAggregator",
    "LowRank",
    "Maximum",
    "Mean",
    "NoMessage",
    "OverallMean",
    "RelationalMean",
    "Sum",
    "SymmetricSum",
    "UnitSum",
]
