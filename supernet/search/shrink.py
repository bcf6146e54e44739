"""Progressive shrinking: a candidate that is dropped has the alpha −∞ and is not computed any more."""

from __future__ import annotations

import math

import torch

from supernet.model import Recommender


def drop_weakest(model: Recommender) -> dict[str, int]:
    """Drop the candidate with the smallest alpha of every slot that has more than one left, and tell which by
    slot; of equal ones the last named. Paper: in the manner of P-DARTS, arXiv 1904.12760"""
    found = {}
    with torch.no_grad():
        for slot, alpha in model.alphas.items():
            left = alpha.isfinite().nonzero().flatten()
            if len(left) > 1:
                values = alpha[left].flip(0)
                weakest = int(left.flip(0)[int(values.argmin())])
                alpha[weakest] = -math.inf
                found[slot] = weakest
    dropped_candidates(model)
    return found


def dropped_candidates(model: Recommender) -> None:
    """Tell every mixture which of its candidates have the alpha −∞."""
    for slot, mixtures in model.mixtures().items():
        gone = model.alphas[slot].isneginf().nonzero().flatten().tolist()
        for mixture in mixtures:
            mixture.dropped = frozenset(gone)
