"""Dropping the weakest candidates: which, what is then computed, and that a resumed search knows it."""

import math
from dataclasses import replace

import pytest
import torch

from supernet.search.shrink import drop_weakest
from tests.search.test_loop import finished, keep, same, score


def test_the_smallest_alpha_of_each_slot_is_dropped_until_one_is_left(tiny):
    model = tiny.search().model
    slot = next(slot for slot, alpha in model.alphas.items() if len(alpha) == 3)
    with torch.no_grad():
        model.alphas[slot].copy_(torch.tensor([0.5, 0.1, 0.3]))
    assert drop_weakest(model)[slot] == 1
    assert model.alphas[slot].tolist() == [0.5, -math.inf, pytest.approx(0.3)]
    assert model.mixtures()[slot][0].dropped == {1}
    assert drop_weakest(model)[slot] == 2
    assert slot not in drop_weakest(model)
    assert model.mixtures()[slot][0].dropped == {1, 2}


def test_of_equal_candidates_the_last_is_dropped(tiny):
    model = tiny.search().model
    dropped = drop_weakest(model)
    assert all(number == len(model.alphas[slot]) - 1 for slot, number in dropped.items())


def test_a_search_that_shrinks_resumes_exactly(tiny, tmp_path):
    settings = replace(tiny.settings, shrink_at=[2, 3], relaxation="sparsemax", alpha_noise="normal")
    expected = finished(tiny.search(settings))
    first = tiny.search(settings)

    def save():
        if first.epoch == 3:
            keep(first, tmp_path / "state.pt")

    first.run(score, save=save)
    gone = [int(alpha.isneginf().sum()) for alpha in first.alphas]
    assert gone == [min(2, len(alpha) - 1) for alpha in first.alphas]
    second = tiny.search(settings, seed=5)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert all(m.dropped for mixtures in second.model.mixtures().values() for m in mixtures)
    assert same(finished(second)[0], expected[0])
    for slot, p in second.mixture().items():
        assert bool((p[second.model.alphas[slot].isneginf()] == 0).all())
