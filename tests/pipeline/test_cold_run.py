"""New items and new users from the command line, on planted data in which texts decide who likes what."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from supernet.config import TrainConfig
from supernet.config.data_schemas import GivenSplit, LightgcnData
from supernet.pipeline.protocol import check_run
from supernet.runtime import InputError

from .conftest import command

GROUPS, USERS, ITEMS, EACH = 5, 100, 100, 9
WORDS = ("red river boat", "old stone wall", "blue glass lamp", "green garden chair", "small paper kite")
FEW = ["tuning.trials=0", "baselines=[pop,lightgcn]", "random_genotypes=0", "seeds=[0,1]", "ablate=false"]
SPACE = [
    "space.features=['sum:tfidf','text:tfidf']",
    "space.aggregate=[sym,mean]",
    "space.convolve=[light]",
    "space.activation=[identity]",
    "space.readout=[mean,last]",
    "space.layers=1",
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Users of a group click on items whose titles have the words of the group."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("shop")
    lines = ["user,item"]
    for user in range(USERS):
        own = np.arange(user % GROUPS, ITEMS, GROUPS)
        lines += [f"u{user:03d},i-{item}" for item in rng.choice(own, EACH, replace=False)]
    (folder / "clicks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    titles = [
        f"i-{item},{WORDS[item % GROUPS]} no {item // GROUPS},{'upper' if item % 2 else 'lower'}"
        for item in range(ITEMS)
    ]
    (folder / "items.csv").write_text("\n".join(["item,title,shelf", *titles]) + "\n", encoding="utf-8")
    return folder


def data_of(shop):
    files = ["data=table", f"data.path={shop / 'clicks.csv'}", f"data.items_path={shop / 'items.csv'}"]
    return [
        *files,
        "data.title=[title]",
        "data.text=[title]",
        "text=tfidf",
        "eval.ks=[5]",
        "eval.metric=ndcg@5",
    ]


def derived(shop, small, folder, *overrides, more=()):
    run = command("train.py", *data_of(shop), *small, *overrides, f"run={folder}")
    assert run.returncode == 0, run.stderr
    done = command("derive.py", f"run={folder}", *FEW, *more)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "metrics.json").read_text()), run.stderr, done.stdout


def test_new_items_are_found_by_their_texts(shop, small, tmp_path):
    cold = ["split.cold=items", "split.cold_share=0.4", "eval.cold=true", "training.item_dropout=0.2"]
    (tmp_path / "rules.yaml").write_text("rules:\n- {exclude: shelf, equals: upper}\n")
    trained = [*SPACE, "training.epochs=15", "training.lr=0.02"]
    more = [f"rules={tmp_path / 'rules.yaml'}"]
    found, log, table = derived(shop, small, tmp_path / "run", *cold, *trained, more=more)
    assert "cold test: 20 new items" in log
    models = found["cold"]["models"]
    recall = {name: model["metrics"].get("cold/recall@5") for name, model in models.items()}
    assert len(recall["derived"]) == 2
    assert min(recall["derived"]) > 2 * max(recall["pop"][0], recall["random order"][0])
    assert min(recall["derived"]) > 0.7
    assert recall["text_knn"][0] > 0.7
    assert recall["lightgcn"] is None
    assert "cannot tell new items apart" in models["lightgcn"]["note"]
    assert "all/recall@5" in models["derived"]["metrics"]
    # half of the new items are excluded, and what was wanted of them is not found
    assert max(models["derived with rules"]["metrics"]["cold/recall@5"]) < 0.8 * min(recall["derived"])
    assert "derived with rules" not in found["cold"]["comparisons"]
    assert found["cold"]["comparisons"]["pop"]["difference"] > 0
    assert "new items: test" in table
    assert found["setting"].startswith(
        "Split ratio, 40% of the items held out, choices by the held out, seed 0"
    )
    assert "## New items" in (tmp_path / "run" / "results.md").read_text()
    listed = set(pq.read_table(tmp_path / "run" / "recommendations.parquet").column("item").to_pylist())
    assert len(listed) <= 60


def test_new_users_are_folded_in_by_what_they_touched(shop, small, tmp_path):
    cold = ["split.cold=users", "split.cold_share=0.3", "split.cold_history=0.5"]
    found, _, table = derived(
        shop, small, tmp_path / "run", *cold, "training.epochs=20", "training.lr=0.02", "space.layers=2"
    )
    models = found["cold"]["models"]
    recall = {name: model["metrics"].get("all/recall@5") for name, model in models.items()}
    assert min(recall["lightgcn"]) > 2 * recall["pop"][0]
    assert "new users: test" in table
    assert "random order" not in models


def test_ids_alone_cannot_tell_new_items_apart(shop, small, tmp_path):
    found, _, table = derived(shop, small, tmp_path / "run", "split.cold=items", "text=none")
    models = found["cold"]["models"]
    assert models["derived"]["metrics"] == {}
    assert models["random order"]["metrics"]["cold/recall@5"]
    assert "cannot tell new items apart" in table
    assert found["cold"]["comparisons"] == {}


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["split.cold=item"], "split.cold: unknown name 'item'; choose from: none, items, users"),
        (["split.cold=items", "split.cold_share=1"], "split.cold_share must lie between 0 and 1, found 1.0"),
        (["eval.cold=true"], "set split.cold=items or users"),
        (["training.item_dropout=1"], "training.item_dropout must lie in [0, 1), found 1.0"),
        (["split.cold=items", "eval.cold=true"], "set eval.cold=false, or let space.features read a view"),
    ],
)
def test_what_cannot_be_is_one_message(overrides, words, shop, tmp_path):
    run = command("train.py", *data_of(shop), *overrides, f"run={tmp_path / 'run'}")
    assert run.returncode == 2
    assert words in run.stderr
    assert len(run.stderr.splitlines()) <= 8


def test_the_paper_protocol_has_no_new_items():
    split = GivenSplit(method="given", cold="users")
    run = TrainConfig(data=LightgcnData(reader="lightgcn", path="nowhere"), split=split)
    with pytest.raises(
        InputError, match=r"split.cold=users holds pairs of it out; search with split.cold=none"
    ):
        check_run(run, "paper")
    split.cold = "none"
    check_run(run, "paper")
