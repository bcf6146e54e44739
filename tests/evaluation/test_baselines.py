import numpy as np
import pytest
import torch

from supernet.data import cooccurrence
from supernet.data.dataset import Pairs, UserItems
from supernet.evaluation import baselines
from supernet.evaluation.baselines import BASELINES, ease, gf_cf, item_knn, pop, user_knn
from supernet.evaluation.ranking import top_items


def planted(n_users=30, n_items=12, share=0.3, seed=0):
    dense = torch.rand(n_users, n_items, generator=torch.Generator().manual_seed(seed)) < share
    dense[4] = False
    dense[:, 7] = False
    users, items = dense.nonzero(as_tuple=True)
    return dense, Pairs(users, items)


def dense_item_knn(dense, neighbours, shrinkage):
    """The formula with dense matrices and a loop over the items."""
    seen = dense.numpy().astype(float)
    together, counts = seen.T @ seen, seen.sum(0)
    similar = together / (np.sqrt(np.outer(counts, counts)) + shrinkage + 1e-300)
    np.fill_diagonal(similar, 0)
    kept = np.zeros_like(similar)
    for item, row in enumerate(similar):
        nearest = np.argsort(-row, kind="stable")[:neighbours]
        kept[item, nearest] = row[nearest]
    return torch.from_numpy(seen @ kept.T).float()


@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
@pytest.mark.parametrize("neighbours", [1, 4, 100])
@pytest.mark.parametrize("cells", [1, 30, 10**6])
def test_item_knn_equals_the_dense_formula(neighbours, shrinkage, cells, monkeypatch):
    monkeypatch.setattr(cooccurrence, "CELLS", cells)
    dense, train = planted()
    users = torch.tensor([4, 0, 29, 11])
    scores = item_knn(train, 30, 12, neighbours=neighbours, shrinkage=shrinkage)(users)
    torch.testing.assert_close(scores, dense_item_knn(dense, neighbours, shrinkage)[users])


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
    monkeypatch.setattr(baselines, "_CELLS", cells)
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
    baselines._mirror(whole)
    assert np.array_equal(whole, lower + np.tril(lower, -1).T)


@pytest.mark.parametrize("rank", [1, 3, 11])
def test_gf_cf_equals_the_dense_formula(rank):
    dense, train = planted()
    seen = dense.numpy().astype(float)
    owners, degree = np.maximum(seen.sum(1), 1), np.maximum(seen.sum(0), 1)
    scaled = seen / np.sqrt(np.outer(owners, degree))
    vectors = np.linalg.svd(scaled)[2][:rank].T
    low = np.diag(degree**-0.5) @ vectors @ vectors.T @ np.diag(degree**0.5)
    expected = torch.from_numpy(seen @ (scaled.T @ scaled + 0.3 * low)).float()
    users = torch.tensor([4, 0, 29, 11])
    actual = gf_cf(train, 30, 12, rank=rank)(users)
    torch.testing.assert_close(actual, expected[users], rtol=1e-4, atol=1e-5)


def test_gf_cf_of_one_user_keeps_to_what_there_is():
    train = Pairs(torch.tensor([0, 0]), torch.tensor([0, 2]))
    scores = gf_cf(train, 1, 3)(torch.tensor([0]))
    torch.testing.assert_close(scores, torch.tensor([[1.3, 0.0, 1.3]]))


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (user_knn, {"neighbours": 0}, "neighbours ≥ 1 and shrinkage ≥ 0, found 0"),
        (ease, {"l2": 0.0}, "l2 above 0, found 0.0"),
        (gf_cf, {"rank": 0}, "rank ≥ 1, found 0"),
    ],
    ids=["user_knn", "ease", "gf_cf"],
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
