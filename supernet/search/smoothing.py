"""How far the layers of a model have smoothed its vectors over the graph."""

from __future__ import annotations

import torch
from torch import Tensor

from ops.spmm import spmm
from supernet.data.graph import INTERACTIONS, ITEM, USER, Graph
from supernet.model.recommender import History

PAIRS = 4096
"""Pairs of nodes whose cosine is looked at, in each layer."""


@torch.no_grad()
def dirichlet_energy(history: History, graph: Graph) -> list[float]:
    r"""The energy of each layer over that of vectors without any relation, the features first:

    .. math:: \frac{\sum_{(u, i)} \| x_u / \sqrt{d_u} - x_i / \sqrt{d_i} \|^2}{\sum_v \|x_v\|^2}
              = 1 - \frac{2 \sum_u \langle x_u, (\tilde A x)_u \rangle}{\sum_v \|x_v\|^2}

    over the interactions, d degrees; nodes without any count in neither sum. 0: every node is its
    neighbours; 1: none has to do with them; 2 is the most. 0 where all vectors are zero.
    Source: Cai & Wang, A note on over-smoothing, arXiv 2006.13318
    """
    relation = graph.link(INTERACTIONS, USER).relation
    degrees = relation.target_degree(), relation.source_degree()
    out = []
    for user, item in zip(history[USER], history[ITEM], strict=True):
        known = [x[d > 0].square().sum() for x, d in zip((user, item), degrees, strict=True)]
        left, right = (
            x * d.clamp(min=1.0).rsqrt().unsqueeze(1) for x, d in zip((user, item), degrees, strict=True)
        )
        shared = (left * spmm(relation, right)).sum()
        size = float(torch.stack(known).sum())
        out.append(1.0 - 2.0 * float(shared) / size if size else 0.0)
    return out


@torch.no_grad()
def mean_cosine(history: History, generator: torch.Generator) -> list[float]:
    """Mean cosine of PAIRS random pairs of users, and of items, of each layer: near 1 all vectors are one."""
    out = []
    for layers in zip(history[USER], history[ITEM], strict=True):
        out.append(sum(_cosine(x, generator) for x in layers) / 2)
    return out


def _cosine(x: Tensor, generator: torch.Generator) -> float:
    one, two = (torch.randint(len(x), (PAIRS,), generator=generator).to(x.device) for _ in range(2))
    other = one != two
    return float(torch.cosine_similarity(x[one[other]], x[two[other]]).mean()) if bool(other.any()) else 1.0
