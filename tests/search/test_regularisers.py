"""What is added against collapse, on alphas whose answer is known by hand."""

import math

import pytest
import torch

from supernet.search.regularisers import REGULARISERS, penalty

NAMES = {
    "layer1/user/interactions/aggregate": ("none", "sym", "sym(0.4,0.6)"),
    "layer1/user/convolve": ("light", "skip"),
    "readout": ("last", "mean"),
}
ALPHAS = {slot: torch.arange(float(len(names))) for slot, names in NAMES.items()}
MIXTURE = {slot: alpha.softmax(0) for slot, alpha in ALPHAS.items()}


def test_idle_counts_none_and_skip_alone():
    none, skip = MIXTURE["layer1/user/interactions/aggregate"][0], MIXTURE["layer1/user/convolve"][1]
    torch.testing.assert_close(REGULARISERS["idle"](ALPHAS, MIXTURE, NAMES), (none + skip) / 2)
    readout = {"readout": NAMES["readout"]}
    assert REGULARISERS["idle"]({"readout": ALPHAS["readout"]}, {}, readout) == 0.0


def test_beta_is_the_mean_logarithm_of_the_sums():
    sums = [sum(math.exp(k) for k in range(n)) for n in (3, 2, 2)]
    found = REGULARISERS["beta"](ALPHAS, MIXTURE, NAMES)
    assert float(found) == pytest.approx(sum(map(math.log, sums)) / 3)


def test_zero_one_is_nothing_for_decided_weights_and_a_quarter_for_undecided():
    decided = {"a": torch.tensor([0.0, 1.0, 1.0]), "b": torch.tensor([1.0, 0.0])}
    assert REGULARISERS["zero_one"]({}, decided, {}) == 0.0
    undecided = {"a": torch.full((3,), 0.5)}
    assert float(REGULARISERS["zero_one"]({}, undecided, {})) == pytest.approx(0.25)


@pytest.mark.parametrize("name", list(REGULARISERS))
def test_a_gradient_step_on_one_makes_it_smaller(name):
    alphas = {slot: alpha.clone().requires_grad_() for slot, alpha in ALPHAS.items()}

    def value():
        mixture = {slot: a.sigmoid() if name == "zero_one" else a.softmax(0) for slot, a in alphas.items()}
        return REGULARISERS[name](alphas, mixture, NAMES)

    before = value()
    gradients = torch.autograd.grad(before, list(alphas.values()), materialize_grads=True)
    for alpha, gradient in zip(alphas.values(), gradients, strict=True):
        alpha.data -= 0.1 * gradient
    assert value() < before


def test_a_penalty_weighs_its_parts_and_leaves_out_those_of_weight_zero(monkeypatch):
    monkeypatch.setitem(REGULARISERS._parts, "zero_one", None)  # asking for it would fail
    found = penalty({"idle": 2.0, "beta": 0.5, "zero_one": 0.0}, ALPHAS, MIXTURE, NAMES)
    parts = [REGULARISERS[name](ALPHAS, MIXTURE, NAMES) for name in ("idle", "beta")]
    torch.testing.assert_close(found, 2 * parts[0] + 0.5 * parts[1])
    assert penalty({"idle": 0.0}, ALPHAS, MIXTURE, NAMES) == 0.0
