"""Two run folders against each other: the paired test of their derived models, user by user."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from supernet.evaluation.metrics import PerUser
from supernet.evaluation.significance import Comparison, compare
from supernet.pipeline.contenders import DERIVED


def compared(folder: Path, other: Path, metric: str) -> Comparison:
    """The derived model of `folder` against that of `other`, seeds averaged, over the users tested.

    Errors: ValueError where they were tested on other users, as those are two splits.
    """
    a, b = (_derived(one, metric) for one in (folder, other))
    if not a["user"].equals(b["user"]):
        raise ValueError(f"{folder} and {other} were tested on other users: {len(a):,} and {len(b):,}")
    users = torch.arange(len(a))
    first, second = (PerUser(users, {metric: torch.tensor(x["mean"].to_numpy())}, {}) for x in (a, b))
    return compare(first, second, metric)


def _derived(folder: Path, metric: str) -> pa.Table:
    own = pc.field("model") == DERIVED
    table = pq.read_table(folder / "per_user.parquet", columns=["user", metric], filters=own)
    means = table.group_by("user").aggregate([(metric, "mean")]).sort_by("user")
    return means.rename_columns(["user", "mean"])
