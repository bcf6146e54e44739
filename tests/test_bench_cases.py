"""The cases that the benchmarks of operators and trainings compare: all are there, and agree."""

import importlib.util

import numpy as np
import pytest

from benchmarks import measure
from benchmarks import ops as operators
from benchmarks import train as trainings
from benchmarks.rivals import runnable
from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS

DIM = 8


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


def test_cases_whose_packages_are_missing_are_left_out_aloud(monkeypatch, capsys):
    there = {"torch_geometric"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    assert runnable(trainings.CASES) == ["ours", "ours_bpr", "pyg", "lightgcn_pytorch"]
    assert "pyg_sparse is left out: no torch_sparse here" in capsys.readouterr().err
    there.clear()
    assert runnable(trainings.CASES) == ["ours", "ours_bpr", "lightgcn_pytorch"]
