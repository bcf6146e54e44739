"""A whole run by each protocol, on planted data: what is trained on what, and that every file says so."""

import json
import shutil

import hydra
import pyarrow.parquet as pq
import pytest
import torch
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from supernet.config import conf_folder, load_train_config, register_schemas, typed, validate_derive
from supernet.pipeline import run_derive, run_search
from supernet.pipeline.bench import Bench
from supernet.pipeline.protocol import PROTOCOLS
from supernet.pipeline.stages import load_data

PLANTED = ["data=planted", "data.users=40", "data.items=30", "data.hubs=5", "data.explorers=5", "model.dim=8",
           "search.epochs=2", "search.warmup=1", "search.select=argmax", "training.epochs=4",
           "loss.negatives=16", "runtime.allocator=false"]  # fmt: skip
DERIVE = ["baselines=[pop,mf,lightgcn]", "random_genotypes=2", "seeds=[0,1,2]", "runtime.allocator=false"]


def compose(name, *overrides):
    register_schemas()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        return hydra.compose(name, overrides=list(overrides))


def derive(folder, *overrides):
    config = compose("derive", f"run={folder}", *DERIVE, *overrides)
    checked = typed(config)
    validate_derive(checked)
    run_derive(checked, load_train_config(folder), OmegaConf.to_yaml(config))
    return folder, json.loads((folder / "metrics.json").read_text())


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    config = compose("train", *PLANTED, f"run={tmp_path_factory.mktemp('protocol') / 'searched'}")
    return run_search(typed(config), OmegaConf.to_yaml(config))


@pytest.fixture(scope="module")
def strict(searched):
    return derive(shutil.copytree(searched, searched.with_name("strict")), "tuning.trials=2")


@pytest.fixture(scope="module")
def paper(searched, strict):
    folder = shutil.copytree(searched, searched.with_name("paper"))
    recipes = strict[0] / "metrics.json"
    return derive(folder, "protocol=paper", f"recipes={recipes}", "tuning.trials=0")


@pytest.mark.parametrize("name", ["strict", "paper"])
def test_every_file_says_which_protocol_it_is(name, request):
    folder, report = request.getfixturevalue(name)
    flag = PROTOCOLS[name]
    assert report["protocol"] == {"name": name, "sentence": flag}
    assert flag.startswith(f"PROTOCOL {name}: ")
    table = (folder / "results.md").read_text()
    assert f"({name} protocol)" in table.splitlines()[0]
    assert table.count(flag) == 2
    assert flag in (folder / "derive.log").read_text()
    for file in ("per_user.parquet", "recommendations.parquet"):
        written = pq.read_table(folder / file)
        assert written.schema.metadata[b"protocol"].decode() == flag
        assert set(written["protocol"].to_pylist()) == {name}
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert "protocol/text_summary" in events.Tags()["tensors"]
    tag = {"strict": "test", "paper": "test_paper"}[name]
    assert {t.split("/")[0] for t in events.Tags()["scalars"] if t.startswith("test")} == {tag}


def test_paper_takes_recipes_and_epochs_and_chooses_nothing(strict, paper):
    for name in ("derived", "mf", "lightgcn"):
        ours, theirs = paper[1]["models"][name], strict[1]["models"][name]
        epochs = round(sum(theirs["epochs"]) / 3)
        assert ours["epochs"] == [epochs] * 3
        assert ours["recipe"] == theirs["recipe"] | {"epochs": epochs}
        assert "strict/metrics.json" in ours["note"]
    assert not (paper[0] / "tuning.journal").exists()


def test_paper_learns_from_the_whole_published_train_file(searched, monkeypatch):
    """Every pair but test is trained on, and nothing is ever validated."""
    run = load_train_config(searched)
    strict, whole = load_data(run), load_data(run, published=True)
    for ours, theirs in zip(whole.pairs(["train"]), strict.pairs(["train", "alpha", "valid"]), strict=True):
        assert torch.equal(ours, theirs)
    trained = []
    monkeypatch.setattr(Bench, "train", lambda *_: pytest.fail("the paper protocol chose epochs"))
    refit = Bench.refit

    def watched(self, space, recipe, seed, epochs, start):
        assert "test" not in self.data.parts
        trained.append((recipe.epochs, epochs, len(self.data.pairs(["train", "alpha", "valid"]).users)))
        return refit(self, space, recipe, seed, epochs, start)

    monkeypatch.setattr(Bench, "refit", watched)
    folder = shutil.copytree(searched, searched.with_name("fixed"))
    report = derive(folder, "protocol=paper", "epochs=2", "tuning.trials=0")[1]
    assert trained == [(2, 2, len(whole.pairs(["train"]).users))] * (3 * 3 + 2)  # random: first seed alone
    assert report["models"]["mf"]["note"] == "the run's recipe; 2 epochs"


def test_strict_can_take_recipes_too_and_still_chooses_the_epochs(strict, searched):
    folder = shutil.copytree(searched, searched.with_name("again"))
    report = derive(folder, f"recipes={strict[0] / 'metrics.json'}", "tuning.trials=0")[1]
    for name in ("derived", "mf", "lightgcn"):
        for key in ("recipe", "epochs", "metrics"):  # the same recipes and seeds: the same models
            assert report["models"][name][key] == strict[1]["models"][name][key]


def test_cohorts_and_what_lies_beyond_accuracy_are_in_every_report(strict):
    folder, report = strict
    users = report["cohorts"]["users"]
    assert sum(cohort["users"] for cohort in users.values()) == 40  # explorers have no test item
    items = report["cohorts"]["items"]
    assert sum(cohort["items"] for cohort in items.values()) == 35
    assert sum(cohort["test_pairs"] for cohort in items.values()) == 40
    for model in report["models"].values():
        seeds = len(model["metrics"]["ndcg@20"])
        assert {name for name in model["beyond"] if name.endswith("@20")} == {
            "gini@20", "popularity@20", "novelty@20", "tail_share@20"}  # fmt: skip  # planted: no text
        for name, cohort in users.items():
            low, high = cohort["least_interactions"], cohort["most_interactions"]
            assert 0 < low <= high
            assert len(model["cohorts"][f"{name}/ndcg@20"]) == seeds
        for seed in range(seeds):
            hits = sum(
                model["cohorts"][f"{name}/recall@20"][seed] * cohort["test_pairs"]
                for name, cohort in items.items()
                if cohort["test_pairs"]
            )
            assert hits / 40 == pytest.approx(model["metrics"]["recall@20"][seed])  # one test item each
    assert report["models"]["pop"]["sd"]["ndcg@20"] is None
    assert report["models"]["mf"]["sd"]["ndcg@20"] >= 0
    assert len(report["comparisons"]["mf"]["seeds"]["differences"]) == 3
    table = (folder / "results.md").read_text()
    for words in ("## Beyond accuracy", "| Gini@20 |", "## Cohorts", "users 1 of 4 NDCG@20", "Recall@20"):
        assert words in table
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert {"test/beyond/gini@20/derived", "test/cohorts/users 1 of 4/ndcg@20/mf"} <= set(
        events.Tags()["scalars"]
    )
    assert "cohorts/text_summary" in events.Tags()["tensors"]


def test_a_published_split_is_noted(paper):
    assert any(note.startswith("published split") for note in paper[1]["data"]["notes"])
