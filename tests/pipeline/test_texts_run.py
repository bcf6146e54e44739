"""Text views from the command line: logged, cached, searched, derived; and what is refused."""

import json
import re

import hydra
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from supernet.config import conf_folder, register_schemas, typed
from supernet.pipeline.texts import unread_views

from .conftest import command, data_of

FEATURES = "space.features=[id,'sum:own','gate:own','text:own']"


@pytest.fixture
def vectors(tmp_path):
    """Items of one community have like vectors; one item has none."""
    generator = np.random.default_rng(0)
    rows = [(f"i-{k}", (np.eye(4)[k % 4] + 0.05 * generator.standard_normal(4)).tolist()) for k in range(39)]
    table = pa.table({"item": [name for name, _ in rows], "vector": [v for _, v in rows]})
    pq.write_table(table, tmp_path / "own.parquet")
    return tmp_path / "own.parquet"


def test_a_view_is_searched_and_derived(clicks, small, tmp_path, vectors):
    view = ["text=vectors", f"text.views.own.path={vectors}", FEATURES]
    run = command("train.py", *data_of(clicks), *small, *view, f"run={tmp_path / 'run'}")
    assert run.returncode == 0, run.stderr
    assert "own.parquet: 1 of 40 items have no vector there" in run.stderr
    assert "view own: 39 items of 4 columns, 1 without" in run.stderr
    auc = float(re.search(r"AUC (\d\.\d+)", run.stderr).group(1))
    assert auc > 0.8, "communities are what users like"
    few = ["tuning.trials=1", "baselines=[pop,lightgcn]", "random_genotypes=1", "seeds=[0]", "fuse=[]"]
    done = command("derive.py", f"run={tmp_path / 'run'}", *few)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())
    reads = [
        ":" in name for slot, name in found["models"]["derived"]["choices"].items() if "features" in slot
    ]
    (name,) = found["ablations"]
    assert name == ("derived without text" if any(reads) else "derived with text")
    other = found["models"][name]["choices"]
    wanted = "id" if any(reads) else "sum:own"
    assert {value for slot, value in other.items() if "features" in slot} == {wanted}
    assert found["models"][name]["recipe"] == found["models"]["derived"]["recipe"]
    assert name not in found["comparisons"]
    assert f"{name}: ndcg@20" in (tmp_path / "run" / "results.md").read_text()


def test_words_are_encoded_by_tfidf(clicks, small, tmp_path):
    view = ["text=tfidf", "space.features=['sum:tfidf']", "data.text=[title]", "search.select=argmax"]
    run = command("train.py", *data_of(clicks), *small, *view, f"run={tmp_path / 'run'}")
    assert run.returncode == 0, run.stderr
    assert "view tfidf: 40 items" in run.stderr


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ["space.features=['sum:minilm']"],
            "feature 'sum:minilm' reads the view 'minilm'; the views are: none",
        ),
        (["text=tfidf", "+text.views.tfidf.dimm=3"], "tfidf takes no 'dimm'; it takes: batch, dim"),
        (["text=tfidf", "text.views.tfidf.projector=deep"], "choose from: none, linear, mlp"),
        (["text=vectors"], "text.views.own.path is missing"),
        (
            ["text=vectors", "text.views.own.path=/nowhere.npy", FEATURES],
            "text.views.own.path=/nowhere.npy: no such file; give a .npy or .parquet of vectors",
        ),
        (["text=tfidf", "data.items_path=null", "data.title=[]"], "text: the data says nothing of its items"),
    ],
)
def test_what_cannot_be_read_is_one_message(overrides, words, clicks, tmp_path):
    run = command("train.py", *data_of(clicks), *overrides, f"run={tmp_path / 'run'}")
    assert run.returncode == 2
    assert words in run.stderr
    assert len(run.stderr.splitlines()) <= 8
    assert "text: the data says nothing" in words or not (tmp_path / "run").exists()


def test_a_view_that_nothing_reads_is_told(clicks, small, tmp_path):
    """It is encoded for nothing; a design may be fixed by its features, so that the log tells and none is
    refused."""
    views = ["text=tfidf", "+text.views.other={encoder: tfidf, dim: 4}", "space.features=[id,'sum:other']"]
    few = ["data.text=[title]", "search.select=argmax", "search.epochs=1", "search.warmup=0"]
    run = command("train.py", *data_of(clicks), *small, *views, *few, f"run={tmp_path / 'run'}")
    assert run.returncode == 0, run.stderr
    log = (tmp_path / "run" / "train.log").read_text().splitlines()
    (line,) = (line for line in log if "WARNING view" in line)
    assert "view tfidf: no feature of space.features and no relation reads it" in line
    assert "add sum:tfidf to space.features, or leave the view out" in line


@pytest.mark.parametrize(
    ("words", "unread"),
    [
        (["space.features=[id]"], ["minilm", "minilm_mlp", "minilm_3", "tfidf"]),
        (["space.features=[id,'sum:tfidf','gate:minilm_3']"], ["minilm", "minilm_mlp"]),
        (["space.relations=[interactions,text_knn]"], ["minilm_mlp", "minilm_3", "tfidf"]),
        (["split.cold=items", "graph.text_view=tfidf"], ["minilm", "minilm_mlp", "minilm_3"]),
        (["+space.slots={features/item: ['id','sum:minilm']}"], ["minilm_mlp", "minilm_3", "tfidf"]),
    ],
    ids=str,
)
def test_which_views_are_read(words, unread):
    register_schemas()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        config = typed(hydra.compose("train", overrides=["text=views", *words]))
    assert unread_views(config) == unread
