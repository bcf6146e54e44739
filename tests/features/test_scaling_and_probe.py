"""Scaled vectors have the spread they promise; the probe finds preference where it was planted, and none
elsewhere."""

import numpy as np
import pytest
import torch

from supernet.data.dataset import Pairs
from supernet.features.text.probe import linear_probe
from supernet.features.text.scaling import SCALINGS


def vectors(n=200, d=6):
    generator = np.random.default_rng(0)
    mixed = generator.standard_normal((n, d)) @ generator.standard_normal((d, d)) * [1, 5, 1, 0.1, 2, 1] + 3
    known = generator.random(n) < 0.8
    return np.where(known[:, None], mixed, 0).astype(np.float32), known


@pytest.mark.parametrize("name", list(SCALINGS))
def test_unknown_rows_stay_zero(name):
    v, known = vectors()
    out = SCALINGS[name](v, known, known)
    assert out.dtype == np.float32
    assert not out[~known].any()
    assert np.isfinite(out).all()
    assert SCALINGS[name](v, np.zeros_like(known), np.zeros_like(known)).shape[0] == len(v)


def test_standardised_columns_have_mean_0_and_variance_1():
    v, known = vectors()
    v[:, 2] = np.where(known, 7.0, 0.0)
    out = SCALINGS["standardise"](v, known, known)[known]
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=0), [1, 1, 0, 1, 1, 1], atol=1e-4)


def test_whitened_columns_are_uncorrelated_and_noise_is_left_out():
    v, known = vectors()
    v = np.concatenate([v, v[:, :1] * 2], axis=1)  # a direction without spread
    out = SCALINGS["whiten"](v, known, known)[known]
    assert out.shape[1] == 6
    np.testing.assert_allclose(np.cov(out.T, bias=True), np.eye(6), atol=1e-3)


def planted(n_users=120, n_items=80):
    """Users like the items of their taste; tastes are random directions of four dimensions."""
    generator = np.random.default_rng(0)
    taste, kind = generator.standard_normal((n_users, 4)), generator.standard_normal((n_items, 4))
    liked = np.argsort(-taste @ kind.T, axis=1)[:, :15]
    users = torch.arange(n_users).repeat_interleave(15)
    return Pairs(users, torch.from_numpy(liked.ravel().copy())), kind.astype(np.float32), n_users


def test_text_that_tells_the_kind_of_an_item_carries_preference():
    train, kind, n_users = planted()
    turn = np.random.default_rng(1).standard_normal((4, 20)).astype(np.float32)
    found = linear_probe(train, n_users, kind @ turn, np.ones(len(kind), bool))
    assert found.auc > 0.75
    assert found.explained > 0.2
    assert "carries preference" in found.sentence


def test_noise_carries_none():
    train, kind, n_users = planted()
    noise = np.random.default_rng(2).standard_normal((len(kind), 20)).astype(np.float32)
    aucs = [linear_probe(train, n_users, noise, np.ones(len(kind), bool), seed).auc for seed in range(5)]
    assert np.mean(aucs) < 0.53


def test_too_few_items_with_text_say_nothing():
    train, kind, n_users = planted()
    known = np.zeros(len(kind), bool)
    known[:4] = True
    found = linear_probe(train, n_users, kind, known)
    assert (found.auc, found.items) == (0.5, 4)
    assert "carries no preference" in found.sentence
