"""A small csv with communities, and the command lines as real processes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def write_clicks(path, seed=0, users=60, items=40, groups=4, each=8):
    """Users of a group click on items of that group; ids are strings, items have titles."""
    rng = np.random.default_rng(seed)
    lines = ["user,item"]
    for user in range(users):
        own = [item for item in range(items) if item % groups == user % groups]
        lines += [f"u{user:03d},i-{item}" for item in rng.choice(own, each, replace=False)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    titles = ["item,title", *(f"i-{item},The Item No. {item}" for item in range(items))]
    path.with_name("items.csv").write_text("\n".join(titles) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def clicks(tmp_path_factory):
    return write_clicks(tmp_path_factory.mktemp("data") / "clicks.csv")


@pytest.fixture(scope="session")
def small():
    """Overrides that make a run small."""
    return [
        "model.dim=8",
        "search.epochs=4",
        "search.warmup=1",
        "training.batch_size=64",
        "search.alpha_batch_size=32",
        "training.epochs=6",
        "search.select_pool=5",
        "search.select_steps=10",
        "search.settle=2",
        "loss.negatives=16",
        "runtime.threads=1",
    ]


@pytest.fixture(scope="session")
def small_strategy(small):
    """As `small`, for the strategies that ask for designs one by one."""
    loop = ("search.warmup=", "search.alpha_batch_size=", "search.settle=")
    return [word for word in small if not word.startswith(loop)]


def data_of(clicks):
    return ["data=table", f"data.path={clicks}", f"data.items_path={clicks.with_name('items.csv')}",
            "data.title=[title]"]  # fmt: skip


def command(script, *overrides, **options):
    line = [sys.executable, "-W", "error", str(ROOT / script), *map(str, overrides)]
    return subprocess.run(
        line, capture_output=True, text=True, cwd=options.pop("cwd", ROOT), check=False, **options
    )


@pytest.fixture(scope="session")
def finished(clicks, small, tmp_path_factory):
    """The run folder of a small finished search."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    result = command("train.py", *data_of(clicks), *small, f"run={folder}")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"run folder: {folder}"
    return folder
