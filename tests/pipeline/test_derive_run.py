"""derive.py as a process: result files, honesty of the table, tuning that survives a kill."""

import json
import shutil

import optuna
import pyarrow.parquet as pq
import pytest

from supernet.config import load_train_config
from supernet.pipeline.recipes import read_recipes
from supernet.pipeline.stages import load_data

from .conftest import command

SMALL = ["tuning.trials=3", "runtime.threads=1", "random_genotypes=2", "seeds=[0,1]", "top=20", "fuse=[]",
         "baselines=[pop,item_knn,mf,lightgcn,ngcf]"]  # fmt: skip


@pytest.fixture(scope="module")
def derived(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("derived") / "run"
    shutil.copytree(finished, folder)
    result = command("derive.py", f"run={folder}", *SMALL)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_metrics_have_every_model_metric_and_seed(derived):
    report = json.loads((derived[0] / "metrics.json").read_text())
    assert list(report["models"]) == [
        "derived",
        "pop",
        "item_knn",
        "mf",
        "lightgcn",
        "ngcf",
        "random (mean of 2)",
    ]
    for name, model in report["models"].items():
        for metric in ("recall", "precision", "ndcg", "hit_rate", "mrr", "map", "coverage"):
            for k in (10, 20):
                values = model["metrics"][f"{metric}@{k}"]
                assert len(values) == (1 if name in ("pop", "item_knn", "random (mean of 2)") else 2)
                assert all(0 <= value <= 1 for value in values)
    assert report["models"]["ngcf"]["recipe"] == report["models"]["lightgcn"]["recipe"]
    assert "lightgcn's recipe" in report["models"]["ngcf"]["note"]
    assert report["models"]["item_knn"]["recipe"].keys() == {"neighbours", "shrinkage", "balance"}
    assert report["models"]["item_knn"]["note"] == "tuned: 3 trials"
    assert report["models"]["pop"]["note"] == ""
    assert (
        report["models"]["derived"]["note"] == report["models"]["lightgcn"]["note"] == "tuned: 3 tpe trials"
    )


def test_the_verdict_follows_the_numbers(derived):
    report = json.loads((derived[0] / "metrics.json").read_text())
    mean = {
        n: sum(m["metrics"]["ndcg@20"]) / len(m["metrics"]["ndcg@20"]) for n, m in report["models"].items()
    }
    wins = all(mean["derived"] >= value for value in mean.values())
    assert report["derived_wins"] == wins
    assert ("does NOT win" in report["verdict"]) == (not wins)
    table = (derived[0] / "results.md").read_text()
    assert report["verdict"].split(":")[0] in table
    assert len(report["warnings"]) == len(report["beaten_by"])
    for warning, defeat in zip(report["warnings"], report["beaten_by"], strict=True):
        assert warning.startswith(f"{defeat['model']} beats the derived model")
        assert f"WARNING: {warning}" in table
        assert f"WARNING: {warning}" in derived[1].stderr


def test_per_user_values_average_to_the_table(derived):
    report = json.loads((derived[0] / "metrics.json").read_text())
    table = pq.read_table(derived[0] / "per_user.parquet").to_pylist()
    for name in ("derived", "pop", "lightgcn"):
        values = [row["ndcg@20"] for row in table if row["model"] == name and row["seed"] == 0]
        assert sum(values) / len(values) == pytest.approx(report["models"][name]["metrics"]["ndcg@20"][0])


def test_recommendations_are_titles_and_nothing_known(derived):
    rows = pq.read_table(derived[0] / "recommendations.parquet").to_pylist()
    data = load_data(load_train_config(derived[0]))
    known = data.pairs(["train", "alpha", "valid"])
    seen = {(data.user_ids[u], data.item_ids[i]) for u, i in zip(*map(list, known), strict=True)}
    assert {row["user"] for row in rows} == set(data.user_ids)
    for row in rows:
        assert row["title"] == f"The Item No. {row['item'].removeprefix('i-')}"
        assert (row["user"], row["item"]) not in seen
        assert 1 <= row["rank"] <= 20


def test_the_table_and_the_folder_are_printed(derived):
    folder, result = derived
    assert result.stdout.splitlines()[-1] == f"run folder: {folder}"
    assert "The Item No." in result.stdout
    for name in ("derived", "lightgcn", "random (mean of 2)"):
        assert name in result.stdout


def test_a_tuning_that_was_killed_goes_on(derived, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    few = [*SMALL, "baselines=[lightgcn]", "random_genotypes=0", "seeds=[0]"]
    assert command("derive.py", f"run={folder}", *few, "tuning.trials=2").returncode == 0
    _start_trial_and_die(folder / "tuning.journal")
    (folder / "metrics.json").unlink()  # as if it had died before the test part was opened
    result = command("derive.py", f"run={folder}", *few, "tuning.trials=3")
    assert result.returncode == 0, result.stderr
    for study in _studies(folder / "tuning.journal"):
        tried = [
            tuple(trial.params.values())
            for trial in study.trials
            if trial.state.is_finished() and trial.state.name != "FAIL"
        ]
        assert len(set(tried)) == 3
        states = [trial.state.name for trial in study.trials]
        assert states.count("COMPLETE") + states.count("PRUNED") == 3
        assert "RUNNING" not in states


def test_the_test_part_is_not_opened_twice(derived):
    folder = derived[0]
    before = (folder / "metrics.json").read_text()
    result = command("derive.py", f"run={folder}", *SMALL)
    assert result.returncode == 2
    assert "derived already" in result.stderr
    assert (folder / "metrics.json").read_text() == before


def test_the_test_part_stays_closed_until_it_is_asked_for(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    few = [*SMALL, "baselines=[item_knn,lightgcn,ngcf]", "random_genotypes=0", "seeds=[0]", "tuning.trials=2"]
    result = command("derive.py", f"run={folder}", *few, "open_test=false")
    assert result.returncode == 0, result.stderr
    for name in ("metrics.json", "results.md", "per_user.parquet", "recommendations.parquet"):
        assert not (folder / name).exists()
    assert "NDCG" not in result.stdout
    run, closed = load_train_config(folder), folder / "recipes.json"
    genotype = json.loads((folder / "genotype.json").read_text())["hash"]
    taken = read_recipes(closed, run, genotype)
    assert command("derive.py", f"run={folder}", *few).returncode == 0
    opened = read_recipes(folder / "metrics.json", run, genotype)
    for name in ("derived", "lightgcn", "ngcf"):
        assert taken.of(name) == opened.of(name)
    assert taken.settings("item_knn") == opened.settings("item_knn")


@pytest.mark.slow
def test_trials_of_other_conditions_do_not_count(derived, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(derived[0], folder)
    (folder / "metrics.json").unlink()
    few = [*SMALL, "baselines=[pop]", "random_genotypes=0", "seeds=[0]", "tuning.trials=2"]
    result = command(
        "derive.py", f"run={folder}", *few, "tuning.space.lr.low=0.03", "tuning.space.lr.high=0.04"
    )
    assert result.returncode == 0, result.stderr
    recipe = json.loads((folder / "metrics.json").read_text())["models"]["derived"]["recipe"]
    assert 0.03 <= recipe["lr"] <= 0.04


def _studies(journal):
    backend = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    names = optuna.get_all_study_names(backend)
    return [optuna.load_study(study_name=name, storage=backend) for name in names]


def _start_trial_and_die(journal):
    for study in _studies(journal):
        study.ask()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], ["run is missing"]),
        (["run=nowhere"], ["nowhere", "not a run folder"]),
        (["run={finished}", "baselines=[lightgnn]"], ["lightgnn", "lightgcn"]),
        (["run={finished}", "baselines=[full]"], ["full", "open slots"]),
        (["run={finished}", "tuning.space.depth={choices:[1]}"], ["depth", "dropout"]),
        (["run={finished}", "seeds=[1,1]"], ["seeds"]),
        (["run={finished}", "tuning.space.lr.low=1"], ["tuning.space.lr", "low"]),
        (["run={finished}", "baselines=[pop,pop]"], ["baselines", "twice"]),
        (
            ["run={finished}", "protocol=paper", "epochs=2", "tuning.trials=0", "open_test=false"],
            ["open_test"],
        ),
    ],
    ids=[
        "no run",
        "no folder",
        "unknown baseline",
        "open baseline",
        "unknown field",
        "equal seeds",
        "range",
        "twice",
        "closed paper",
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(overrides, words, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    result = command("derive.py", *(o.replace("{finished}", str(folder)) for o in overrides), cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert not (folder / "metrics.json").exists()


def test_an_edited_genotype_is_refused(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    path = folder / "genotype.json"
    raw = json.loads(path.read_text())
    raw["choices"]["readout"] = "sum" if raw["choices"]["readout"] != "sum" else "mean"
    path.write_text(json.dumps(raw))
    result = command("derive.py", f"run={folder}")
    assert result.returncode == 2
    assert "hash" in result.stderr
