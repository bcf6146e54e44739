"""The message with a share of the node's features."""

from typing import ClassVar

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms
from ops.registry import Scalar


@CONVOLUTIONS.register("residual")
class InitialResidual(LinearConvolution):
    r"""The message and a share of the features, :math:`h = (1 - a) m + a x_0` (initial residual): no weights.

    `residual(share)` sets a. Depth then does not wash out the node itself.
    Shapes: target (N, D), message (N, D), initial (N, D) -> (N, D).  Papers: arXiv 1810.05997 (APPNP), arXiv
    2007.02133 (GCNII, whose matrix is left out)
    """

    SCALARS: ClassVar[dict[str, Scalar]] = {"share": Scalar(0.1, 0.0, 1.0)}

    def __init__(self, dim: int, share: float = 0.1) -> None:
        super().__init__(dim)
        self.share = share

    def terms(self) -> Terms:
        """B = (1 − a) I, and a of the features."""
        return Terms(message=1.0 - self.share, initial=self.share)
