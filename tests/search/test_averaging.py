"""Weights are judged by their moving average, which trains nothing and survives a kill."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from supernet.search.averaging import WeightAverage
from supernet.search.record import Ranked
from tests.search.test_loop import same, snapshot


def test_the_average_is_that_of_the_formula():
    weight, other = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.tensor([5.0]))
    average, expected = WeightAverage([weight, other], 0.4), torch.zeros(3)
    for step in range(1, 12):
        with torch.no_grad():
            weight.add_(torch.tensor([1.0, -2.0, 0.5 * step]))
        average.add()
        decay = min(0.4, step / (step + 9))
        expected = decay * expected + (1 - decay) * weight.detach()
    assert 11 / 20 > 0.4 > 1 / 10, "both branches were taken"
    torch.testing.assert_close(average.values[0], expected)
    assert average.values[1].item() == 5.0


def test_it_stands_in_for_the_weights_and_gives_them_back():
    weight = nn.Parameter(torch.tensor([1.0, 2.0]))
    average = WeightAverage([weight], 0.9)
    with torch.no_grad():
        weight.fill_(0.1)
    average.add()
    with average.in_place():
        torch.testing.assert_close(weight.detach(), torch.tensor([0.19, 0.29]))
    assert weight.tolist() == [pytest.approx(0.1)] * 2
    assert weight.requires_grad
    average.take()
    torch.testing.assert_close(weight.detach(), average.values[0])
    again = WeightAverage([nn.Parameter(torch.zeros(2))], 0.9)
    again.load_state_dict(average.state_dict())
    assert (again.steps, again.values[0].tolist()) == (1, average.values[0].tolist())


def test_without_a_decay_the_weights_are_their_own_average():
    weight = nn.Parameter(torch.tensor([1.0]))
    average = WeightAverage([weight], 0.0)
    with torch.no_grad():
        weight.fill_(3.0)
    average.add()
    with average.in_place():
        assert weight.item() == 3.0
    average.take()
    assert (weight.item(), average.values) == (3.0, [])


def test_a_search_is_scored_by_the_average_trains_on_without_it_and_ends_with_it(tiny):
    def looks(decay):
        search, seen, trained = tiny.search(replace(tiny.settings, average=decay, snapshot="none")), [], []

        def rank(vectors, _):
            seen.append(snapshot(search.weights))
            return Ranked(0.1, 0.5)

        mixture = search.run(rank, on_epoch=lambda _: trained.append(snapshot(search.weights)))
        return search, mixture, seen, trained

    plain, mixture, seen, trained = looks(0.0)
    assert same(seen[-1], trained[-1])
    assert same(seen[-1], plain.weights)
    averaged, other, seen, also = looks(0.9)
    assert all(torch.equal(mixture[slot], p) for slot, p in other.items())
    assert all(same(a, b) for a, b in zip(trained, also, strict=True)), "the average trains nothing"
    assert same(seen[-1], averaged.average.values)
    assert same(seen[-1], averaged.weights)
    assert not same(seen[-1], also[-1])
