"""Does the text carry preference? A linear probe, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from supernet.data.dataset import Pairs
from supernet.features.text.rows import Known, Vectors

RANK = 64
FOLDS = 5
PENALTIES = (1.0, 10.0, 100.0, 1000.0)
MUCH, LITTLE = 0.6, 0.53
"""AUC above which the text is said to carry preference, or a little."""

LIMIT = 20_000
"""Items that the probe looks at, drawn at random where there are more."""

NEGATIVES = 10
"""Of each pair, for the AUC."""


@dataclass(frozen=True)
class Probe:
    """What ridge regression from text to collaborative vectors says of items that it was not fitted to.

    auc: how often a user's item is ranked above one that is not, by text alone (.5: never mind the text).
    explained: R² of the collaborative vectors. items: how many have both.
    """

    auc: float
    explained: float
    penalty: float
    items: int

    @property
    def sentence(self) -> str:
        """In words."""
        little = "carries a little preference" if self.auc > LITTLE else "carries no preference"
        word = "carries preference" if self.auc > MUCH else little
        return (
            f"linear probe: the text {word}: AUC {self.auc:.3f} on items without interactions, R² "
            f"{self.explained:.3f} of their collaborative vectors, {self.items:,} items"
        )


def linear_probe(train: Pairs, n_users: int, vectors: Vectors, known: Known, seed: int = 0) -> Probe:
    r"""Ridge regression of items' collaborative vectors (the first RANK right singular vectors of
    :math:`D_U^{-1/2} R D_I^{-1/2}`, times their values) on their text, on four fifths of the items; scored on
    the last fifth, whose interactions are then asked for. The penalty is chosen on a fifth of those it is
    fitted to. Shapes: vectors (N_items, d), known (N_items,).
    """
    users, items = train.users.numpy(), train.items.numpy()
    n_items = len(vectors)
    seen = sparse.csr_array((np.ones(len(users), np.float32), (users, items)), shape=(n_users, n_items))
    degree = np.maximum(seen.sum(axis=0), 1.0)
    owners = np.maximum(seen.sum(axis=1), 1.0)
    scaled = sparse.diags_array(owners**-0.5) @ seen @ sparse.diags_array(degree**-0.5)
    generator = np.random.default_rng(seed)
    both = np.flatnonzero(known & (seen.sum(axis=0) > 0))
    both = both[generator.permutation(len(both))][:LIMIT]
    rank = min(RANK, min(scaled.shape) - 1, max(1, len(both) - 1))
    if len(both) < 2 * FOLDS or rank < 1:
        return Probe(0.5, 0.0, 0.0, len(both))
    order = np.arange(len(both))  # from here on, items are those of `both`
    test, fitted = order[: len(both) // FOLDS], order[len(both) // FOLDS :]
    check, rest = fitted[: len(fitted) // FOLDS], fitted[len(fitted) // FOLDS :]
    # users' vectors without the items that are asked for
    kept = np.ones(n_items, np.float32)
    kept[both[test]] = 0.0
    known_part = (scaled @ sparse.diags_array(kept)).tocsr()
    left, values, _ = svds(known_part.astype(np.float64), k=rank, random_state=0)
    target = scaled[:, both].T @ left  # items in the space of the users' vectors
    x = vectors[both].astype(np.float64)
    penalties = [(_explained(target[check], _fitted(x, target, rest, p, check)), p) for p in PENALTIES]
    penalty = max(penalties)[1]
    found = _fitted(x, target, fitted, penalty, test)
    explained = _explained(target[test], found)
    auc = _auc(seen, left * values, found, both[test], generator)
    return Probe(auc, explained, penalty, len(both))


def _fitted(
    x: np.ndarray, target: np.ndarray, rows: np.ndarray, penalty: float, wanted: np.ndarray
) -> np.ndarray:
    mean, middle = x[rows].mean(axis=0), target[rows].mean(axis=0)
    a, y = x[rows] - mean, target[rows] - middle
    scale = a.std() or 1.0
    weights = np.linalg.solve(a.T @ a + penalty * scale**2 * np.eye(a.shape[1]), a.T @ y)
    return (x[wanted] - mean) @ weights + middle


def _explained(target: np.ndarray, found: np.ndarray) -> float:
    total = ((target - target.mean(axis=0)) ** 2).sum()
    return float(1.0 - ((target - found) ** 2).sum() / max(total, 1e-12))


def _auc(
    seen: sparse.csr_array,
    users: np.ndarray,
    found: np.ndarray,
    test: np.ndarray,
    generator: np.random.Generator,
) -> float:
    """Of pairs of a user and an asked-for item, against other asked-for items drawn at random."""
    asked = seen[:, test].tocoo()
    if not asked.nnz:
        return 0.5
    who, which = asked.row, asked.col
    own = (users[who] * found[which]).sum(axis=1)
    other = generator.integers(len(test), size=(len(who), NEGATIVES))
    scores = np.einsum("pk,pnk->pn", users[who], found[other])
    wins = (own[:, None] > scores) + 0.5 * (own[:, None] == scores)
    return float(wins[other != which[:, None]].mean())
