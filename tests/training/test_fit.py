"""Training one model: the same as a loop written by hand, stopped at the best, blind to the other parts."""

from dataclasses import replace

import pytest
import torch

from supernet.data.dataset import Pairs
from supernet.data.sampling import Batch
from supernet.training.fit import fit
from supernet.training.losses import batch_loss
from supernet.training.recipe import Recipe

RECIPE = Recipe(epochs=2, batch_size=20, lr=0.05)


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def run(tiny, recipe=RECIPE, model=None, **options):
    model = tiny.model() if model is None else model
    return model, fit(model, tiny.graph, tiny.train, tiny.seen, recipe, gen(), **options)


def adam_by_hand(weights, lr, steps):
    """Adam (arXiv 1412.6980, algorithm 1): `steps` gives, step for step, the gradients of `weights`."""
    m, v = ([torch.zeros_like(w) for w in weights] for _ in range(2))
    for t, gradients in enumerate(steps, start=1):
        for k, g in enumerate(gradients):
            m[k], v[k] = 0.9 * m[k] + 0.1 * g, 0.999 * v[k] + 0.001 * g * g
            weights[k].data -= lr * (m[k] / (1 - 0.9**t)) / ((v[k] / (1 - 0.999**t)).sqrt() + 1e-8)


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_two_epochs_equal_a_hand_written_loop(tiny, l2):
    model, _ = run(tiny, replace(RECIPE, l2=l2))
    hand, generator = tiny.model(), gen()
    weights = hand.weights()

    def gradients():
        for _ in range(2):
            order = torch.randperm(len(tiny.train.users), generator=generator)
            for chosen in order.split(20):
                pairs = tiny.train.users[chosen], tiny.train.items[chosen]
                batch = Batch(*pairs, torch.zeros(0, dtype=torch.long))
                loss = batch_loss(hand, hand(tiny.graph), batch, RECIPE)
                rows = [w[k] for w, k in zip(weights, pairs, strict=True)]  # the features of users and items
                loss = loss + l2 * sum((row**2).sum(1).mean() for row in rows)
                yield torch.autograd.grad(loss, weights)

    adam_by_hand(weights, RECIPE.lr, gradients())
    for a, b, start in zip(model.weights(), weights, tiny.model().weights(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(a, start, atol=1e-2)


def test_the_loss_recorded_is_the_mean_over_batches(tiny):
    recipe = replace(RECIPE, lr=0.0, epochs=1, batch_size=1000)
    model, result = run(tiny, recipe)
    batch = Batch(*tiny.train, torch.zeros(0, dtype=torch.long))
    assert result.history[0].loss == pytest.approx(batch_loss(model, model(tiny.graph), batch, recipe).item())


def test_the_loss_falls(tiny):
    for loss in ("softmax", "bpr", "bce"):
        _, result = run(tiny, replace(RECIPE, loss=loss, epochs=20))
        assert result.history[-1].loss < 0.9 * result.history[0].loss, loss


def test_the_same_seed_gives_the_same_weights(tiny):
    for recipe in (RECIPE, replace(RECIPE, loss="bpr", dropout=0.3)):
        one, two = (run(tiny, recipe)[0] for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_dropout_is_applied_in_training_alone(tiny):
    plain, dropped = (run(tiny, replace(RECIPE, dropout=p))[0] for p in (0.0, 0.5))
    assert not torch.allclose(plain.weights()[0], dropped.weights()[0], atol=1e-3)
    assert torch.equal(dropped(tiny.graph).user, dropped(tiny.graph).user)


def scripted(model, scores):
    """A validation that gives these scores in turn, and the weights it saw."""
    seen = []

    def validate(vectors):
        seen.append([w.detach().clone() for w in model.weights()])
        return scores[len(seen) - 1]

    return validate, seen


@pytest.mark.parametrize(
    ("scores", "patience", "every", "best", "epochs"),
    [
        ([1.0, 3.0, 2.0, 2.5, 9.0], 2, 1, 2, 4),  # stops before the 9
        ([1.0, 3.0, 3.0, 2.0], 2, 1, 2, 4),  # no gain is no gain
        ([1.0, 3.0, 2.0, 4.0, 5.0, 0.0, 0.0, 0.0], 2, 1, 5, 7),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 1, 1, 8, 8),  # all epochs
        ([1.0, 3.0, 2.0, 2.0], 2, 2, 4, 8),  # validations are every other epoch
        ([-5.0, -4.0, -6.0, -6.0], 2, 1, 2, 4),
    ],
)
def test_early_stopping_restores_the_best_weights(tiny, scores, patience, every, best, epochs):
    model = tiny.model()
    validate, seen = scripted(model, scores)
    recipe = replace(RECIPE, epochs=8, patience=patience, validate_every=every)
    _, result = run(tiny, recipe, model, validate=validate)
    assert (result.best_epoch, result.epochs, len(result.history)) == (best, epochs, epochs)
    assert result.best_score == scores[best // every - 1]
    kept = seen[best // every - 1]
    assert all(torch.equal(a, b) for a, b in zip(model.weights(), kept, strict=True))
    assert best == epochs or not torch.equal(model.weights()[0], seen[-1][0])
    asked = [epoch.score for epoch in result.history if epoch.score is not None]
    assert asked == scores[: len(asked)]


def test_without_validation_all_epochs_are_trained_and_the_last_weights_stay(tiny):
    two, four = (run(tiny, replace(RECIPE, epochs=n)) for n in (2, 4))
    assert four[1].epochs == four[1].best_epoch == 4
    assert [epoch.score for epoch in four[1].history] == [None] * 4
    assert not torch.equal(two[0].weights()[0], four[0].weights()[0])


def test_watch_can_end_the_training(tiny):
    epochs = []
    _, result = run(tiny, replace(RECIPE, epochs=9), watch=lambda e: epochs.append(e.epoch) or e.epoch == 3)
    assert epochs == [1, 2, 3]
    assert result.epochs == 3


def test_a_loss_that_is_not_finite_says_what_to_change(tiny):
    model = tiny.model()
    model.weights()[0].data[0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match=r"softmax loss became nan; lower lr \(now 0.05\) or raise"):
        run(tiny, RECIPE, model)


def test_the_other_parts_are_never_read(tiny):
    expected, _ = run(tiny)
    for part in ("alpha", "valid", "test"):
        tiny.data.parts[part] = Pairs(torch.tensor([10**6]), torch.tensor([-1]))
    actual, _ = run(tiny)
    assert all(torch.equal(a, b) for a, b in zip(actual.parameters(), expected.parameters(), strict=True))
