"""Contrast of two noisy views, an auxiliary loss beside the ranking loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ops.sampled_softmax import same_cells, sampled_softmax
from ops.sphere import unit_rows
from supernet.data.graph import ITEM, USER
from supernet.data.sampling import Batch, sent
from supernet.model.recommender import History, Vectors
from supernet.runtime import InputError
from supernet.training.recipe import Recipe


@dataclass(frozen=True)
class Noise:
    r"""A random push away from zero, :math:`x + \epsilon\, \mathrm{sign}(x) \odot w / \|w\|`, w uniform in
    [0, 1) (XSimGCL, arXiv 2209.02544, equation 5)."""

    length: float
    generator: torch.Generator

    def __call__(self, x: Tensor) -> Tensor:
        """Push every row by `length`, within its orthant. Shapes: (N, D) -> (N, D)."""
        draw = torch.rand(x.shape, generator=self.generator, dtype=x.dtype, device=self.generator.device)
        push = unit_rows(sent(draw, x.device)).mul_(x.detach().sign())
        return torch.add(x, push, alpha=self.length)


def contrast_loss(history: History, vectors: Vectors, batch: Batch, recipe: Recipe) -> Tensor:
    r"""InfoNCE between a node's final vector and its vector after layer l, of the users and of the items of a
    batch, each once,

    .. math:: -\frac{1}{|V|} \sum_{v \in V} \log \frac{e^{\cos(z_v, x_v^{(l)})/T}}{\sum_{w \in V}
        e^{\cos(z_v, x_w^{(l)})/T}},

    the two sides added. l is recipe.contrast_layer, or the last layer where there are fewer; T is
    recipe.contrast_temperature.
    Shapes: batch.users (B,) and batch.items (B,) are places in vectors and history -> ().
    Errors: InputError where the read-out is wider than a layer. Paper: XSimGCL, arXiv 2209.02544, equation 8
    """
    found = []
    for side, final, chosen in ((USER, vectors.user, batch.users), (ITEM, vectors.item, batch.items)):
        view, nodes = history[side][: recipe.contrast_layer + 1][-1], chosen.unique()
        if view.shape[1] != final.shape[1]:
            raise InputError(
                f"a contrast needs final vectors as wide as a layer's, {view.shape[1]}, found "
                f"{final.shape[1]}; leave the concat read-out out or set loss.contrast=0"
            )
        ours, theirs = (unit_rows(x.index_select(0, nodes)) for x in (final, view))
        place = torch.arange(len(nodes), device=nodes.device)
        same = same_cells(place, place)
        found.append(sampled_softmax(ours, theirs, theirs, same, recipe.contrast_temperature, bound=1.0))
    return torch.stack(found).sum()
