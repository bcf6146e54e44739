r"""Hypergradients on a quadratic whose derivatives are known, against each other, and in the loop.

L_train = ½ (w − Bα)ᵀ H (w − Bα), L_alpha = ½ |w − c|² + bᵀα: ∂_α L_alpha = b, ∂_w L_alpha = w − c, and
∂²L_train/∂α∂w = −(HB)ᵀ. At the weights that minimise L_train, w* = Bα, the total derivative is
b + Bᵀ(Bα − c).
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from supernet.search import hypergradients
from supernet.search.hypergradients import HYPERGRADIENTS, neumann
from supernet.space import SearchSpace
from tests.search.test_loop import finished, keep, same, score, snapshot

LR = 0.07


def problem(at_best=False):
    """The quadratic, its alphas in two tensors and its weights in two, in double."""
    draw = torch.Generator().manual_seed(0)
    n = lambda *shape: torch.randn(*shape, generator=draw, dtype=torch.float64)  # noqa: E731
    B, b, c, alpha, root = n(5, 3), n(3), n(5), n(3), n(5, 5)
    H = root @ root.T / 5 + 0.3 * torch.eye(5, dtype=torch.float64)
    w = B @ alpha if at_best else n(5)
    alphas = [alpha[:1].clone().requires_grad_(), alpha[1:].clone().requires_grad_()]
    weights = [w[:2].clone().requires_grad_(), w[2:].clone().requires_grad_()]

    def train_loss():
        r = torch.cat(weights) - B @ torch.cat(alphas)
        return 0.5 * r @ H @ r

    def alpha_loss():
        return 0.5 * (torch.cat(weights) - c).square().sum() + b @ torch.cat(alphas)

    return SimpleNamespace(**locals())


def run(name, q):
    gradients, loss = HYPERGRADIENTS[name](q.alphas, q.weights, q.train_loss, q.alpha_loss, LR)
    assert [g.shape for g in gradients] == [a.shape for a in q.alphas]
    assert isinstance(loss, float)
    return torch.cat(gradients), loss


@pytest.mark.parametrize("name", list(HYPERGRADIENTS))
def test_weights_and_their_gradients_are_left_alone(name):
    q = problem()
    before = [x.detach().clone() for x in (*q.weights, *q.alphas)]
    run(name, q)
    assert same(before, [*q.weights, *q.alphas])
    assert all(x.grad is None for x in (*q.weights, *q.alphas))


def test_first_order_takes_the_weights_as_they_are():
    q = problem()
    q.train_loss = None  # is not looked at
    gradient, loss = run("first_order", q)
    torch.testing.assert_close(gradient, q.b)
    assert loss == pytest.approx(float(q.alpha_loss().detach()))


def test_joint_adds_the_direct_derivative_of_the_train_loss():
    q = problem()
    torch.testing.assert_close(run("joint", q)[0], q.b - q.B.T @ q.H @ (q.w - q.B @ q.alpha))


def test_finite_difference_is_the_derivative_through_one_step():
    q = problem()
    after = q.w - LR * q.H @ (q.w - q.B @ q.alpha)
    gradient, loss = run("finite_difference", q)
    torch.testing.assert_close(gradient, q.b + LR * (q.H @ q.B).T @ (after - q.c))
    assert loss == pytest.approx(float(0.5 * (after - q.c).square().sum() + q.b @ q.alpha))


@pytest.mark.parametrize("terms", [0, 1, 4])
def test_neumann_is_the_partial_sum_of_its_series(terms):
    q = problem()
    step = torch.eye(5, dtype=torch.float64) - LR * q.H
    series = sum(torch.linalg.matrix_power(step, j) for j in range(terms + 1))
    expected = q.b + LR * (q.H @ q.B).T @ series @ (q.w - q.c)
    found, _ = neumann(q.alphas, q.weights, q.train_loss, q.alpha_loss, LR, terms)
    torch.testing.assert_close(torch.cat(found), expected)


def test_neumann_tends_to_the_total_derivative_at_the_best_weights():
    q = problem(at_best=True)
    total = q.b + q.B.T @ (q.B @ q.alpha - q.c)
    gaps = []
    for terms in (0, 10, 100, 1000):
        found, _ = neumann(q.alphas, q.weights, q.train_loss, q.alpha_loss, LR, terms)
        gaps.append(float((torch.cat(found) - total).norm()))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-6 < gaps[0]


def test_at_the_best_weights_one_step_and_one_term_agree():
    """There w' = w, so that both are b + ξ (HB)ᵀ (w − c)."""
    one, two = (problem(at_best=True) for _ in range(2))
    found, _ = neumann(two.alphas, two.weights, two.train_loss, two.alpha_loss, LR, 0)
    torch.testing.assert_close(run("finite_difference", one)[0], torch.cat(found))


def test_without_a_step_all_bilevel_methods_are_first_order():
    for name in ("finite_difference", "neumann"):
        q = problem()
        gradients, _ = HYPERGRADIENTS[name](q.alphas, q.weights, q.train_loss, q.alpha_loss, 0.0)
        torch.testing.assert_close(torch.cat(gradients), q.b)


def test_an_error_in_a_loss_leaves_the_weights_as_they_were():
    q, before = problem(), [x.detach().clone() for x in problem().weights]

    def fails():
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        HYPERGRADIENTS["finite_difference"](q.alphas, q.weights, q.train_loss, fails, LR)
    assert same(q.weights, before)


def doubled(tiny):
    """A search in double precision."""
    search = tiny.search()
    search.model.double()
    return search


def captured(search, monkeypatch):
    """What the loop gives its hypergradient: the arguments of one call."""
    calls = []

    def spy(*arguments):
        calls.append(arguments)
        return [torch.zeros_like(a) for a in search.alphas], 0.0

    monkeypatch.setitem(HYPERGRADIENTS._parts, "first_order", spy)
    search.alpha_step()
    return calls[0]


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.5}, {"negatives": 3, "edge_dropout": 0.3}])
@pytest.mark.parametrize("cost", ["dense", "sampled", "partial"])
def test_the_losses_of_one_call_are_on_one_batch_with_the_same_draws(tiny, monkeypatch, changes, cost):
    search = tiny.search(replace(tiny.settings, cost=cost), replace(tiny.recipe, **changes))
    _, _, train_loss, alpha_loss, lr = captured(search, monkeypatch)
    for loss in (train_loss, alpha_loss):
        values = {float(loss().detach()) for _ in range(4)}
        assert len(values) == 1
    assert lr == tiny.recipe.lr


def test_the_batch_of_the_train_loss_is_that_of_the_next_weight_step(tiny, monkeypatch):
    settings = replace(tiny.settings, alpha_noise="none")
    search, plain = tiny.search(settings), tiny.search(settings)
    *_, train_loss, _, _ = captured(search, monkeypatch)
    value = float(train_loss().detach())
    search.weight_step()
    plain.weight_step()
    assert value == search.sums.train == plain.sums.train
    search.weight_step()
    plain.weight_step()
    assert search.sums.train == plain.sums.train


def test_finite_difference_agrees_with_the_exact_mixed_derivative_on_the_supernet(tiny, monkeypatch):
    """Central differences against a second backward pass through every operator of the space."""
    search = doubled(tiny)
    alphas, weights, train_loss, alpha_loss, _ = captured(search, monkeypatch)
    monkeypatch.setattr(hypergradients, "REACH", 1e-5)
    lr = 1e-3
    finite, _ = HYPERGRADIENTS["finite_difference"](alphas, weights, train_loss, alpha_loss, lr)
    kept = snapshot(weights)
    slopes = torch.autograd.grad(train_loss(), weights, create_graph=True, materialize_grads=True)
    with torch.no_grad():
        for w, slope in zip(weights, slopes, strict=True):
            w.sub_(lr * slope)
    there = torch.autograd.grad(alpha_loss(), [*alphas, *weights], materialize_grads=True)
    with torch.no_grad():
        for w, value in zip(weights, kept, strict=True):
            w.copy_(value)
    slopes = torch.autograd.grad(train_loss(), weights, create_graph=True, materialize_grads=True)
    product = sum((s * v).sum() for s, v in zip(slopes, there[len(alphas) :], strict=True))
    mixed = torch.autograd.grad(product, alphas, materialize_grads=True)
    for found, direct, m in zip(finite, there, mixed, strict=False):
        torch.testing.assert_close(found, direct - lr * m, rtol=1e-4, atol=1e-9)
        assert float((lr * m).abs().max()) > 1e-9


@pytest.mark.parametrize("order", [name for name in HYPERGRADIENTS if name != "first_order"])
@pytest.mark.parametrize("cost", ["dense", "sampled"])
def test_every_method_moves_all_alphas_and_resumes_exactly(tiny, tmp_path, order, cost):
    settings = replace(tiny.settings, order=order, cost=cost, checkpoint_every=2)
    recipe = replace(tiny.recipe, dropout=0.2)
    whole = tiny.search(settings, recipe)
    expected = finished(whole)
    assert all(bool((alpha != 0).any()) for alpha in whole.alphas)
    first = tiny.search(settings, recipe)

    def save():
        if (first.epoch, first.step) == (2, 4):
            keep(first, tmp_path / "state.pt")

    first.run(score, save=save)
    second = tiny.search(settings, recipe, seed=5)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert same(finished(second)[0], expected[0])


def test_second_derivatives_go_through_a_slot_without_any_gradient(tiny):
    """The message of `none` is a constant, in a convolution of the supernet as in its derived model."""
    space = SearchSpace(1, ("none",), ("sage", "ngcf"), ("identity",), ("last",))
    search = tiny.search(replace(tiny.settings, order="neumann"), space=space)
    search.alpha_step()
    assert all(bool(alpha.isfinite().all()) and bool((alpha != 0).any()) for alpha in search.alphas)
