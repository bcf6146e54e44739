"""Weights that a model begins with in place of fresh ones: of another run's users and text projectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from supernet.model import Recommender
from supernet.space import SearchSpace

USER_WEIGHTS = "features.user.ids.weight"
"""In the state_dict of a model."""


@dataclass(frozen=True)
class Start:
    """Rows of the users' embeddings, and whole projectors.

    rows: (M,) int64, users of this data; vectors: (M, D), theirs. projectors: name in the state_dict →
    weight. digest: of the run that they are from. design: of its derived model, where it is one of the space
    that was searched here, for the derived model's tuning to choose among.
    """

    rows: Tensor
    vectors: Tensor
    projectors: Mapping[str, Tensor]
    digest: str
    design: SearchSpace | None = None

    def put(self, model: Recommender) -> None:
        """Write them into `model`, which may be any design: what it does not have is passed over."""
        own = model.state_dict()
        with torch.no_grad():
            if USER_WEIGHTS in own:
                table = own[USER_WEIGHTS]
                table.index_copy_(0, self.rows.to(table.device), self.vectors.to(table))
            for name, weight in self.projectors.items():
                if name in own and own[name].shape == weight.shape:
                    own[name].copy_(weight)
