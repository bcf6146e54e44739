"""A linear map of node and message side by side."""

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms, square


@CONVOLUTIONS.register("sage")
class SAGE(LinearConvolution):
    r"""A linear map of node and message side by side, :math:`h = [x \| m]W = xW_1 + mW_2` (GraphSAGE).

    Shapes: target (N, D), message (N, D) -> (N, D).  Paper: arXiv 1706.02216
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.own = square(dim)
        self.neighbours = square(dim)

    def terms(self) -> Terms:
        """A = W₁, B = W₂."""
        return Terms(target=self.own, message=self.neighbours)
