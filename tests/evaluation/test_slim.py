"""SLIM against one regression an item: non-negative least squares, and scikit-learn where it is installed."""

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from supernet.data.cooccurrence import similarities
from supernet.evaluation.baselines import BASELINES, slim
from supernet.evaluation.closed_forms import slim as parts
from supernet.evaluation.closed_forms import table
from supernet.evaluation.closed_forms.table import matrix

from .conftest import planted


def regressions(seen, l1, l2, allowed):
    """Item by item as non-negative least squares: with G + l2 = LLᵀ, min ‖Lᵀw − L⁻¹(g − l1)‖ over w ≥ 0.

    `allowed` lists the features of an item.
    """
    weights = np.zeros((seen.shape[1], seen.shape[1]))
    for item in range(seen.shape[1]):
        features = seen[:, allowed(item)]
        lower = np.linalg.cholesky(features.T @ features + l2 * np.eye(features.shape[1]))
        right = np.linalg.solve(lower, features.T @ seen[:, item] - l1)
        weights[allowed(item), item] = nnls(lower.T, right)[0] if len(right) else 0.0
    return weights


def regressions_of_sklearn(seen, l1, l2):
    ElasticNet = pytest.importorskip(
        "sklearn.linear_model", reason="scikit-learn is not installed"
    ).ElasticNet
    n_users, n_items = seen.shape
    weights = np.zeros((n_items, n_items))
    alpha = (l1 + l2) / n_users
    for item in range(n_items):
        others = [i for i in range(n_items) if i != item]
        model = ElasticNet(
            alpha, l1_ratio=l1 / (l1 + l2), positive=True, fit_intercept=False, tol=1e-10, max_iter=100_000
        )
        weights[others, item] = model.fit(seen[:, others], seen[:, item]).coef_
    return weights


@pytest.mark.parametrize("candidates", [1, 4, 100])
@pytest.mark.parametrize(("l1", "l2"), [(0.5, 2.0), (0.1, 1.0), (2.0, 20.0)])
def test_exact_slim_equals_scikit_learn(l1, l2, candidates):
    """Whatever the number of candidates it starts from."""
    dense, train = planted(n_users=60, n_items=20)
    seen = dense.numpy().astype(float)
    expected = torch.from_numpy(seen @ regressions_of_sklearn(seen, l1, l2)).float()
    scores = slim(train, 60, 20, l1=l1, l2=l2, candidates=candidates)(torch.arange(60))
    torch.testing.assert_close(scores, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("cells", [1, 100, 10**6])
def test_exact_slim_equals_one_regression_an_item(cells, monkeypatch):
    monkeypatch.setattr(table, "CELLS", cells)
    dense, train = planted()
    seen = dense.numpy().astype(float)
    weights = regressions(seen, 0.5, 2.0, lambda item: [i for i in range(12) if i != item])
    found = parts.exact_weights(matrix(train, 30, 12), 0.5, 2.0, candidates=2).toarray()
    np.testing.assert_allclose(found, weights, atol=1e-3)
    assert (found.diagonal() == 0).all()
    assert (found >= 0).all()
    assert (found > 0).sum(axis=0).max() > 2  # more than the candidates it began with


@pytest.mark.parametrize("cells", [1, 40, 10**6])
@pytest.mark.parametrize("candidates", [1, 4, 100])
def test_selected_slim_equals_one_regression_over_the_nearest(candidates, cells, monkeypatch):
    monkeypatch.setattr(table, "CELLS", cells)
    monkeypatch.setattr(parts, "EXACT", 5)
    dense, train = planted()
    seen = dense.numpy().astype(float)
    near = similarities(matrix(train, 30, 12), candidates, 0.0)
    weights = regressions(
        seen, 0.5, 2.0, lambda item: near.indices[near.indptr[item] : near.indptr[item + 1]]
    )
    users = torch.tensor([4, 0, 29, 11])
    scores = slim(train, 30, 12, l1=0.5, l2=2.0, candidates=candidates)(users)
    torch.testing.assert_close(scores, torch.from_numpy(seen @ weights).float()[users], rtol=1e-3, atol=1e-3)


def test_the_result_says_which_slim_it_is():
    assert BASELINES["slim"].note(parts.EXACT) == "exact SLIM"
    assert BASELINES["slim"].note(parts.EXACT + 1).startswith("fsSLIM")


@pytest.mark.parametrize("options", [{"l1": -1.0}, {"l2": 0.0}, {"candidates": 0}])
def test_impossible_settings_are_refused(options):
    with pytest.raises(ValueError, match="needs l1 ≥ 0, l2 above 0 and candidates ≥ 1"):
        slim(planted()[1], 30, 12, **options)
