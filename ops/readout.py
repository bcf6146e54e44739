"""Read-outs: one vector a node from the vectors of all layers. Contract: [(N, D)] × (L + 1) -> (N, D')."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ops.registry import Registry, Scalar

READOUTS: Registry[type[nn.Module]] = Registry("read-out")


class LayerWeights(nn.Module):
    """Base of the read-outs Σ_l w_l x_l with fixed w. A child gives `weights`."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        self.layers = layers

    def weights(self) -> list[float]:
        """The weight of each layer, layer 0 (the features) first, L + 1 numbers."""
        raise NotImplementedError

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """The read-out."""
        return weighted_layers(layers, self.weights())


def weighted_layers(layers: Sequence[Tensor], weights: Sequence[float | Tensor]) -> Tensor:
    """Σ_l w_l x_l, without a stacked copy; a plain 0 costs nothing. Shapes: [(N, D)] × (L + 1) -> (N, D)."""
    terms = [(x, w) for x, w in zip(layers, weights, strict=True) if isinstance(w, Tensor) or w != 0.0]
    out = terms[0][0] * terms[0][1]
    for x, weight in terms[1:]:
        # numbers and tensors round alike, so that a one-hot mixture is exactly its read-out
        out = torch.addcmul(out, x, weight if isinstance(weight, Tensor) else x.new_full((), weight))
    return out


@READOUTS.register("last")
class Last(LayerWeights):
    """The last layer alone. Shapes: [(N, D)] × (L + 1) -> (N, D)."""

    def weights(self) -> list[float]:
        """0 … 0 1."""
        return [0.0] * self.layers + [1.0]


@READOUTS.register("mean")
class Mean(LayerWeights):
    """The mean of all layers, features included (LightGCN, arXiv 2002.02126). Shapes: [(N, D)] × (L + 1) ->
    (N, D)."""

    def weights(self) -> list[float]:
        """1 / (L + 1) each."""
        return [1.0 / (self.layers + 1)] * (self.layers + 1)


@READOUTS.register("sum")
class Sum(LayerWeights):
    """The sum of all layers, features included. Shapes: [(N, D)] × (L + 1) -> (N, D)."""

    def weights(self) -> list[float]:
        """1 each."""
        return [1.0] * (self.layers + 1)


@READOUTS.register("layer0")
class LayerZero(LayerWeights):
    """A share w of the features, and of the layers above them the mean for the rest, w x_0 + (1 − w)/L Σ x_l.

    `layer0(share)` sets w; LightGCN++ (RecSys 2024, equation 6) tunes it. Shapes: [(N, D)] × (L + 1) ->
    (N, D).
    """

    SCALARS: ClassVar[dict[str, Scalar]] = {"share": Scalar(0.2, 0.0, 1.0)}

    def __init__(self, dim: int, layers: int, share: float = 0.2) -> None:
        super().__init__(dim, layers)
        self.share = share

    def weights(self) -> list[float]:
        """w, then (1 − w) / L each; 1 where there is no layer above."""
        if not self.layers:
            return [1.0]
        return [self.share] + [(1.0 - self.share) / self.layers] * self.layers


@READOUTS.register("max")
class Maximum(nn.Module):
    """Elementwise maximum over layers (JK-Net, arXiv 1806.03536). Shapes: [(N, D)] × (L + 1) -> (N, D)."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """The read-out."""
        out = layers[0]
        for x in layers[1:]:
            out = torch.maximum(out, x)
        return out


@READOUTS.register("concat")
class Concat(nn.Module):
    """All layers side by side (NGCF, arXiv 1905.08108). Shapes: [(N, D)] × (L + 1) -> (N, (L + 1) D)."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """The read-out."""
        return torch.cat(list(layers), dim=1)


@READOUTS.register("attention")
class Attention(nn.Module):
    r"""A softmax over layers, node by node: :math:`o_i = \sum_l \mathrm{softmax}_l(\langle q, x_{il}
    \rangle) x_{il}`.

    Weight: q (D,), zero at first, so that it starts as the mean. Shapes: [(N, D)] × (L + 1) -> (N, D).
    Paper: arXiv 1806.03536 (layer attention of JK-Net, with a learnt query in place of the LSTM)
    """

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.empty(dim))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """A zero query."""
        nn.init.zeros_(self.query)

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """The read-out."""
        weight = torch.stack([x @ self.query for x in layers], dim=1).softmax(dim=1)
        return weighted_layers(layers, [w.unsqueeze(1) for w in weight.unbind(1)])
