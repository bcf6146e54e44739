"""From alphas to a design: mixtures, temperature, entropy and choice; and the hypergradients."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernet.search.hypergradients import HYPERGRADIENTS
from supernet.search.relaxations import (
    RELAXATIONS,
    SCHEDULES,
    entropy,
    mix,
    noisy,
    partial,
    paths,
    temperature_at,
)
from supernet.search.selection import SELECTIONS
from supernet.space import SearchSpace

ALPHAS = st.lists(st.integers(-80, 80).map(lambda n: n / 16), min_size=2, max_size=8)
SIMPLEX = [name for name in RELAXATIONS if name != "sigmoid"]


@pytest.mark.parametrize("name", SIMPLEX)
@given(alpha=ALPHAS, temperature=st.floats(0.05, 10))
def test_a_relaxation_is_a_point_of_the_simplex_in_the_order_of_alpha(name, alpha, temperature):
    alpha = torch.tensor(alpha)
    p = RELAXATIONS[name](alpha, temperature)
    assert p.shape == alpha.shape
    assert bool((p >= 0).all())
    assert p.sum().item() == pytest.approx(1.0, abs=1e-5)
    order = p[alpha.argsort()]
    assert bool((order.diff() >= -1e-7).all())
    torch.testing.assert_close(RELAXATIONS[name](alpha + 3, temperature), p, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SIMPLEX)
def test_equal_alphas_are_undecided_and_cold_ones_decided(name):
    torch.testing.assert_close(RELAXATIONS[name](torch.zeros(4), 0.3), torch.full((4,), 0.25))
    p = RELAXATIONS[name](torch.tensor([0.0, 1.0, 0.5]), 0.01)
    torch.testing.assert_close(p, torch.tensor([0.0, 1.0, 0.0]))


def test_softmax_is_its_formula():
    p = RELAXATIONS["softmax"](torch.tensor([1.0, 2.0]), 0.5)
    assert p[1].item() == pytest.approx(math.exp(4) / (math.exp(2) + math.exp(4)))


@given(alpha=ALPHAS, temperature=st.floats(0.05, 10))
def test_sparsemax_is_the_nearest_point_of_the_simplex(alpha, temperature):
    """By bisection of the threshold whose remainders add up to 1."""
    z = torch.tensor(alpha, dtype=torch.float64) / temperature
    low, high = float(z.max()) - 1, float(z.max())
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if float((z - middle).clamp(min=0).sum()) > 1 else (low, middle)
    expected = (z - low).clamp(min=0)
    found = RELAXATIONS["sparsemax"](torch.tensor(alpha, dtype=torch.float64), temperature)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_sparsemax_has_the_gradient_of_its_support():
    alpha = torch.tensor([0.5, 0.2, -3.0, 0.4], dtype=torch.float64, requires_grad=True)
    assert RELAXATIONS["sparsemax"](alpha, 1.0)[2] == 0.0
    assert torch.autograd.gradcheck(lambda a: RELAXATIONS["sparsemax"](a, 1.0), alpha)


def test_top_two_shares_between_the_two_largest():
    p = RELAXATIONS["top2"](torch.tensor([1.0, 3.0, 2.0, -1.0]), 0.5)
    torch.testing.assert_close(p, torch.tensor([0.0, 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2)), 0.0]))


@given(alpha=ALPHAS, temperature=st.floats(0.05, 10))
def test_sigmoid_judges_every_candidate_by_itself(alpha, temperature):
    p = RELAXATIONS["sigmoid"](torch.tensor(alpha), temperature)
    for value, weight in zip(alpha, p.tolist(), strict=True):
        assert weight == pytest.approx(1 / (1 + math.exp(-value / temperature)), rel=1e-5, abs=1e-30)


@pytest.mark.parametrize("name", list(RELAXATIONS))
def test_a_dropped_candidate_has_no_weight_and_no_gradient(name):
    alpha = torch.tensor([0.3, -math.inf, -0.2, 0.1], requires_grad=True)
    p = RELAXATIONS[name](alpha, 0.7)
    kept = RELAXATIONS[name](alpha.detach()[[0, 2, 3]], 0.7)
    assert p[1] == 0.0
    torch.testing.assert_close(p.detach()[[0, 2, 3]], kept)
    (gradient,) = torch.autograd.grad((p * torch.arange(4.0)).sum(), alpha)
    assert bool(gradient.isfinite().all())
    assert gradient[1] == 0.0


@pytest.mark.parametrize(
    ("noise", "mean", "sd"), [("normal", 0, 1), ("uniform", 0, 1), ("gumbel", 0.5772, 1.2825)]
)
def test_noise_has_its_mean_and_spread_and_comes_from_the_generator(noise, mean, sd):
    alphas = {"a": torch.full((20_000,), 2.0), "b": torch.zeros(3)}
    one, two = (noisy(alphas, noise, 0.5, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one["a"], two["a"])
    assert one["a"].dtype == torch.float32
    assert float(one["a"].mean()) == pytest.approx(2 + 0.5 * mean, abs=0.03)
    assert float(one["a"].std()) == pytest.approx(0.5 * sd, abs=0.03)
    assert noisy(alphas, "none", 1.0, torch.Generator())["b"] is alphas["b"]


@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_a_schedule_starts_where_it_is_told_and_never_turns(schedule):
    values = [temperature_at(epoch, 9, 2.0, 0.5, schedule) for epoch in range(9)]
    assert values[0] == pytest.approx(2.0)
    assert values[-1] == pytest.approx(2.0 if schedule == "constant" else 0.5)
    assert values == sorted(values, reverse=True)


def test_schedules_are_their_formulas():
    halfway = {name: temperature_at(4, 9, 2.0, 0.5, name) for name in SCHEDULES}
    assert halfway == pytest.approx({"geometric": 1.0, "linear": 1.25, "cosine": 1.25, "constant": 2.0})
    assert temperature_at(2, 9, 2.0, 0.5, "cosine") > temperature_at(2, 9, 2.0, 0.5, "linear")


@pytest.mark.parametrize("detach", [True, False])
def test_mix_relaxes_every_slot_by_itself(detach):
    alphas = {"a": torch.tensor([0.0, 1.0], requires_grad=True), "b": torch.zeros(3, requires_grad=True)}
    mixture = mix(alphas, "softmax", 0.5, detach)
    assert list(mixture) == ["a", "b"]
    assert all(p.requires_grad is not detach for p in mixture.values())
    torch.testing.assert_close(mixture["a"], torch.tensor([0.0, 2.0]).softmax(0), check_device=False)
    torch.testing.assert_close(mixture["b"].detach(), torch.full((3,), 1 / 3))


@given(epochs=st.integers(2, 40), start=st.floats(0.1, 5), end=st.floats(0.01, 5))
def test_the_temperature_goes_from_start_to_end_in_equal_ratios(epochs, start, end):
    schedule = [temperature_at(epoch, epochs, start, end) for epoch in range(epochs)]
    assert schedule[0] == start
    assert schedule[-1] == pytest.approx(end, rel=1e-12)
    ratios = [b / a for a, b in pairwise(schedule)]
    assert ratios == pytest.approx([ratios[0]] * len(ratios))
    assert all((b <= a) if end <= start else (b >= a) for a, b in pairwise(schedule))


def test_the_temperature_of_a_single_epoch_is_the_first():
    assert temperature_at(0, 1, 1.0, 0.2) == 1.0


@given(alpha=ALPHAS)
def test_entropy_lies_between_decided_and_undecided(alpha):
    assert -1e-6 <= entropy(torch.tensor(alpha).softmax(0)) <= 1 + 1e-6


def test_entropy_of_hand_computed_cases():
    assert entropy(torch.tensor([0.25] * 4)) == pytest.approx(1.0)
    assert entropy(torch.tensor([0.0, 1.0, 0.0])) == pytest.approx(0.0, abs=1e-9)
    assert entropy(torch.tensor([0.5, 0.5, 0.0, 0.0])) == pytest.approx(0.5)


def test_argmax_chooses_the_largest_the_first_of_equals_and_what_is_fixed():
    space = SearchSpace(1, ("sym", "mean", "sum"), ("light", "gcn"), ("relu",), ("last",), tie_sides=True)
    mixture = {
        "layer1/interactions/aggregate": torch.tensor([0.2, 0.5, 0.3]),
        "layer1/convolve": torch.tensor([0.5, 0.5]),
    }
    assert SELECTIONS["argmax"](space, mixture, None)[0] == {
        "features/user": "id",
        "features/item": "id",
        "layer1/interactions/aggregate": "mean",
        "layer1/convolve": "light",
        "layer1/activation": "relu",
        "readout": "last",
        "score": "dot",
    }


def test_first_order_hypergradient_on_a_quadratic():
    r"""L_alpha = ½|w − Aα|² + bᵀα: ∇_α at fixed w is −Aᵀ(w − Aα) + b, whatever the train loss is."""
    generator = torch.Generator().manual_seed(0)
    A, w, b, alpha = (torch.randn(n, generator=generator, dtype=torch.float64) for n in ((3, 2), 3, 2, 2))
    w, one, two = w.requires_grad_(), alpha[:1].clone().requires_grad_(), alpha[1:].clone().requires_grad_()

    def alpha_loss():
        a = torch.cat([one, two])
        return 0.5 * (w - A @ a).square().sum() + b @ a

    def train_loss():
        raise AssertionError("first order does not look at the train loss")

    before = w.detach().clone()
    gradients, loss = HYPERGRADIENTS["first_order"]([one, two], [w], train_loss, alpha_loss, 0.1)
    expected = -A.T @ (w.detach() - A @ alpha) + b
    torch.testing.assert_close(torch.cat(gradients), expected)
    assert loss == pytest.approx(0.5 * (before - A @ alpha).square().sum().item() + (b @ alpha).item())
    assert isinstance(loss, float)
    assert torch.equal(w, before)
    assert w.grad is None
    assert one.grad is None


def test_paths_are_drawn_as_often_as_the_softmax_says():
    alpha = torch.tensor([0.0, 1.0, 2.0])
    generator = torch.Generator().manual_seed(0)
    drawn = [paths({"a": alpha}, "softmax", 1.0, generator, detach=True)["a"].number for _ in range(4000)]
    share = torch.bincount(torch.tensor(drawn), minlength=3) / 4000
    torch.testing.assert_close(share, alpha.softmax(0), rtol=0, atol=0.03)


def test_a_path_carries_a_gradient_to_all_alphas_of_its_slot():
    alpha = torch.zeros(3, requires_grad=True)
    choice = paths({"a": alpha}, "softmax", 1.0, torch.Generator().manual_seed(0))["a"]
    assert choice.weight.item() == 1.0
    choice.weight.backward()
    assert alpha.grad[choice.number] > 0
    assert alpha.grad.sum().item() == pytest.approx(0.0, abs=1e-7)
    assert bool((alpha.grad != 0).all())


def test_partial_mixes_a_share_of_the_channels_of_the_aggregate_slots_alone():
    p = {"layer1/user/interactions/aggregate": torch.ones(2) / 2, "readout": torch.ones(2) / 2}
    found = [partial(p, 8, 0.25, torch.Generator().manual_seed(seed)) for seed in range(40)]
    starts = {f["layer1/user/interactions/aggregate"].start for f in found}
    assert starts == set(range(7))
    assert all(f["layer1/user/interactions/aggregate"].stop - 2 in starts for f in found)
    assert all(f["readout"] is p["readout"] for f in found)


def test_partial_channels_leave_a_relation_that_can_be_left_out():
    p = {"layer1/user/interactions/aggregate": torch.ones(2), "layer1/user/trust/aggregate": torch.ones(2)}
    found = partial(p, 8, 0.25, torch.Generator().manual_seed(0))
    assert [mixed.plain for mixed in found.values()] == [True, False]
