"""All candidates of a slot at once, fused."""

from ops.mixture.activation import ActivationMixture
from ops.mixture.aggregate import AggregateMixture
from ops.mixture.base import NORMS, Choice, Mix, Mixture, Partial, calibrating, set_norm
from ops.mixture.convolve import ConvolveMixture
from ops.mixture.readout import ReadoutMixture
from ops.mixture.score import ScoreMixture

__all__ = [
    "NORMS",
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
    "set_norm",
]
