"""The message alone."""

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms


@CONVOLUTIONS.register("light")
class Light(LinearConvolution):
    r"""The message alone, :math:`h = m` (LightGCN): no weights, no self-loop.

    Shapes: target (N, D), message (N, D) -> (N, D).  Paper: arXiv 2002.02126
    """

    def terms(self) -> Terms:
        """B = I."""
        return Terms(message=1.0)
