"""What holds of every mixture: fused = unfolded, one-hot = the operator, even scales, alive gradients."""

import itertools

import pytest
import torch

from ops.activation import ACTIVATIONS
from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from ops.mixture import (
    ActivationMixture,
    AggregateMixture,
    Choice,
    ConvolveMixture,
    Partial,
    ReadoutMixture,
    ScoreMixture,
    calibrating,
)
from ops.mixture.base import key_of
from ops.readout import READOUTS
from ops.relation import Relation
from ops.score import SCORES

DIM, LAYERS = 4, 2
SLOTS = {
    "aggregate": ([*AGGREGATORS, "sym(0.3,0.7)", "unit(0.4,-0.1)"], lambda n: AggregateMixture(n, DIM)),
    "convolve": ([*CONVOLUTIONS, "residual(0.5)"], lambda names: ConvolveMixture(names, DIM)),
    "activation": (ACTIVATIONS, lambda names: ActivationMixture(names, DIM)),
    "readout": ([*READOUTS, "layer0(0.6)"], lambda names: ReadoutMixture(names, DIM, LAYERS)),
    "score": (SCORES, lambda names: ScoreMixture(names, DIM)),
}
EDGES = [(0, 2), (0, 0), (1, 1), (2, 0), (2, 1), (4, 2), (4, 4), (4, 0), (4, 1)]  # 3 has none, nor source 3


@pytest.fixture(params=list(SLOTS))
def slot(request):
    return request.param


@pytest.fixture
def inputs(slot, leaf, backend, device):
    """What the slot's operators take: tensors that want a gradient, and the relation."""
    if slot == "aggregate":
        target, source = torch.tensor(EDGES, device=device).t()
        return leaf(5, DIM), leaf(5, DIM), Relation.from_edges(target, source, 5, 5, backend)
    if slot == "readout":
        return ([leaf(6, DIM) for _ in range(LAYERS + 1)],)
    if slot == "activation":
        return (leaf(6, DIM).detach().index_fill(0, torch.tensor([2], device=device), 0.0).requires_grad_(),)
    if slot == "convolve":
        return leaf(5, DIM), leaf(5, DIM, scale=3.0), leaf(5, DIM, scale=2.0)
    return leaf(5, DIM), leaf(5, DIM, scale=3.0)


@pytest.fixture
def build(slot, initialised):
    return lambda names: initialised(SLOTS[slot][1](list(names)))


@pytest.fixture(params=[False, True], ids=["uncalibrated", "calibrated"])
def prepared(request, inputs, build):
    """Builds a mixture, calibrated on the inputs or not."""

    def prepare(names):
        mixture = build(names)
        if request.param:
            with calibrating(mixture):
                mixture(*inputs, uniform(mixture, inputs))
        return mixture

    return prepare


def candidate(mixture, name):
    return mixture.candidates[key_of(name)]


def leaves_of(inputs):
    flat = itertools.chain.from_iterable(x if isinstance(x, list) else [x] for x in inputs)
    return [x for x in flat if isinstance(x, torch.Tensor)]


def uniform(mixture, inputs):
    k = len(mixture.candidates)
    return torch.full((k,), 1 / k).to(leaves_of(inputs)[0])


def factors(mixture, p):
    """p_k g_k, written out: g_k brings candidate k to the geometric mean of the sizes, `none` left aside; p_k
    where the mixture does not even sizes."""
    if not mixture.scaled:
        return list(p)
    names = mixture.names
    sized = [
        k for k, name in enumerate(names) if not (name == "none" and isinstance(mixture, AggregateMixture))
    ]
    size = mixture.log_scale.detach().exp()
    share = {k: p[k].item() / sum(p[j].item() for j in sized) for k in sized}
    mean = torch.stack([size[k] ** share[k] for k in sized]).prod() if sized else 1.0
    return [p[k] * mean / size[k] if k in sized else p[k] for k in range(len(names))]


def unfolded(mixture, inputs, p):
    """Σ_k f_k candidate_k, one candidate after the other; zeros fill up to the widest."""
    terms = {
        n: f * candidate(mixture, n)(*inputs) for n, f in zip(mixture.names, factors(mixture, p), strict=True)
    }
    width = max(term.shape[-1] for term in terms.values())
    return sum(torch.nn.functional.pad(term, (0, width - term.shape[-1])) for term in terms.values())


def subsets(names):
    """All pairs; all but one, and all."""
    sizes = sorted({2, len(names) - 1, len(names)})
    return itertools.chain.from_iterable(itertools.combinations(names, k) for k in sizes)


@pytest.mark.parametrize("rows", [2, 4096])
def test_fused_is_unfolded_in_value_and_every_gradient(
    rows, slot, inputs, prepared, leaf, assert_same, monkeypatch
):
    if slot != "activation" and rows == 2:
        pytest.skip("other slots always run by small blocks here")
    monkeypatch.setattr("ops.mixture.activation.ROWS", rows)
    for names in subsets(SLOTS[slot][0]):
        mixture = prepared(names)
        p = leaf(len(names)).detach().softmax(0).requires_grad_()
        leaves = [*leaves_of(inputs), *mixture.parameters(), p]
        assert_same(mixture(*inputs, p), unfolded(mixture, inputs, p), leaves, note=f"{names}")


def test_a_single_candidate_is_that_operator_and_reads_no_mixture(slot, inputs, prepared):
    for name in SLOTS[slot][0]:
        mixture = prepared([name])
        expected = candidate(mixture, name)(*inputs)
        assert torch.equal(mixture(*inputs, None), expected)
        assert torch.equal(mixture(*inputs, torch.full((1,), 7.0).to(expected)), expected)


def test_a_one_hot_mixture_is_exactly_that_operator(slot, inputs, prepared):
    names = list(SLOTS[slot][0])
    mixture = prepared(names)
    for k, name in enumerate(names):
        out = mixture(*inputs, torch.eye(len(names))[k].to(leaves_of(inputs)[0]))
        expected = candidate(mixture, name)(*inputs)
        if slot == "readout":  # the other columns are zeros, which no score sees
            zeros = expected.new_zeros(len(expected), mixture.width - expected.shape[1])
            expected = torch.cat([expected, zeros], dim=1)
        assert torch.equal(out, expected), name


def test_a_one_hot_mixture_has_the_gradients_of_that_operator(slot, inputs, prepared, assert_same):
    names = [name for name in SLOTS[slot][0] if name != "concat"]
    mixture = prepared(names)
    for k, name in enumerate(names):
        out = mixture(*inputs, torch.eye(len(names))[k].to(leaves_of(inputs)[0]))
        leaves = [*leaves_of(inputs), *mixture.parameters()]
        assert_same(out, candidate(mixture, name)(*inputs), leaves, note=name)


def test_every_probability_gets_a_gradient(slot, inputs, prepared):
    names = list(SLOTS[slot][0])
    mixture = prepared(names)
    p = uniform(mixture, inputs).requires_grad_()
    generator = torch.Generator().manual_seed(4)
    out = mixture(*inputs, p)
    out.backward(torch.randn(out.shape, generator=generator).to(out))
    alive = [slot != "aggregate" or name != "none" for name in names]  # zeros, however many, stay zeros
    assert (p.grad != 0).tolist() == alive


def test_an_unknown_candidate_lists_the_choices(slot):
    names, make = SLOTS[slot]
    known = ", ".join(name for name in names if "(" not in name)
    with pytest.raises(LookupError, match="choose from: " + known):
        make([next(iter(names)), "nonsense"])


def test_several_candidates_need_a_mixture(slot, inputs, build):
    with pytest.raises(AssertionError, match="needs its mixture"):
        build(list(SLOTS[slot][0])[:2])(*inputs, None)


def test_a_slot_without_candidates_raises(slot):
    with pytest.raises(ValueError, match="at least one candidate"):
        SLOTS[slot][1]([])


def test_a_saved_mixture_scales_as_before(slot, inputs, prepared, build):
    names = list(SLOTS[slot][0])
    mixture, twin = prepared(names), build(names)
    twin.load_state_dict(mixture.state_dict())
    p = uniform(mixture, inputs)
    assert torch.equal(twin(*inputs, p), mixture(*inputs, p))


def test_a_chosen_candidate_is_that_operator_with_a_gradient_to_its_weight(slot, inputs, prepared):
    names = list(SLOTS[slot][0])
    mixture = prepared(names)
    for k in range(len(names)):
        one_hot = mixture(*inputs, torch.eye(len(names))[k].to(leaves_of(inputs)[0]))
        assert torch.equal(mixture(*inputs, Choice(k)), one_hot)
        weight = torch.ones((), dtype=one_hot.dtype, device=one_hot.device, requires_grad=True)
        out = mixture(*inputs, Choice(k, weight))
        assert torch.equal(out, one_hot)
        (gradient,) = torch.autograd.grad(out.sum(), weight, allow_unused=True)
        torch.testing.assert_close(gradient, one_hot.sum(), rtol=1e-4, atol=1e-4)


def test_a_partial_mixture_leaves_the_other_channels_to_sym(leaf, backend, device, initialised):
    target, source = torch.tensor(EDGES, device=device).t()
    relation = Relation.from_edges(target, source, 5, 5, backend)
    names = list(AGGREGATORS)
    mixture = initialised(AggregateMixture(names, DIM))
    x, y = leaf(5, DIM), leaf(5, DIM)
    p = leaf(len(names)).detach().softmax(0)
    whole, out = mixture(x, y, relation, p), mixture(x, y, relation, Partial(p, 1, 3))
    torch.testing.assert_close(out[:, 1:3], whole[:, 1:3])
    plain = AGGREGATORS["sym"](DIM)(x, y, relation)
    torch.testing.assert_close(out[:, [0, 3]], plain[:, [0, 3]])
    bare = mixture(x, y, relation, Partial(p, 1, 3, plain=False))
    torch.testing.assert_close(bare[:, 1:3], whole[:, 1:3])
    assert not bare[:, [0, 3]].any()


def test_activations_of_another_registry_name_join_the_fused_ones(leaf, assert_same, monkeypatch):
    monkeypatch.setitem(ACTIVATIONS._parts, "square", torch.square)
    x, p = leaf(6, DIM), leaf(3).detach().softmax(0).requires_grad_()
    mixture = ActivationMixture(["relu", "square", "tanh"], DIM)
    assert_same(mixture(x, p), p[0] * x.relu() + p[1] * x.square() + p[2] * x.tanh(), [x, p])
