"""Friends for users from the command line, on planted circles of friends."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from supernet.config import load_train_config
from supernet.data.dataset import PARTS
from supernet.pipeline.stages import load_data

from .conftest import command

FEW = [
    "tuning.trials=0",
    "baselines=[pop,ease]",
    "random_genotypes=0",
    "seeds=[0]",
    "ablate=false",
    "fuse=[]",
]


@pytest.fixture(scope="module")
def friends(tmp_path_factory):
    """80 people in four circles of 20, nine friends each; as files of friends go, in both directions."""
    rng, lines = np.random.default_rng(0), ["user,friend"]
    for person in range(80):
        circle = [other for other in range(person % 4, 80, 4) if other != person]
        for friend in rng.choice(circle, 5, replace=False):
            lines += [f"u{person},u{friend}", f"u{friend},u{person}"]
    path = tmp_path_factory.mktemp("friends") / "friends.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_friends_are_new_ones_and_never_oneself(friends, small, tmp_path):
    own = ["experiment=friends", f"data.path={friends}", "eval.ks=[5]", "eval.metric=ndcg@5"]
    own += ["space=small", "search.select=argmax"]
    run = command("train.py", *own, *small, "loss.negatives=0", f"run={tmp_path / 'run'}")
    assert run.returncode == 0, run.stderr
    assert "both directions of each in the same part" in run.stderr
    done = command("derive.py", f"run={tmp_path / 'run'}", *FEW)
    assert done.returncode == 0, done.stderr
    data = load_data(load_train_config(tmp_path / "run"))
    known = {
        (data.user_ids[u], data.item_ids[i])
        for part in PARTS[:-1]
        for u, i in zip(*(side.tolist() for side in data.parts[part]), strict=True)
    }
    rows = pq.read_table(tmp_path / "run" / "recommendations.parquet").to_pylist()
    listed = {(row["user"], row["item"]) for row in rows}
    assert len(listed) >= 80 * 10
    assert not listed & known
    assert all(user != item for user, item in listed)
    models = json.loads((tmp_path / "run" / "metrics.json").read_text())["models"]
    assert models["ease"]["metrics"]["recall@5"]
