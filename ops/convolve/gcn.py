"""A linear map of the message."""

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms, square


@CONVOLUTIONS.register("gcn")
class GCN(LinearConvolution):
    r"""A linear map of the message, :math:`h = mW` (GCN, GAT). A bipartite graph has no self-loops.

    Shapes: target (N, D), message (N, D) -> (N, D).  Papers: arXiv 1609.02907; for recommendation 1706.02263
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.weight = square(dim)

    def terms(self) -> Terms:
        """B = W."""
        return Terms(message=self.weight)
