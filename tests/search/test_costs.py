"""The table of costs: what is measured, what a mixture is expected to cost, and that it pulls the alphas."""

from dataclasses import replace

import pytest
import torch

from supernet.runtime import InputError
from supernet.search.costs import Costs, measure_costs
from supernet.search.loop import Search
from supernet.search.relaxations import mix

SLOT = "layer1/user/convolve"


def test_every_candidate_of_every_open_slot_is_measured(tiny):
    model = tiny.search().model
    costs = measure_costs(model, tiny.graph, repeats=1)
    assert costs.milliseconds.keys() == costs.parameters.keys() == model.alphas.keys()
    for slot, names in tiny.space.choices().items():
        assert len(costs.milliseconds[slot]) == len(costs.parameters[slot]) == len(names)
        assert min(costs.milliseconds[slot]) > 0
    dim = model.dim
    assert costs.parameters[SLOT] == [0, dim * dim]  # light, gcn
    assert not any(parameter.grad is not None for parameter in model.parameters())


def test_tied_sides_cost_both(tiny):
    tied = tiny.search(space=replace(tiny.space, tie_sides=True)).model
    costs = measure_costs(tied, tiny.graph, repeats=1)
    dim = tied.dim
    assert costs.parameters["layer1/convolve"] == [0, 2 * dim * dim]


def test_the_expectation_is_over_the_mixture_and_at_most_one():
    costs = Costs({"a": [1.0, 3.0], "b": [2.0, 0.0, 5.0]}, {"a": [0, 7], "b": [1, 2, 3]})
    mixture = {"a": torch.tensor([0.25, 0.75]), "b": torch.tensor([0.5, 0.5, 0.0])}
    assert float(costs.expected(mixture)) == pytest.approx((0.25 + 2.25 + 1.0) / 8)
    dearest = {"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([0.0, 0.0, 1.0])}
    assert float(costs.expected(dearest)) == pytest.approx(1.0)
    assert costs.of({"a": 1, "b": 0}) == (5.0, 8)


def test_of_weights_that_do_not_sum_to_one_all_that_is_kept_is_paid_for():
    costs = Costs({"a": [1.0, 3.0], "b": [2.0, 4.0, 5.0]}, {"a": [0, 7], "b": [1, 2, 3]})
    alphas = {"a": torch.zeros(2, requires_grad=True), "b": torch.full((3,), 9.0)}
    expected = costs.expected(mix(alphas, "sigmoid", 1.0))
    assert float(expected.detach()) == pytest.approx((2.0 + 11.0) / 8, rel=1e-3)
    (slope,) = torch.autograd.grad(expected, alphas["a"])
    torch.testing.assert_close(slope, torch.tensor([0.25, 0.75]) / 8)


def test_parameters_are_expected_likewise_and_both_are_weighed():
    costs = Costs({"a": [1.0, 3.0], "b": [2.0, 0.0, 5.0]}, {"a": [0, 7], "b": [1, 2, 3]})
    alphas = torch.tensor([0.25, 0.75], requires_grad=True)
    mixture = {"a": alphas, "b": torch.tensor([0.5, 0.5, 0.0])}
    size = costs.expected_parameters(mixture)
    assert float(size.detach()) == pytest.approx((0.75 * 7 + 0.5 + 1.0) / 10)
    (slope,) = torch.autograd.grad(size, alphas)
    torch.testing.assert_close(slope, torch.tensor([0.0, 0.7]))
    both = costs.weighed(mixture, 2.0, 0.5).detach()
    assert float(both) == pytest.approx(2.0 * 3.5 / 8 + 0.5 * 6.75 / 10)
    bare = Costs({"a": [1.0, 3.0]}, {"a": [0, 0]})
    assert float(bare.weighed({"a": alphas.detach()}, 0.0, 9.0)) == 0.0, "nothing has parameters"


@pytest.mark.parametrize("weight", ["cost_weight", "parameter_weight"])
def test_a_heavy_weight_chooses_the_cheapest_candidates(tiny, weight):
    names = tiny.space.choices()
    cheap = {slot: [int(k != 0) for k in range(len(options))] for slot, options in names.items()}
    same = {slot: [1] * len(options) for slot, options in names.items()}
    costs = Costs(cheap, same) if weight == "cost_weight" else Costs(same, cheap)
    settings = replace(tiny.settings, warmup=0, **{weight: 1e4})
    model = tiny.search().model
    arguments = (model, tiny.graph, tiny.data, tiny.recipe, settings)
    search = Search(*arguments, torch.Generator().manual_seed(0), costs)
    for _ in range(3):
        search.alpha_step()
    assert all(int(p.argmax()) == 0 for p in search.mixture().values())


def test_a_table_is_read_back_and_another_file_refused(tmp_path):
    costs = Costs({"a": [1.0, 3.0]}, {"a": [0, 7]})
    costs.save(tmp_path / "costs.json")
    assert Costs.load(tmp_path / "costs.json") == costs
    (tmp_path / "costs.json").write_text('{"something": 1}')
    with pytest.raises(InputError, match=r"costs\.json: not a table of costs"):
        Costs.load(tmp_path / "costs.json")
