"""A linear map of node plus message, with a learnt weight of the node."""

import torch
from torch import nn

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms, square


@CONVOLUTIONS.register("gin")
class GIN(LinearConvolution):
    r"""A one-layer perceptron of node plus message, :math:`h = ((1 + \epsilon)x + m)W`, ε learnt from 0
    (GIN).

    The non-linearity is the activation slot's. Shapes: target (N, D), message (N, D) -> (N, D).
    Paper: arXiv 1810.00826 (its "Sum–1-Layer" variant with ε)
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.weight = square(dim)
        self.epsilon = nn.Parameter(torch.empty(1))

    def terms(self) -> Terms:
        """A = (1 + ε) W, B = W."""
        return Terms(target=(1 + self.epsilon) * self.weight, message=self.weight)
