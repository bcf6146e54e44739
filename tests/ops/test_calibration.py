"""Candidates are evened in size, so that none wins by size alone; and the mixture costs what it promises."""

import pytest
import torch

from ops import kernels
from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from ops.mixture import (
    ActivationMixture,
    AggregateMixture,
    ConvolveMixture,
    ReadoutMixture,
    ScoreMixture,
    calibrating,
    set_norm,
)
from ops.readout import READOUTS

DIM, LAYERS = 4, 2


def size(x):
    return x.square().mean().sqrt()


@pytest.fixture(params=["aggregate", "convolve", "readout"])
def slot(request, relation, leaf, initialised):
    """A mixture of all candidates of a slot, and its inputs."""
    if request.param == "aggregate":
        inputs = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM), relation
        return initialised(AggregateMixture(list(AGGREGATORS), DIM)), inputs
    if request.param == "convolve":
        return initialised(ConvolveMixture(list(CONVOLUTIONS), DIM)), (
            leaf(6, DIM),
            leaf(6, DIM, scale=5.0),
            leaf(6, DIM, scale=2.0),
        )
    layers = [leaf(6, DIM, scale=3.0**k) for k in range(LAYERS + 1)]
    return initialised(ReadoutMixture(list(READOUTS), DIM, LAYERS)), (layers,)


@pytest.mark.parametrize("graph", ["empty rows", "hub"], indirect=True)
def test_all_candidates_contribute_the_same_size(slot):
    mixture, inputs = slot
    uniform = torch.full_like(mixture.log_scale, 1 / len(mixture.candidates))
    with calibrating(mixture):
        mixture(*inputs, uniform)
    outs = {name: module(*inputs) for name, module in mixture.candidates.items()}
    scaled = {n: size(f * out) for f, (n, out) in zip(mixture.factors(uniform), outs.items(), strict=True)}
    outs.pop("none", None)  # zeros, whatever the scale
    geometric = torch.stack([size(out) for out in outs.values()]).log().mean().exp()
    for name in outs:
        assert scaled[name].item() == pytest.approx(geometric.item() / len(scaled), rel=1e-5), name


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_none_takes_no_part_in_the_scale_of_the_others(relation, leaf, initialised):
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    outs = []
    for names, p in ((["sum", "max"], [0.3, 0.3]), (["none", "sum", "max"], [0.4, 0.3, 0.3])):
        mixture, p = initialised(AggregateMixture(names, DIM)), torch.tensor(p).to(source)
        with calibrating(mixture):
            mixture(source, target, relation, p)
        outs.append(mixture(source, target, relation, p))
    torch.testing.assert_close(*outs)


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_scale_carries_no_gradient_to_the_mixture(slot):
    mixture, inputs = slot
    k = len(mixture.candidates)
    p = torch.full_like(mixture.log_scale, 1 / k).requires_grad_()
    with calibrating(mixture):
        mixture(*inputs, p)
    factors = mixture.factors(p)
    jacobian = torch.autograd.functional.jacobian(mixture.factors, p)
    torch.testing.assert_close(jacobian, torch.diag(factors.detach() * k))


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_sizes_are_measured_within_calibrating_alone(slot):
    mixture, inputs = slot
    p = torch.full_like(mixture.log_scale, 1 / len(mixture.candidates))
    assert mixture(*inputs, p).requires_grad
    assert not mixture.log_scale.any()
    with calibrating(torch.nn.Sequential(mixture)):
        assert not mixture(*inputs, p).requires_grad
    before = mixture.log_scale.clone()
    assert before.any()
    with torch.no_grad():
        for weight in mixture.parameters():
            weight *= 2
    mixture(*inputs, p)
    assert torch.equal(mixture.log_scale, before)


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_an_error_ends_the_calibration(slot):
    mixture, inputs = slot

    def fail():
        with calibrating(mixture):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    mixture(*inputs, torch.full_like(mixture.log_scale, 1 / len(mixture.candidates)))
    assert not mixture.log_scale.any()


@pytest.mark.parametrize("mixture", [ActivationMixture, ScoreMixture], ids=["activation", "score"])
def test_activations_and_scores_keep_their_size(mixture):
    names = {ActivationMixture: ["relu", "tanh"], ScoreMixture: ["dot", "cosine"]}[mixture]
    slot, x = mixture(names, DIM), 3 * torch.randn(5, DIM)
    p = torch.tensor([0.3, 0.7])
    with calibrating(slot):
        slot(*([x, x] if mixture is ScoreMixture else [x]), p)
    assert torch.equal(slot.factors(p), p)


@pytest.mark.parametrize("graph", ["ordinary"], indirect=True)
@pytest.mark.parametrize(("learnt", "products"), [(False, 0), (True, 1)], ids=["weight step", "alpha step"])
def test_only_the_alpha_step_samples_a_product(learnt, products, relation, leaf, monkeypatch):
    calls, real = [], kernels.sampled_product
    monkeypatch.setattr(kernels, "sampled_product", lambda *a: calls.append(1) or real(*a))
    names = ["none", "sum", "mean", "sym", "max", "global"]
    p = leaf(len(names)).detach().softmax(0).requires_grad_(learnt)
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    AggregateMixture(names, DIM).to(source)(source, target, relation, p).sum().backward()
    assert bool(source.grad.any())
    assert len(calls) == products


@pytest.mark.parametrize("graph", ["ordinary"], indirect=True)
@pytest.mark.parametrize(
    "names",
    [
        ["sum", "mean"],
        ["none", "sum", "mean", "sym", "global"],
        ["sym", "sym(0.4,0.6)", "sym(0.6,0.4)", "unit", "unit(0.5,0.1)", "attention"],
    ],
    ids=str,
)
def test_linear_aggregators_are_one_sparse_product(names, relation, leaf, monkeypatch):
    calls, real = [], kernels.weighted_sum
    monkeypatch.setattr(kernels, "weighted_sum", lambda *a: calls.append(1) or real(*a))
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    p = torch.full((len(names),), 1 / len(names)).to(source)
    AggregateMixture(names, DIM).to(source)(source, target, relation, p)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "names", [["mean", "max"], ["mean", "concat"], ["concat"], ["concat", "sum", "last"]], ids=str
)
def test_width_is_the_number_of_columns(names):
    mixture = ReadoutMixture(names, DIM, LAYERS)
    p = torch.full((len(names),), 1 / len(names))
    assert mixture([torch.ones(5, DIM)] * (LAYERS + 1), p).shape == (5, mixture.width)


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_a_norm_of_each_output_takes_mean_and_spread_off_every_channel(slot):
    mixture, inputs = slot
    set_norm(mixture, "output")
    if isinstance(mixture, ReadoutMixture):
        assert mixture.norm == "scale", "concat has other columns"
        return
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(len(mixture.candidates), generator=generator).to(mixture.log_scale)
    expected = torch.zeros_like(inputs[0] if isinstance(mixture, ConvolveMixture) else inputs[1])
    for share, (name, module) in zip(p, mixture.candidates.items(), strict=True):
        out = module(*inputs)
        even = (out - out.mean(dim=0)) / (out.var(dim=0, correction=0) + 1e-5).sqrt()
        expected = expected + share * (torch.zeros_like(out) if name == "none" else even)
    tolerance = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(mixture(*inputs, p.to(expected)), expected, **tolerance)


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_without_a_norm_the_largest_counts_most(slot):
    mixture, inputs = slot
    uniform = torch.full_like(mixture.log_scale, 1 / len(mixture.candidates))
    with calibrating(mixture):
        mixture(*inputs, uniform)
    assert not torch.equal(mixture.factors(uniform), uniform)
    set_norm(mixture, "none")
    assert torch.equal(mixture.factors(uniform), uniform)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="norm must be one of scale, output, none, found 'layer'"):
        set_norm(ConvolveMixture(["light", "gcn"], DIM), "layer")


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_dropped_candidates_are_not_computed(slot, monkeypatch):
    mixture, inputs = slot
    p = torch.full_like(mixture.log_scale, 0.5)
    dropped = [k for k, name in enumerate(mixture.names) if k % 2]
    p[dropped] = 0.0
    expected = mixture(*inputs, p)
    asked = []
    for name, module in mixture.candidates.items():
        module.register_forward_hook(lambda *_, name=name: asked.append(name))
    mixture.dropped = frozenset(dropped)
    torch.testing.assert_close(mixture(*inputs, p), expected)
    assert not {mixture.names[k] for k in dropped} & set(asked)


@pytest.mark.parametrize("graph", ["hub"], indirect=True)
def test_what_gives_nothing_or_is_dropped_has_no_size(relation, leaf, initialised):
    source, target = leaf(relation.n_source, DIM), leaf(relation.n_target, DIM)
    mixture = initialised(AggregateMixture(["none", "sum", "mean"], DIM))
    mixture.dropped = frozenset({2})
    with calibrating(mixture):
        mixture(source, target, relation, torch.tensor([0.3, 0.7, 0.0]).to(source))
    nothing, measured, dropped = mixture.sizes()
    assert nothing is None
    assert dropped is None
    total = mixture.candidates["sum"](source, target, relation).detach()
    assert measured == pytest.approx(float(size(total)), rel=1e-5)


def test_activations_are_measured_and_not_evened():
    """Their slopes are part of what they are: the mixture is the same after it."""
    mixture, p = ActivationMixture(["identity", "relu", "tanh"], DIM), torch.tensor([0.5, 0.3, 0.2])
    x = 3.0 * torch.randn(40, DIM, generator=torch.Generator().manual_seed(0))
    before = mixture(x, p)
    with calibrating(mixture):
        mixture(x, p)
    expected = [float(size(one)) for one in (x, x.relu(), x.tanh())]
    assert mixture.sizes() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(mixture(x, p), before)
    only = ActivationMixture(["relu"], DIM)
    with calibrating(only):
        only(x, None)
    assert not only.measured
    assert not ScoreMixture(["dot", "cosine"], DIM).measured
