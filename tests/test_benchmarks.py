"""The benchmarks run: their checks hold on a small graph, and what they print are complete JSON lines."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
KEYS = {"name", "value", "unit", "min", "max", "repeats", "processor", "threads", "torch", "python"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A LightGCN folder of 150 users and 120 items, a fifth of the pairs for test."""
    random, where = np.random.default_rng(0), tmp_path_factory.mktemp("graph")
    lines = {"train": [], "test": []}
    for user in range(150):
        items = random.permutation(120)[: random.integers(10, 30)]
        lines["train"].append(" ".join(map(str, [user, *items[:-2]])))
        lines["test"].append(" ".join(map(str, [user, *items[-2:]])))
    for part, rows in lines.items():
        (where / f"{part}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return where


def run(script, *arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("script", ["ops.py", "supernet.py", "train.py", "evaluate.py"])
def test_its_results_are_checked(script, folder):
    if script in ("ops.py", "train.py") and importlib.util.find_spec("torch_geometric") is None:
        pytest.skip("needs torch-geometric (the bench extra)")
    assert run(script, "--data", str(folder), "--check") == []


def test_the_csv_is_checked():
    assert run("readers.py", "--lines", "2000000", "--check") == []


def test_rows_are_complete(folder):
    rows = run("evaluate.py", "--data", str(folder), "--quick")
    assert {"ranking_over_limit"} <= {row["name"] for row in rows}
    for row in rows:
        assert set(row) >= KEYS, row
        assert row["min"] <= row["value"] <= row["max"]
