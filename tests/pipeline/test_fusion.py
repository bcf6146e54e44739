"""The derived network's fusion with a closed form: chosen on valid, kept through the results."""

import json
import logging
import shutil

import hydra
import pyarrow.parquet as pq
import pytest
import torch

from supernet.config import conf_folder, load_space, register_schemas, typed
from supernet.evaluation.fusion import fused
from supernet.pipeline import fusion
from supernet.pipeline.bench import Bench
from supernet.pipeline.contenders import Contender, Fusion
from supernet.pipeline.fusion import SHARES, choose_fusion
from supernet.pipeline.stages import LEARNT, load_data, recipe_of, score_of, score_validator, space_of

from .conftest import command

LOG = logging.getLogger()


def compose(name, *overrides):
    register_schemas()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        return typed(hydra.compose(name, overrides=list(overrides)))


@pytest.fixture(scope="module")
def run():
    small = ["model.dim=8", "training.epochs=3", "training.batch_size=256", "loss.negatives=16"]
    return compose("train", "data=planted", "space=mf", *small)


@pytest.fixture
def bench(run):
    derive = compose("derive", "run=x", "tuning.trials=0", "fuse=[gf_cf,ease]", "seeds=[3]")
    return Bench(load_data(run).without("test"), run, derive, torch.device("cpu"))


@pytest.fixture
def contender(run):
    return Contender("derived", space_of(load_space("mf")), recipe_of(run), "as it is")


def test_the_best_share_of_all_closed_forms_is_chosen_on_valid(bench, contender, tmp_path):
    outcome = choose_fusion(bench, contender, tmp_path / "journal", LOG)
    model, fitted = bench.train(contender.space, contender.recipe, 3)
    vectors = model(bench.graph(contender.space, LEARNT))
    network, validate = score_of(model, vectors), score_validator(bench.run, bench.data)
    found = {None: validate(network)}
    for name in ("gf_cf", "ease"):
        closed = bench.closed_score(name, {}, LEARNT)
        found |= {(name, share): validate(fused(network, closed, share)) for share in SHARES}
    best = max(found, key=found.get)
    assert best is not None, "three epochs of matrix factorisation are not better than a closed form"
    assert (outcome.settings["name"], outcome.settings["share"]) == best
    assert outcome.valid == found[best] > found[None] == fitted.best_score
    assert outcome.epochs == fitted.best_epoch


def test_a_network_that_needs_none_stays_alone(bench, contender, tmp_path, monkeypatch):
    monkeypatch.setattr(Bench, "fused", lambda self, network, fusion, parts: lambda users: -network(users))
    assert choose_fusion(bench, contender, tmp_path / "journal", LOG).settings == {}


def test_ease_is_not_tried_on_too_many_items(bench, contender, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(fusion, "EASE_ITEMS", bench.data.n_items - 1)
    with caplog.at_level(logging.INFO):
        outcome = choose_fusion(bench, contender, tmp_path / "journal", LOG)
    assert outcome.settings["name"] == "gf_cf"
    assert "ease is not tried" in caplog.text


def test_an_untuned_closed_form_is_fused_by_its_default_settings(run, contender, tmp_path):
    asked = compose("derive", "run=x", "tuning.trials=3", "fuse=[ease]", "untuned=[ease]", "seeds=[3]")
    bench = Bench(load_data(run).without("test"), run, asked, torch.device("cpu"))
    outcome = choose_fusion(bench, contender, tmp_path / "journal", LOG)
    assert outcome.settings["settings"] == {"l2": 250.0}
    assert not (tmp_path / "journal").exists(), "no trial was made"


def test_lists_are_by_both_scores_of_the_refitted_parts(bench, contender):
    settings = {"l2": 5.0}
    trained = bench.retrain(
        Contender(
            "derived",
            contender.space,
            contender.recipe,
            "",
            epochs=2,
            fusion=Fusion("ease", 0.5, settings),
        ),
        seed=3,
    )
    alone = bench.retrain(Contender("derived", contender.space, contender.recipe, "", epochs=2), seed=3)
    assert torch.equal(trained.alone, alone.lists)
    assert alone.alone is None
    assert not torch.equal(trained.lists, trained.alone)
    model = bench.refit(contender.space, contender.recipe, 3, 2)
    known = ("train", "alpha", "valid")
    with torch.no_grad():
        network = score_of(model, model(bench.graph(contender.space, known)))
    both = fused(network, bench.closed_score("ease", settings, known), 0.5)
    assert torch.equal(trained.lists, bench.lists(both))


def test_a_fused_run_tells_its_fusion_and_what_the_network_gives_alone(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    text = (folder / "config.yaml").read_text()
    assert text.count("epochs: 6\n") == 1
    # after one epoch of tiny steps the network is worse than any closed form
    text = text.replace("epochs: 6\n", "epochs: 1\n").replace("lr: 0.005\n", "lr: 0.0001\n")
    (folder / "config.yaml").write_text(text)
    few = [
        "tuning.trials=0",
        "tune=[]",
        "fuse=[ease,gf_cf]",
        "baselines=[pop,lightgcn]",
        "random_genotypes=0",
    ]
    result = command("derive.py", f"run={folder}", *few, "seeds=[0,1]", "epochs_once=true")
    assert result.returncode == 0, result.stderr
    report = json.loads((folder / "metrics.json").read_text())
    chosen, log = report["models"]["derived"]["fusion"], (folder / "derive.log").read_text()
    name = chosen["name"]
    assert f"fusion: {name}, share {chosen['share']}" in log
    assert f"fused with {name}, share {chosen['share']}" in report["models"]["derived"]["note"]
    assert len(report["models"]["network alone"]["metrics"]["ndcg@20"]) == 2
    assert "network alone" not in report["comparisons"]
    assert name in report["comparisons"], "though it was not asked for"
    rows = pq.read_table(folder / "per_user.parquet").to_pylist()
    assert {"derived", "network alone"} <= {row["model"] for row in rows}


def test_a_fusion_with_what_is_no_closed_form_is_refused(finished):
    result = command("derive.py", f"run={finished}", "fuse=[lightgcn]")
    assert result.returncode == 2
    assert "fuse" in result.stderr
    assert "lightgcn" in result.stderr
