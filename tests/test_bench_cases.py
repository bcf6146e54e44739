"""The cases that the benchmarks of operators and trainings compare: all are there, and agree."""

import gc
import importlib.util
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import measure, steps
from benchmarks import ops as operators
from benchmarks import train as trainings
from benchmarks.rivals import runnable
from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from supernet.data.graph import build_graph

DIM = 8
ROOT = Path(__file__).resolve().parents[1]
LOADED = """
from types import SimpleNamespace
import torch
from benchmarks import supernet
from supernet.data.dataset import Pairs
from supernet.runtime import keep_memory

MIB = 2**20

def load(chosen):
    kept, freed = torch.ones(40 * MIB, dtype=torch.int8), torch.ones(200 * MIB, dtype=torch.int8)
    return SimpleNamespace(nodes={"user": 1}, kept=kept), Pairs(torch.zeros(1), torch.zeros(1))

keep_memory()
supernet.load = load
supernet.steppers = lambda *_: {"dense": lambda: torch.ones(150 * MIB, dtype=torch.int8)}
supernet.one_case(SimpleNamespace(case="dense", layers=1, dim=8))
"""


@pytest.fixture(scope="module", autouse=True)
def pyg():
    """PyG, where it is installed, is imported before the tests: it warns of packages that it imports."""
    if importlib.util.find_spec("torch_geometric") is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("torch_geometric.nn")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """40 users with 5 to 9 of 30 items for train and one for test."""
    random, where = np.random.default_rng(0), tmp_path_factory.mktemp("graph")
    lines = {"train": [], "test": []}
    for user in range(40):
        *items, held_out = random.permutation(30)[: random.integers(6, 11)]
        lines["train"].append(" ".join(map(str, [user, *items])))
        lines["test"].append(f"{user} {held_out}")
    for part, rows in lines.items():
        (where / f"{part}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return measure.Interactions(where)


@pytest.fixture(scope="module")
def sides(data):
    return {"torch": operators.Sides(data, DIM, "torch")}


def test_every_aggregator_and_convolution_has_a_case_that_holds(sides):
    aggregators, convolutions = operators.aggregators(sides, DIM), operators.convolutions(sides, DIM)
    assert set(aggregators) >= set(AGGREGATORS)
    assert set(convolutions) >= set(CONVOLUTIONS)
    for cases in (aggregators, convolutions, operators.mixtures(sides["torch"], DIM)):
        operators.check(cases)
    own = sides["torch"]
    light, residual = (convolutions[name]["torch"]() for name in ("light", "residual"))
    share = CONVOLUTIONS["residual"](DIM).share
    assert (residual - (1 - share) * light - share * own.x).abs().max() < 1e-6


def test_gat_is_attention_and_its_linear_map(sides):
    attention, gat = operators.aggregators(sides, DIM)["attention"], operators.convolutions(sides, DIM)["gat"]
    assert set(attention) == {"torch"}, "PyG's GATConv has the linear map, and stands beside gat"
    weight = operators.initialised(CONVOLUTIONS["gcn"](DIM)).weight
    torch.testing.assert_close(gat["torch"](), attention["torch"]() @ weight)


def test_pygs_layers_stand_beside_ours_with_the_weights_of_edges_given_and_not(sides):
    if importlib.util.find_spec("torch_geometric") is None:
        pytest.skip("needs torch-geometric (the bench extra)")
    cases = operators.aggregators(sides, DIM) | operators.convolutions(sides, DIM)
    found = {name: {form for form in forms if form.startswith("pyg")} for name, forms in cases.items()}
    both, one = {"pyg", "pyg_normalised"}, {"pyg"}
    expected = {"sym": both, "light": both, "gcn": both, "gat": one, "sage": one, "gin": one}
    expected |= dict.fromkeys(("sum", "mean", "max"), one)
    assert {name: forms for name, forms in found.items() if forms} == expected


@pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning")
def test_one_propagation_stands_behind_every_training_that_is_timed(data):
    trainings.check(data, DIM)


def test_the_data_of_benchmarks_are_those_of_the_paper_protocol(tmp_path):
    lines = {"train": ["0 0 1 1", "1 1 2"], "valid": ["0 2", "2 0"], "alpha": ["1 0"], "test": ["0 3", "2 1"]}
    for part, rows in lines.items():
        (tmp_path / f"{part}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    data = measure.Interactions(tmp_path)
    known = {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)}
    assert sorted(zip(*(x.tolist() for x in data.train), strict=True)) == sorted(known), "none twice"
    assert list(zip(*(x.tolist() for x in data.test), strict=True)) == [(2, 1)], "nobody knows item 3"
    assert (data.n_users, data.n_items) == (3, 3)
    half = measure.Interactions(tmp_path, share=0.5).train
    assert half.users.numel() == 3
    assert set(zip(*(x.tolist() for x in half), strict=True)) <= known


def test_only_the_models_that_a_case_asks_for_are_built(data, monkeypatch):
    built, init = [], steps.Stepper.__init__
    monkeypatch.setattr(
        steps.Stepper, "__init__", lambda self, space, *rest: built.append(space) or init(self, space, *rest)
    )
    graph = build_graph(data.train, data.n_users, data.n_items)
    found = steps.steppers(1, DIM, graph, data.train, ["lightgcn"])
    assert (list(found), built) == (["lightgcn"], ["lightgcn"])
    found = steps.steppers(1, DIM, graph, data.train, ["lightgcn", "dense", "alpha", "sampled", "naive"])
    assert built[1:] == ["lightgcn", "full"]
    for step in found.values():
        step()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_pages_that_loading_freed_are_in_the_peak_of_the_step_that_uses_them():
    """Loading holds 40 MiB for good and 200 MiB for a while; the step then takes 150 MiB."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True, cwd=ROOT
    )
    found = json.loads(done.stdout)
    assert 200 * measure.MIB <= found["loading"] < 240 * measure.MIB
    assert found["peak"] >= found["loading"], "the 40 MiB that stay are not in it, those that were freed are"


def test_live_tensors_count_shared_memory_once():
    gc.collect()  # else what other tests left goes meanwhile
    before = measure.live_tensors()
    one, sparse = torch.zeros(1000), torch.eye(2).to_sparse()
    parts = one.split(500)
    assert measure.live_tensors() - before == one.nbytes == sum(part.nbytes for part in parts)
    assert sparse.layout == torch.sparse_coo, "passed over"


def test_cases_whose_packages_are_missing_are_left_out_aloud(monkeypatch, capsys):
    there = {"torch_geometric"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    assert runnable(trainings.CASES) == ["ours", "ours_bpr", "pyg", "lightgcn_pytorch"]
    assert "pyg_sparse is left out: no torch_sparse here" in capsys.readouterr().err
    there.clear()
    assert runnable(trainings.CASES) == ["ours", "ours_bpr", "lightgcn_pytorch"]
