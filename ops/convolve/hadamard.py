"""The message, entry by entry times the node."""

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms


@CONVOLUTIONS.register("hadamard")
class Hadamard(LinearConvolution):
    r"""Messages times their receiver, :math:`h_i = x_i \odot m_i`, which is the sum of the messages
    :math:`c_{ij} (x_i \odot x_j)`: no weights.

    Shapes: target (N, D), message (N, D) -> (N, D).  Paper: arXiv 1905.08108 (the interaction term of NGCF's
    messages), without its matrix
    """

    def terms(self) -> Terms:
        """C = I."""
        return Terms(product=1.0)
