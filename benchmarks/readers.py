"""Reading a large csv: rows a second, and peak memory a row.

    python benchmarks/readers.py [--lines 50000000] [--quick] [--check]

A csv of user, item, rating and time is written into a temporary folder first (28 bytes a row), with a million
users and half a million items of text ids; so it takes no data of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from supernet.data.readers import READERS

USERS, ITEMS, BLOCK = 1_000_000, 500_000, 5_000_000


def write(path: Path, lines: int) -> tuple[np.ndarray, np.ndarray]:
    """A csv of random rows; how often each user and each item occurs in it."""
    random = np.random.default_rng(0)
    users, items = np.zeros(USERS, np.int64), np.zeros(ITEMS, np.int64)
    schema = pa.schema(
        [("user", pa.string()), ("item", pa.string()), ("rating", pa.int8()), ("time", pa.int64())]
    )
    with pyarrow.csv.CSVWriter(path, schema) as out:
        for start in range(0, lines, BLOCK):
            size = min(BLOCK, lines - start)
            user, item = (
                random.integers(USERS, size=size),
                (ITEMS * random.random(size) ** 3).astype(np.int64),
            )
            users += np.bincount(user, minlength=USERS)
            items += np.bincount(item, minlength=ITEMS)
            columns = {
                "user": pa.array(user).cast(pa.string()),
                "item": pa.array(item).cast(pa.string()),
                "rating": pa.array(random.integers(1, 6, size=size).astype(np.int8)),
                "time": pa.array(start + np.arange(size)),
            }
            out.write_table(pa.table(columns, schema=schema))
    return users, items


def main() -> None:
    """Write, read, check, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="not read; every benchmark takes it")
    parser.add_argument("--lines", type=int, default=50_000_000)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the lines")
    parser.add_argument("--check", action="store_true", help="compare results, then stop without timing")
    chosen = parser.parse_args()
    lines = chosen.lines // 100 if chosen.quick or chosen.check else chosen.lines
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.csv"
        with ProcessPoolExecutor(1) as other:  # so that its memory is not counted
            users, items = other.submit(write, path, lines).result()
        before, start = measure.peak_memory(), time.perf_counter()
        found = READERS["table"](path=str(path), rating="rating", time="time")
        seconds, peak = time.perf_counter() - start, measure.peak_memory() - before
        size = path.stat().st_size
    assert len(found) == lines
    assert np.array_equal(found.times, np.arange(lines))
    for codes, ids, counts in ((found.users, found.user_ids, users), (found.items, found.item_ids, items)):
        assert np.array_equal(np.bincount(codes), counts[ids.astype(np.int64)])
    if not chosen.check:
        more = {"lines": lines, "megabytes": size / 1e6}
        measure.row("csv_rows_per_second", [lines / seconds], "rows/s", **more)
        measure.row("csv_seconds", [seconds], "s", **more)
        measure.row("csv_peak_bytes_per_row", [peak / lines], "bytes", **more)


if __name__ == "__main__":
    main()
