"""The table of baselines without training, and what several of them share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ops.registry import Registry
from supernet.data.dataset import Pairs
from supernet.evaluation.ranking import Score

Space = Mapping[str, Mapping[str, Any]]
"""Setting → {low, high, log} or {choices}, as in tuning.space of the trained models."""

CELLS = 2_000_000
"""Cells of a matrix worked on at once: bounds the memory of a chunk of similarities at some 32 bytes each."""


@dataclass(frozen=True)
class Baseline:
    """A closed form: its fit, what of it is tuned, and what its result says of the variant fitted."""

    fit: Callable[..., Score]
    space: Space
    note: Callable[[int], str]

    def __call__(self, train: Pairs, n_users: int, n_items: int, **settings: Any) -> Score:  # noqa: ANN401
        """Fit to `train`; settings by name. The score: users (B,) -> (B, N_items) float32."""
        return self.fit(train, n_users, n_items, **settings)

    @property
    def defaults(self) -> dict[str, Any]:
        """The values that the tuned settings have where none are given."""
        parameters = inspect.signature(self.fit).parameters
        return {name: parameters[name].default for name in self.space}


BASELINES: Registry[Baseline] = Registry("baseline")


def baseline(
    name: str, space: Space, note: Callable[[int], str] = lambda n_items: ""
) -> Callable[[Callable[..., Score]], Callable[..., Score]]:
    """Decorator that files a fit under `name`, with its tuning space.

    note: N_items -> the variant that is fitted to so many items, where there are several.
    """

    def file(fit: Callable[..., Score]) -> Callable[..., Score]:
        BASELINES.register(name)(Baseline(fit, space, note))
        return fit

    return file


def matrix(train: Pairs, n_users: int, n_items: int) -> sparse.csr_array:
    """The pairs as a matrix of ones, (N_users, N_items) float32."""
    users, items = train.users.cpu().numpy(), train.items.cpu().numpy()
    return sparse.csr_array((np.ones(len(users), np.float32), (users, items)), shape=(n_users, n_items))


def gram(seen: sparse.csr_array) -> np.ndarray:
    """XᵀX, dense float32 in Fortran's order, filled in chunks of columns."""
    n_items = seen.shape[1]
    together = np.zeros((n_items, n_items), np.float32, order="F")
    owners, size = seen.T.tocsr(), max(1, CELLS // n_items)
    for start in range(0, n_items, size):
        together[:, start : start + size] = (owners[start : start + size] @ seen).toarray().T
    return together
