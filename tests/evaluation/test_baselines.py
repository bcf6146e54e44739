import inspect
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from supernet.data import cooccurrence
from supernet.data.dataset import Pairs, UserItems
from supernet.data.filters import clean
from supernet.data.readers import read_ml_100k, read_table
from supernet.evaluation.baselines import BASELINES, ease, item_knn, pop, user_knn
from supernet.evaluation.closed_forms import linear, table
from supernet.evaluation.ranking import top_items

from .conftest import planted


def dense_item_knn(dense, neighbours, shrinkage, balance=0.0):
    """The formula with dense matrices and a loop over the items."""
    seen = dense.numpy().astype(float)
    together, counts = seen.T @ seen, seen.sum(0)
    similar = together / (np.sqrt(np.outer(counts, counts)) + shrinkage + 1e-300)
    np.fill_diagonal(similar, 0)
    kept = np.zeros_like(similar)
    for item, row in enumerate(similar):
        nearest = np.argsort(-row, kind="stable")[:neighbours]
        kept[item, nearest] = row[nearest] / max(row[nearest].sum(), 1e-12) ** balance
    return torch.from_numpy(seen @ kept.T).float()


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
@pytest.mark.parametrize("neighbours", [1, 4, 100])
@pytest.mark.parametrize("cells", [1, 30, 10**6])
def test_item_knn_equals_the_dense_formula(neighbours, shrinkage, balance, cells, monkeypatch):
    monkeypatch.setattr(cooccurrence, "CELLS", cells)
    dense, train = planted()
    users = torch.tensor([4, 0, 29, 11])
    scores = item_knn(train, 30, 12, neighbours, shrinkage, balance)(users)
    torch.testing.assert_close(scores, dense_item_knn(dense, neighbours, shrinkage, balance)[users])


@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
@pytest.mark.parametrize("neighbours", [1, 4, 100])
def test_user_knn_equals_the_dense_formula(neighbours, shrinkage):
    """It is item_knn with the sides exchanged: scores of all users are those of item_knn, transposed."""
    dense, train = planted()
    scores = user_knn(train, 30, 12, neighbours=neighbours, shrinkage=shrinkage)(torch.arange(30))
    torch.testing.assert_close(scores, dense_item_knn(dense.t(), neighbours, shrinkage).t())


@pytest.mark.parametrize("cells", [1, 30, 10**6])
@pytest.mark.parametrize("l2", [0.5, 250.0])
def test_ease_is_the_regression_without_self_weight(l2, cells, monkeypatch):
    """Each item's column solved on its own by least squares over the other items."""
    monkeypatch.setattr(table, "CELLS", cells)
    dense, train = planted()
    seen = dense.numpy().astype(float)
    weights = np.zeros((12, 12))
    for item in range(12):
        others = [j for j in range(12) if j != item]
        left = seen[:, others].T @ seen[:, others] + l2 * np.eye(11)
        weights[others, item] = np.linalg.solve(left, seen[:, others].T @ seen[:, item])
    users = torch.tensor([4, 0, 29, 11])
    expected = torch.from_numpy(seen @ weights).float()[users]
    torch.testing.assert_close(ease(train, 30, 12, l2=l2)(users), expected, rtol=1e-3, atol=1e-4)


def test_the_mirrored_triangle_is_symmetric_over_several_blocks():
    lower = np.tril(np.random.default_rng(0).standard_normal((2500, 2500)))
    whole = lower.copy()
    linear.mirror(whole)
    assert np.array_equal(whole, lower + np.tril(lower, -1).T)


@pytest.mark.parametrize("block", [1, 7, 10, 100])
def test_the_sweep_is_the_inverse_for_every_size_of_block(block, monkeypatch):
    """Only the lower triangle is read."""
    monkeypatch.setattr(linear, "BLOCK", block)
    root = np.random.default_rng(0).standard_normal((30, 30))
    whole = root @ root.T + np.eye(30)
    swept = torch.from_numpy(np.tril(whole))
    assert linear.negative_inverse(swept)
    np.testing.assert_allclose(np.tril(swept.numpy()), -np.tril(np.linalg.inv(whole)), atol=1e-10)


def test_the_sweep_tells_a_matrix_that_is_not_positive_definite():
    assert not linear.negative_inverse(torch.tensor([[1.0, 0.0], [2.0, 1.0]]))


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (user_knn, {"neighbours": 0}, "neighbours ≥ 1 and shrinkage ≥ 0, found 0"),
        (ease, {"l2": 0.0}, "l2 above 0, found 0.0"),
    ],
    ids=["user_knn", "ease"],
)
def test_impossible_settings_are_refused(build, options, message):
    with pytest.raises(ValueError, match=message):
        build(planted()[1], 30, 12, **options)


def test_item_knn_recommends_the_rest_of_a_block():
    """Two groups of users and of items; user 0 has all of group A but item 2, and gets item 2."""
    dense = torch.zeros(8, 8, dtype=torch.bool)
    dense[:4, :4] = dense[4:, 4:] = True
    dense[0, 2] = False
    users, items = dense.nonzero(as_tuple=True)
    seen = UserItems(torch.cat([torch.zeros(1, dtype=torch.int64), dense.sum(1).cumsum(0)]), items)
    assert top_items(item_knn(Pairs(users, items), 8, 8), torch.tensor([0]), seen, k=1).tolist() == [[2]]


def test_pop_orders_by_training_interactions():
    train = Pairs(torch.tensor([0, 0, 1, 1, 2]), torch.tensor([1, 3, 1, 2, 1]))
    seen = UserItems(torch.zeros(4, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    score = pop(train, 3, 5)
    assert score(torch.tensor([2])).tolist() == [[0, 3, 1, 1, 0]]
    assert top_items(score, torch.arange(3), seen, k=3).tolist() == [[1, 2, 3]] * 3


@pytest.mark.parametrize("name", list(BASELINES))
def test_scores_are_fresh_so_that_masking_one_user_leaves_the_others(name):
    _, train = planted()
    score = BASELINES[name](train, 30, 12)
    first = score(torch.tensor([0, 1]))
    assert first.dtype == torch.float32
    assert first.shape == (2, 12)
    before = first[1].clone()
    first[0] = -torch.inf
    assert torch.equal(first[1], before)
    torch.testing.assert_close(score(torch.tensor([1]))[0], before)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="found 0 and 1"):
        item_knn(planted()[1], 30, 12, neighbours=0, shrinkage=1)


@pytest.mark.parametrize("name", list(BASELINES))
def test_the_tuning_space_holds_the_defaults_and_its_ends_can_be_fitted(name):
    entry = BASELINES[name]
    assert entry.space.keys() == entry.defaults.keys()
    for key, spec in entry.space.items():
        value = entry.defaults[key]
        if "choices" in spec:
            assert value in spec["choices"]
            ends = spec["choices"]
        else:
            assert spec["low"] <= value <= spec["high"]
            ends = [spec["low"], spec["high"]]
        for end in ends:
            assert entry(planted()[1], 30, 12, **{key: end})(torch.arange(30)).isfinite().all()


def test_ease_scores_are_read_from_one_matrix_without_a_copy():
    """A sparse product copies a right side in Fortran's order, 6.7 GB for the items of Gowalla."""
    score = ease(planted()[1], 30, 12)
    weights = inspect.getclosurevars(score).nonlocals["weights"]
    assert weights.flags.c_contiguous


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ml-100k", "ml-1m"])
def test_ease_equals_the_dense_solution_on_real_data(name):
    data = read(name)
    users, items = torch.from_numpy(data.users).long(), torch.from_numpy(data.items).long()
    seen = np.zeros((data.n_users, data.n_items))
    seen[users, items] = 1.0
    inverse = np.linalg.inv(seen.T @ seen + 250.0 * np.eye(data.n_items))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    expected = torch.from_numpy(seen @ weights).float()
    actual = ease(Pairs(users, items), data.n_users, data.n_items)(torch.arange(data.n_users))
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-3)


def read(name):
    if name == "ml-100k":
        return clean(read_ml_100k())
    if "SUPERNET_DATA" not in os.environ:
        pytest.skip("SUPERNET_DATA, the folder of the published data sets, is not set")
    return clean(read_table(path=str(Path(os.environ["SUPERNET_DATA"]) / name / "interactions.tsv")))
