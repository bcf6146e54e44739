"""Convolutions: how a node joins itself and its message. Contract: (target, message, initial) ->
(N_dst, D)."""

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms
from ops.convolve.gcn import GCN
from ops.convolve.gin import GIN
from ops.convolve.hadamard import Hadamard
from ops.convolve.light import Light
from ops.convolve.ngcf import NGCF
from ops.convolve.residual import InitialResidual
from ops.convolve.sage import SAGE
from ops.convolve.skip import Skip

__all__ = [
    "CONVOLUTIONS",
    "GCN",
    "GIN",
    "NGCF",
    "SAGE",
    "Hadamard",
    "InitialResidual",
    "Light",
    "LinearConvolution",
    "Skip",
    "Terms",
]
