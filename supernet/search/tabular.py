"""The tabular benchmark: what every design of a small space came to when it was trained by itself, so that a
search can be judged in seconds, without training."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from supernet.runtime import InputError, atomic_path

FILE = Path(__file__).with_name("tabular.parquet")
"""The table that comes with the package; `benchmarks/tabular.py` writes it."""

SPACE = "tabular"
"""The space in conf/space whose designs are in it."""


@dataclass(frozen=True)
class Training:
    """One training of one design: what it was trained with, what it came to, what it cost.

    hash: of what the design computes (`Genotype.hash`). valid, test: NDCG@20; recall: Recall@20 on test.
    seconds: of the training, validation in it. parameters: of the model.
    """

    data: str
    hash: str
    choices: str
    temperature: float
    lr: float
    seed: int
    valid: float
    test: float
    recall: float
    epochs: int
    seconds: float
    parameters: int


class Table:
    """The trainings of one data set, by design.

    A design's recipe is the one with the best valid score of its first seed; its value is the mean over the
    seeds that were trained with that recipe. Searches may look at `valid` and `seconds`; `test` is what they
    are judged by.
    """

    def __init__(self, rows: Sequence[Training]) -> None:
        if not rows:
            raise InputError("the table has no row")
        self.data = rows[0].data
        self.trainings: dict[str, list[Training]] = {}
        for row in rows:
            self.trainings.setdefault(row.hash, []).append(row)

    @cached_property
    def best(self) -> dict[str, list[Training]]:
        """Design → its trainings with its best recipe, the first seed first."""
        found = {}
        for key, rows in self.trainings.items():
            first = min(row.seed for row in rows)
            top = max((row for row in rows if row.seed == first), key=lambda row: row.valid)
            recipe = top.temperature, top.lr
            own = [row for row in rows if (row.temperature, row.lr) == recipe]
            found[key] = sorted(own, key=lambda row: row.seed)
        return found

    def valid(self, key: str) -> float:
        """Mean valid score of a design with its best recipe."""
        return statistics.fmean(row.valid for row in self._of(key))

    def test(self, key: str) -> float:
        """Mean test score of a design with its best recipe."""
        return statistics.fmean(row.test for row in self._of(key))

    def seconds(self, key: str) -> float:
        """Seconds of all trainings of the first seed: what an evaluation that tunes the recipe costs."""
        rows = self.trainings[key]
        first = min(row.seed for row in rows)
        return sum(row.seconds for row in rows if row.seed == first)

    def regret(self, key: str) -> float:
        """How far its test score is below that of the best design on test, relative; 0 for the best."""
        return 1.0 - self.test(key) / self.top

    @cached_property
    def top(self) -> float:
        """The best test score of any design."""
        return max(map(self.test, self.trainings))

    def rank(self, key: str) -> float:
        """The share of the designs that are better on test, in [0, 1)."""
        mine = self.test(key)
        return sum(self.test(other) > mine for other in self.trainings) / len(self.trainings)

    def choices(self, key: str) -> Mapping[str, str]:
        """Slot → candidate."""
        found: dict[str, str] = json.loads(self.trainings[key][0].choices)
        return found

    def _of(self, key: str) -> list[Training]:
        if key not in self.best:
            raise InputError(f"the table of {self.data} has no design {key}; search in space={SPACE}")
        return self.best[key]


def load_tables(path: Path = FILE) -> dict[str, Table]:
    """Data set → its table. Errors: InputError for a file that is missing or has other columns."""
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        trainings = [Training(**row) for row in rows]
    except (OSError, TypeError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a table of trainings: {error}") from None
    names = dict.fromkeys(training.data for training in trainings)
    return {name: Table([t for t in trainings if t.data == name]) for name in names}


def save_tables(rows: Sequence[Training], path: Path = FILE) -> None:
    """Write all trainings, atomically."""
    columns = {item.name: [getattr(row, item.name) for row in rows] for item in fields(Training)}
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
