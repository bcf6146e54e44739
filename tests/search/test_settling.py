"""The supernet's weights go on under the chosen design alone, and the best are kept."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from supernet.search.selection import decided
from supernet.search.settling import LOOKS, Settled, settle
from tests.search.test_loop import same, score, snapshot

DESIGN = {
    "aggregate": "max",
    "convolve": "gcn",
    "activation": "relu",
    "readout": "concat",
}


def design_of(space):
    """Of every slot the candidate named by its kind."""
    return {
        slot: next(name for kind, name in DESIGN.items() if slot.endswith(kind)) for slot in space.choices()
    }


def judge(target, *scores):
    """Trials whose design has these scores, one a look."""
    looks = iter(scores)
    return SimpleNamespace(mixed=lambda mixture: target, inherited=lambda space, design: next(looks))


def searched(tiny, **changes):
    search = tiny.search(replace(tiny.settings, **changes))
    return search, search.run(score)


def test_it_goes_on_until_the_design_ranks_as_the_mixture_did(tiny):
    search, mixture = searched(tiny)
    steps = []
    found = settle(
        search, design_of(tiny.space), mixture, judge(0.3, 0.1, 0.2, 0.31), 9, lambda: steps.append(1)
    )
    assert (found.mixture, found.scores, found.kept) == (0.3, [0.1, 0.2, 0.31], 2)
    assert (found.looks, found.epochs) == (LOOKS, 2 / LOOKS)
    assert len(steps) == 2 * len(search.train) // LOOKS
    assert found.inherited_gap == pytest.approx(0.1 / 0.3 - 1)
    assert found.gap == pytest.approx(0.31 / 0.3 - 1)


def test_it_ends_after_its_epochs_with_the_best_weights(tiny):
    design = design_of(tiny.space)
    search, mixture = searched(tiny)
    scores = [0.1, *[0.2] * (LOOKS - 1), 0.3, *[0.2] * LOOKS]
    steps = []
    found = settle(search, design, mixture, judge(0.9, *scores), 2, lambda: steps.append(1))
    assert (found.scores, found.kept, found.epochs) == (scores, LOOKS, 1.0)
    assert len(steps) == 2 * len(search.train)
    other, _ = searched(tiny)
    settle(other, design, mixture, judge(0.9, *scores[: LOOKS + 1]), 1)
    assert same(search.model.parameters(), other.model.parameters())


def test_a_design_that_ranks_as_well_as_the_mixture_stays_as_it_is(tiny):
    search, mixture = searched(tiny)
    before = snapshot(search.model.parameters())
    found = settle(search, design_of(tiny.space), mixture, judge(0.2, 0.2), 5)
    assert (found.scores, found.kept, found.gap) == ([0.2], 0, 0.0)
    assert same(search.model.parameters(), before)


def test_it_trains_the_design_alone_and_no_alphas(tiny):
    """The same steps by hand, of a mixture whose other candidates have no weight."""
    search, mixture = searched(tiny)
    alphas = snapshot(search.alphas)
    by_hand, _ = searched(tiny)
    design = design_of(tiny.space)
    settle(search, design, mixture, judge(0.9, *(0.1 * k for k in range(LOOKS + 1))), 1)
    one_hot = {slot: p.to(by_hand.model.alphas[slot]) for slot, p in decided(tiny.space, design).items()}
    for _ in range(len(by_hand.train)):
        by_hand.weight_step(dict(one_hot))
    assert same(search.alphas, alphas)
    own, expected = (one.model(one.graph, dict(one_hot)) for one in (search, by_hand))
    torch.testing.assert_close(own.user, expected.user, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(own.item, expected.item, rtol=1e-4, atol=1e-5)
    fresh, _ = searched(tiny)
    moved = [not torch.equal(a, b) for a, b in zip(search.weights, fresh.weights, strict=True)]
    assert any(moved)
    assert not all(moved), "candidates that the design does not take are left alone"


def test_a_loss_that_diverges_ends_it_with_the_best_weights(tiny, monkeypatch):
    search, mixture = searched(tiny)
    before, steps = snapshot(search.model.parameters()), []

    def step(slots):
        with torch.no_grad():
            search.weights[0].fill_(float("nan"))
        steps.append(1)
        raise FloatingPointError

    monkeypatch.setattr(search, "weight_step", step)
    found = settle(search, design_of(tiny.space), mixture, judge(0.9, 0.1), 3)
    assert (len(steps), found.scores, found.kept) == (1, [0.1], 0)
    assert same(search.model.parameters(), before)


def test_a_pass_of_few_batches_is_looked_at_after_each(tiny):
    search, mixture = searched(tiny)
    search.train.batch_size = -(-search.train.pairs.users.numel() // 3)
    assert len(search.train) == 3
    steps = []
    looked = judge(0.9, 0.1, 0.2, 0.3, 0.4)
    found = settle(search, design_of(tiny.space), mixture, looked, 1, lambda: steps.append(len(steps)))
    assert (found.looks, found.epochs, len(steps)) == (3, 1.0, 3)


def test_a_mixture_without_a_hit_has_no_gap():
    assert str(Settled(0.0, [0.0], 1.0).gap) == "nan"


@pytest.mark.parametrize("norm", ["scale", "output"])
def test_the_real_scores_are_of_the_weights_that_are_kept(tiny, norm):
    """Not of stubs: the design's score after settling is what the record says."""
    search, mixture = searched(tiny, norm=norm)
    model, design = search.model, design_of(tiny.space)
    pairs = tiny.data.parts["valid"]

    @torch.no_grad()
    def mixed(weights):
        vectors = model(search.graph, weights)
        return float((vectors.user[pairs.users] * vectors.item[pairs.items]).sum(1).sigmoid().mean())

    trials = SimpleNamespace(mixed=mixed, inherited=lambda space, d: mixed(decided(space, d)))
    found = settle(search, design, mixture, trials, 3)
    assert mixed(decided(tiny.space, design)) == pytest.approx(found.scores[found.kept])
