"""All candidates of a slot at once, fused."""

from ops.mixture.activation import ActivationMixture
from ops.mixture.aggregate import AggregateMixture
from ops.mixture.base import Choice, Mix, Mixture, Partial, calibrating
from ops.mixture.convolve import ConvolveMixture
from ops.mixture.readout import ReadoutMixture
from ops.mixture.score import ScoreMixture

__all__ = [
    "ActivationMixture",
    "AggregateMixture",
    "Choice",
    "ConvolveMixture",
    "Mix",
    "Mixture",
    "Partial",
    "ReadoutMixture",
    "ScoreMixture",
    "calibrating",
]
