"""The contrast of noisy views: its noise, its formula on clean views, and where it is added."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from supernet.data.sampling import Batch
from supernet.model.perturb import Dropout
from supernet.runtime import InputError
from supernet.space import SearchSpace
from supernet.training.fit import fit, perturbation, training_loss
from supernet.training.losses import Noise, step_loss
from supernet.training.recipe import Recipe

USERS, ITEMS = torch.tensor([0, 1, 1, 3]), torch.tensor([2, 0, 2, 4])
BATCH = Batch(USERS, ITEMS, torch.tensor([7, 1, 7]))
RECIPE = Recipe(negatives=3, contrast=0.5, noise=0.0, contrast_layer=1, contrast_temperature=0.3)
SPACES = {
    "light": SearchSpace(2, ("sym",), ("light",), ("identity",), ("mean",)),
    "gcn": SearchSpace(2, ("max",), ("gcn",), ("tanh",), ("last",)),
}


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=list(SPACES))
def net(request, tiny):
    return tiny.model(space=SPACES[request.param])


def test_noise_is_a_push_of_its_length_away_from_zero():
    x = torch.randn(50, 8, generator=gen())
    x[3, 2] = 0.0
    moved = Noise(0.3, gen(1))(x) - x
    rows = torch.arange(50) != 3
    torch.testing.assert_close(moved.norm(dim=1)[rows], torch.full((49,), 0.3))
    assert bool((moved * x >= 0).all())
    assert float(moved[3, 2]) == 0.0
    assert moved.abs().std(dim=0).min() > 0.01  # not the same push for all
    assert torch.equal(Noise(0.3, gen(1))(x) - x, moved)
    assert torch.equal(Noise(0.0, gen())(x), x)


def test_noise_carries_the_gradient_as_it_is():
    x = torch.randn(5, 3, generator=gen()).requires_grad_()
    (found,) = torch.autograd.grad((Noise(0.3, gen())(x) * torch.arange(3.0)).sum(), x)
    torch.testing.assert_close(found, torch.arange(3.0).expand(5, 3))


def by_hand(history, final, layer):
    """InfoNCE over the nodes of each side of the batch, one softmax a node."""
    total = 0.0
    for side, vectors, nodes in (("user", final.user, [0, 1, 3]), ("item", final.item, [0, 2, 4])):
        view = history[side][layer]
        for node in nodes:
            scores = torch.stack(
                [F.cosine_similarity(vectors[node], view[other], dim=0) / 0.3 for other in nodes]
            )
            total = total - scores.log_softmax(dim=0)[nodes.index(node)] / len(nodes)
    return total


@pytest.mark.parametrize("layer", [0, 1, 2, 5])
def test_without_noise_it_is_the_formula_on_clean_vectors(net, tiny, layer):
    recipe = replace(RECIPE, contrast_layer=layer)
    actual = training_loss(net, tiny.graph, BATCH, recipe, generator=gen())
    plain = step_loss(net, tiny.graph, BATCH, recipe)
    expected = plain + 0.5 * by_hand(net.history(tiny.graph), net(tiny.graph), min(layer, 2))
    torch.testing.assert_close(actual, expected)
    for a, b in zip(*(torch.autograd.grad(x, net.weights()) for x in (actual, expected)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_history_is_what_is_read_out(net, tiny):
    found = net.read_out(net.history(tiny.graph))
    for a, b in zip(found, net(tiny.graph), strict=True):
        torch.testing.assert_close(a, b)
    assert [len(layers) for layers in net.history(tiny.graph).values()] == [3, 3]


def test_noise_reaches_the_ranking_loss_too(net, tiny):
    """Both losses read one noisy pass, drawn from the step's generator."""
    recipe = replace(RECIPE, noise=0.4)
    first, again, other = (
        training_loss(net, tiny.graph, BATCH, recipe, generator=gen(s)).item() for s in (0, 0, 1)
    )
    assert first == again != other
    noisy = step_loss(net, tiny.graph, BATCH, recipe, None, Noise(0.4, gen()))
    assert abs(noisy.item() - step_loss(net, tiny.graph, BATCH, recipe).item()) > 1e-3


def test_no_contrast_draws_nothing(net, tiny):
    generator = gen()
    loss = training_loss(net, tiny.graph, BATCH, replace(RECIPE, contrast=0.0), generator=generator)
    assert torch.equal(generator.get_state(), gen().get_state())
    assert torch.equal(loss, step_loss(net, tiny.graph, BATCH, RECIPE))


def test_dropout_comes_before_noise():
    x = torch.randn(9, 4, generator=gen())
    found = perturbation(replace(RECIPE, dropout=0.5, noise=0.2), gen(4))(x)
    generator = gen(4)
    assert torch.equal(found, Noise(0.2, generator)(Dropout(0.5, generator)(x)))
    assert perturbation(Recipe(), gen()) is None


def test_a_wider_read_out_is_refused(tiny):
    wide = tiny.model(space=SearchSpace(2, ("sym",), ("light",), ("identity",), ("concat",)))
    with pytest.raises(InputError, match="as wide as a layer's, 4, found 12; leave the concat"):
        training_loss(wide, tiny.graph, BATCH, RECIPE, generator=gen())


def test_training_repeats_and_ranking_is_without_noise(net, tiny):
    recipe = replace(RECIPE, noise=0.3, epochs=3, batch_size=20, lr=0.05, edge_dropout=0.2, dropout=0.1)
    twin = tiny.model(space=net.space)
    for model in (net, twin):
        fit(model, tiny.graph, tiny.train, tiny.seen, recipe, gen())
    assert all(torch.equal(a, b) for a, b in zip(net.weights(), twin.weights(), strict=True))
    assert torch.equal(net(tiny.graph).user, net(tiny.graph).user)
