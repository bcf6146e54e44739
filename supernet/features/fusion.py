"""How a node's own vector and its text become one: the candidates of a feature slot."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ops.registry import Registry

FEATURES: Registry[type[nn.Module]] = Registry("feature")


@FEATURES.register("id")
class IdFeature(nn.Module):
    """The node's own vector alone. Shapes: ids (N, D) -> (N, D)."""

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, ids: Tensor, text: Tensor | None = None) -> Tensor:
        """The feature."""
        return ids


class Fused(nn.Module):
    """Base of the features that read a view of the text, `name:view`."""

    TOPIC = "view"
    reads_ids = True

    def __init__(self, dim: int, topic: str) -> None:
        super().__init__()
        self.view = topic


@FEATURES.register("text")
class TextFeature(Fused):
    """The projected text alone: what a node without interactions can have. Shapes: text (N, D) -> (N, D)."""

    reads_ids = False

    def forward(self, ids: Tensor | None, text: Tensor) -> Tensor:
        """The feature."""
        return text


@FEATURES.register("sum")
class SummedFeature(Fused):
    """Both, added. Shapes: ids (N, D), text (N, D) -> (N, D)."""

    def forward(self, ids: Tensor, text: Tensor) -> Tensor:
        """The feature."""
        return ids + text


@FEATURES.register("gate")
class GatedFeature(Fused):
    r"""A share of each, column by column: :math:`g \odot x + (1 - g) \odot t` with
    :math:`g = \sigma([x \| t] W + b)`.

    Shapes: ids (N, D), text (N, D) -> (N, D).  Paper: gated multimodal units, arXiv 1702.01992
    """

    def __init__(self, dim: int, topic: str) -> None:
        super().__init__(dim, topic)
        self.weight = nn.Parameter(torch.empty(2 * dim, dim))
        self.bias = nn.Parameter(torch.empty(dim))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Half of each at first."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, ids: Tensor, text: Tensor) -> Tensor:
        """The feature."""
        share = torch.addmm(self.bias, torch.cat([ids, text], dim=1), self.weight).sigmoid()
        return torch.lerp(text, ids, share.to(ids.dtype))  # autocast makes it narrower than its ends


@FEATURES.register("concat")
class JoinedFeature(Fused):
    r"""Both side by side, brought back to D columns: :math:`[x \| t] W`. Shapes: ids (N, D), text (N, D) ->
    (N, D)."""

    def __init__(self, dim: int, topic: str) -> None:
        super().__init__(dim, topic)
        self.weight = nn.Parameter(torch.empty(2 * dim, dim))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """The sum of both at first, and a little noise."""
        nn.init.normal_(self.weight, std=0.01, generator=generator)
        dim = self.weight.shape[1]
        with torch.no_grad():
            self.weight.add_(torch.eye(dim).repeat(2, 1))

    def forward(self, ids: Tensor, text: Tensor) -> Tensor:
        """The feature."""
        return (torch.cat([ids, text], dim=1) @ self.weight).to(ids.dtype)  # for sparse products, in autocast


PROJECTORS = ("none", "linear", "mlp")


class Projector(nn.Module):
    r"""From the vectors of a view to D columns: "none" takes the first D (those of the largest spread where
    they were whitened) and pads with zeros, "linear" is :math:`t W + b`, "mlp"
    :math:`\mathrm{relu}(t W_1 + b_1) W_2 + b_2` with 2 D hidden units. Rows without a text are zeros.
    Shapes: (N, width) -> (N, D).
    """

    def __init__(self, kind: str, width: int, dim: int) -> None:
        super().__init__()
        if kind not in PROJECTORS:
            raise ValueError(f"projector must be one of {', '.join(PROJECTORS)}, found {kind!r}")
        sizes: list[int] = {"none": [], "linear": [width, dim], "mlp": [width, 2 * dim, dim]}[kind]
        self.dim = dim
        self.weights = nn.ParameterList(nn.Parameter(torch.empty(a, b)) for a, b in itertools.pairwise(sizes))
        self.biases = nn.ParameterList(nn.Parameter(torch.empty(b)) for b in sizes[1:])

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Glorot, so that vectors of variance 1 begin as long as the ids' do not yet are; no bias."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            nn.init.xavier_uniform_(weight, generator=generator)
            nn.init.zeros_(bias)
        if len(self.weights):  # as small as the vectors of ids at first
            with torch.no_grad():
                self.weights[-1].mul_(0.1)

    def forward(self, text: Tensor, known: Tensor) -> Tensor:
        """The projection; known (N,) is 1 for rows that have a text."""
        if not len(self.weights):
            width = min(self.dim, text.shape[1])
            return F.pad(text[:, :width], (0, self.dim - width))
        x = text
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.addmm(bias, x if number == 0 else x.relu(), weight)
        return x * known.unsqueeze(1)
