"""Convolutions: how a node joins itself and its message. Contract: (target, message) -> (N_dst, D)."""

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms
from ops.convolve.gcn import GCN
from ops.convolve.gin import GIN
from ops.convolve.light import Light
from ops.convolve.ngcf import NGCF
from ops.convolve.sage import SAGE
from ops.convolve.skip import Skip

__all__ = ["CONVOLUTIONS", "GCN", "GIN", "NGCF", "SAGE", "Light", "LinearConvolution", "Skip", "Terms"]
