"""Small interactions written by hand."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from supernet.data.dataset import PARTS
from supernet.data.interactions import Interactions


def interactions(
    pairs: Sequence[tuple[str, str]],
    ratings: Sequence[float] | None = None,
    times: Sequence[float] | None = None,
    parts: Sequence[str] | None = None,
) -> Interactions:
    user_ids, users = np.unique(np.array([user for user, _ in pairs], dtype=object), return_inverse=True)
    item_ids, items = np.unique(np.array([item for _, item in pairs], dtype=object), return_inverse=True)
    return Interactions(
        name="hand",
        source="hand.csv",
        users=users.astype(np.int64),
        items=items.astype(np.int64),
        user_ids=user_ids,
        item_ids=item_ids,
        ratings=None if ratings is None else np.array(ratings, dtype=np.float64),
        times=None if times is None else np.array(times, dtype=np.float64),
        parts=None if parts is None else np.array([PARTS.index(part) for part in parts], dtype=np.int8),
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., Interactions]:
    return interactions
