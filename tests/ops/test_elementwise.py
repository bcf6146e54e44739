"""Activations, read-outs and scores: what has no graph."""

import pytest
import torch

from ops.activation import ACTIVATIONS
from ops.readout import READOUTS
from ops.score import SCORES

N, DIM, LAYERS = 5, 4, 2

ACTIVATION = {
    "identity": lambda x: x,
    "relu": lambda x: torch.where(x > 0, x, 0.0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.2 * x),
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
}


def layer_attention(xs, w):
    """A softmax over the layers, node by node, in a Python loop."""
    nodes = []
    for i in range(len(xs[0])):
        own = torch.stack([x[i] for x in xs])
        nodes.append((own @ w["query"]).softmax(0) @ own)
    return torch.stack(nodes)


READOUT = {  # xs: L + 1 layers (N, D); w: weights by name
    "last": lambda xs, w: xs[-1],
    "mean": lambda xs, w: torch.stack(xs).mean(0),
    "sum": lambda xs, w: torch.stack(xs).sum(0),
    "layer0": lambda xs, w: 0.2 * xs[0] + 0.8 * torch.stack(xs[1:]).mean(0),
    "max": lambda xs, w: torch.stack(xs).amax(0),
    "concat": lambda xs, w: torch.stack(xs, dim=1).reshape(len(xs[0]), -1),
    "attention": layer_attention,
}


def mlp(u, i, w):
    return (u @ w["users"] + i @ w["items"] + w["bias"]).clamp(min=0) @ w["out"]


SCORE = {  # one user with one item, each (D,)
    "dot": lambda u, i, w: (u * i).sum(),
    "cosine": lambda u, i, w: (u * i).sum() / ((u * u).sum() * (i * i).sum()).sqrt(),
    "mlp": mlp,
}


@pytest.mark.parametrize(
    ("reference", "registry"),
    [(ACTIVATION, ACTIVATIONS), (READOUT, READOUTS), (SCORE, SCORES)],
    ids=["activation", "read-out", "score"],
)
def test_every_registered_name_has_a_reference(reference, registry):
    assert set(reference) == set(registry)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activation_is_its_formula(name, leaf, assert_same):
    x = leaf(N, DIM, scale=2.0)
    assert_same(ACTIVATIONS[name](x), ACTIVATION[name](x), [x])


@pytest.mark.parametrize("share", [0.0, 0.35, 1.0])
def test_layer0_has_any_share(share, leaf, assert_same):
    xs = [leaf(N, DIM) for _ in range(3)]
    expected = share * xs[0] + (1 - share) / 2 * (xs[1] + xs[2])
    assert_same(READOUTS[f"layer0({share})"](DIM, 2)(xs), expected, xs)
    assert torch.equal(READOUTS[f"layer0({share})"](DIM, 0)(xs[:1]), xs[0])


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", list(READOUTS))
def test_readout_is_its_formula(name, layers, leaf, initialised, assert_same):
    module = initialised(READOUTS[name](DIM, layers))
    xs = [leaf(N, DIM) for _ in range(layers + 1)]
    weights = dict(module.named_parameters())
    assert_same(module(xs), READOUT[name](xs, weights), [*xs, *weights.values()])


@pytest.mark.parametrize("name", list(SCORES))
def test_score_is_its_formula(name, leaf, initialised, assert_same):
    module = initialised(SCORES[name](DIM))
    users, items = leaf(3, DIM), leaf(N, DIM)
    weights = dict(module.named_parameters())
    expected = torch.stack([torch.stack([SCORE[name](u, i, weights) for i in items]) for u in users])
    assert_same(module(users, items), expected, [users, items, *weights.values()])
    crossed = module.pairs(users[:, None], items[None])  # row with row, broadcast
    assert_same(crossed, expected, [users, items, *weights.values()])


def test_cosine_of_a_zero_vector_is_zero(leaf):
    users, items = leaf(2, DIM), torch.zeros(N, DIM).to(leaf(1)).requires_grad_()
    score = SCORES["cosine"](DIM)(users, items)
    assert torch.equal(score, torch.zeros_like(score))
    score.sum().backward()
    assert bool(items.grad.isfinite().all())


def test_layer_attention_starts_as_the_mean(leaf):
    module = READOUTS["attention"](DIM, LAYERS)
    module.reset_parameters(torch.Generator())
    xs = [leaf(N, DIM) for _ in range(LAYERS + 1)]
    torch.testing.assert_close(module.to(xs[0])(xs), torch.stack(xs).mean(0))


def test_layers_of_the_wrong_number_raise():
    with pytest.raises(ValueError, match="zip"):
        READOUTS["mean"](DIM, LAYERS)([torch.zeros(N, DIM)])
