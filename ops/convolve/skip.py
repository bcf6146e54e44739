"""The node alone."""

from ops.convolve.base import CONVOLUTIONS, LinearConvolution, Terms


@CONVOLUTIONS.register("skip")
class Skip(LinearConvolution):
    r"""The node itself, :math:`h = x`: the layer is left out. With aggregator `none`, matrix factorisation.

    Shapes: target (N, D), message (N, D) -> (N, D).  Source: residual connections, arXiv 1512.03385
    """

    def terms(self) -> Terms:
        """A = I."""
        return Terms(target=1.0)
