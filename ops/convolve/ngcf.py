"""Linear maps of node plus message, and of their product."""

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms, square


@CONVOLUTIONS.register("ngcf")
class NGCF(LinearConvolution):
    r"""Linear maps of node plus message and of their product, :math:`h = (x + m)W_1 + (x \odot m)W_2` (NGCF,
    eq. 7).

    Shapes: target (N, D), message (N, D) -> (N, D).  Paper: arXiv 1905.08108
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.linear = square(dim)
        self.product = square(dim)

    def terms(self) -> Terms:
        """A = B = W₁, C = W₂."""
        return Terms(target=self.linear, message=self.linear, product=self.product)
