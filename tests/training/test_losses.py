"""Losses against loops over pairs that a reader can trust at sight, value and gradient."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ops.mixture import ScoreMixture
from supernet.data.dataset import Pairs
from supernet.data.graph import build_graph
from supernet.data.sampling import Batch
from supernet.model.recommender import Vectors
from supernet.training.fit import training_loss
from supernet.training.losses import LOSSES, SOLE, Scored, batch_loss, correction, draw_negatives, step_loss
from supernet.training.recipe import Recipe

USERS = torch.tensor([0, 1, 1, 3])
ITEMS = torch.tensor([2, 0, 2, 4])  # item 2 twice: it is no negative of itself
SHARED = torch.tensor([4, 1, 1])
EACH = torch.tensor([[1, 3], [4, 1], [0, 0], [2, 5]])


def softmax(s, batch, recipe):
    """Minus log of the share of the own item among itself and its negatives."""
    total = 0.0
    for b, (user, item) in enumerate(zip(batch.users, batch.items, strict=True)):
        others = [j for c, j in enumerate(batch.items) if recipe.in_batch and c != b]
        pool = [j for j in (*others, *batch.negatives) if j != item]
        own = torch.exp(s(user, item) / recipe.temperature)
        total -= torch.log(own / (own + sum(torch.exp(s(user, j) / recipe.temperature) for j in pool)))
    return total / len(batch.users)


def bpr(s, batch, recipe):
    terms = [
        torch.log(1 + torch.exp(s(u, j) - s(u, i))) for u, i, row in zip(*batch, strict=True) for j in row
    ]
    return sum(terms) / len(terms)


def bce(s, batch, recipe):
    total = 0.0
    for u, i, row in zip(*batch, strict=True):
        total -= torch.log(torch.sigmoid(s(u, i)))
        total -= sum(torch.log(1 - torch.sigmoid(s(u, j))) for j in row) / len(row)
    return total / len(batch.users)


def ccl(s, batch, recipe):
    total = 0.0
    for u, i, row in zip(*batch, strict=True):
        total += 1 - s(u, i)
        total += (
            recipe.negative_weight * sum(max(s(u, j) - recipe.margin, 0 * s(u, j)) for j in row) / len(row)
        )
    return total / len(batch.users)


def bsl(s, batch, recipe, offset=lambda j: 0.0):
    """Minus log of the mean of exp over the user's pairs, and log of the sum of exp over the negatives."""
    total, low, high = 0.0, recipe.positive_temperature, recipe.temperature
    for b, (user, item) in enumerate(zip(batch.users, batch.items, strict=True)):
        good = [i for u, i in zip(batch.users, batch.items, strict=True) if u == user]
        total -= torch.log(sum(torch.exp(s(user, i) / low) for i in good) / len(good))
        others = [j for c, j in enumerate(batch.items) if recipe.in_batch and c != b]
        pool = [j for j in (*others, *batch.negatives) if j != item]
        total += high / low * torch.log(sum(torch.exp(s(user, j) / high + offset(j)) for j in pool))
    return total / len(batch.users)


NAIVE = {"bsl": bsl, "softmax": softmax, "bpr": bpr, "bce": bce, "ccl": ccl}

CASES = {
    "in-batch": (Recipe(), torch.zeros(0, dtype=torch.long)),
    "in-batch and shared": (Recipe(temperature=0.5), SHARED),
    "shared alone": (Recipe(in_batch=False), SHARED),
    "bsl in-batch": (Recipe(loss="bsl", positive_temperature=0.5), torch.zeros(0, dtype=torch.long)),
    "bsl": (Recipe(loss="bsl", temperature=0.5, positive_temperature=0.3), SHARED),
    "bsl shared alone": (Recipe(loss="bsl", positive_temperature=0.3, in_batch=False), SHARED),
    "bpr": (Recipe(loss="bpr"), EACH),
    "bce": (Recipe(loss="bce"), EACH),
    "ccl": (Recipe(loss="ccl", margin=-0.1, negative_weight=2.0), EACH),
}


class Model:
    """As much of a model as a loss reads."""

    def __init__(self, *names, dim=3):
        self.score = ScoreMixture(names, dim)
        for k, weight in enumerate(self.score.parameters()):
            weight.data = torch.randn(weight.shape, generator=torch.Generator().manual_seed(k))


@pytest.fixture
def vectors():
    generator = torch.Generator().manual_seed(0)
    return Vectors(*(torch.randn(n, 3, generator=generator).requires_grad_() for n in (4, 6)))


def test_every_loss_has_a_naive_formula():
    assert set(NAIVE) | set(SOLE) == set(LOSSES)  # those of SOLE are tested in test_directau


@pytest.mark.parametrize("similarity", ["cosine", "score"])
@pytest.mark.parametrize("case", list(CASES))
def test_is_the_naive_formula(case, similarity, vectors):
    recipe, negatives = CASES[case]
    recipe = replace(recipe, similarity=similarity)
    batch = Batch(USERS, ITEMS, negatives)

    def s(u, j):
        dot = vectors.user[u] @ vectors.item[j]
        return dot if similarity == "score" else dot / (vectors.user[u].norm() * vectors.item[j].norm())

    actual, expected = batch_loss(Model("dot"), vectors, batch, recipe), NAIVE[recipe.loss](s, batch, recipe)
    torch.testing.assert_close(actual, expected)
    got, wanted = (torch.autograd.grad(loss, vectors) for loss in (actual, expected))
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
        assert bool(a.any())


@pytest.mark.parametrize("names", [("dot",), ("dot", "mlp")], ids=str)
@pytest.mark.parametrize("case", ["in-batch", "in-batch and shared", "shared alone"])
def test_a_correction_takes_the_degree_off_every_score(case, names, vectors):
    """Item 0 has 4 edges, 1 has 2, the others none, which count as 1; edges between items do not count."""
    edges = Pairs(torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([0, 0, 0, 0, 1, 1]))
    recipe, negatives = CASES[case]
    recipe = replace(recipe, correction=0.5, similarity="score")
    graph = build_graph(edges, 4, 6, relations=("interactions", "cooccurrence"))
    offset = correction(graph, 0.5)
    degree = torch.tensor([4.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    torch.testing.assert_close(offset, -0.5 * (degree / degree.mean()).log())
    batch, model = Batch(USERS, ITEMS, negatives), Model(*names)
    p = None if len(names) == 1 else {"score": torch.tensor([0.6, 0.4])}

    def s(u, j):
        mixed = [
            f(vectors.user[u].unsqueeze(0), vectors.item[j].unsqueeze(0))[0, 0]
            for f in model.score.candidates.values()
        ]
        score = mixed[0] if p is None else 0.6 * mixed[0] + 0.4 * mixed[1]
        return score - 0.5 * recipe.temperature * (degree[j] / degree.mean()).log()

    actual = batch_loss(model, vectors, batch, recipe, p, offset)
    expected = softmax(s, batch, recipe)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    if p is None:
        recipe = replace(recipe, similarity="cosine")

        def cosine(users, items, pairs=False):
            return model.score(F.normalize(users, dim=-1), F.normalize(items, dim=-1), None, pairs)

        read = (vectors.user[USERS], vectors.item[ITEMS], vectors.item[negatives])
        plain = LOSSES["softmax"](Scored(cosine, *read, batch, recipe, offset))
        torch.testing.assert_close(batch_loss(model, vectors, batch, recipe, None, offset), plain)


@pytest.mark.parametrize("similarity", ["cosine", "score"])
@pytest.mark.parametrize("case", ["bsl in-batch", "bsl", "bsl shared alone"])
def test_a_correction_of_bsl_is_of_its_negatives(case, similarity, vectors):
    recipe, negatives = CASES[case]
    recipe, batch = replace(recipe, similarity=similarity), Batch(USERS, ITEMS, negatives)
    offset = torch.linspace(-1, 2, 6)

    def s(u, j):
        pair = vectors.user[u], vectors.item[j]
        return pair[0] @ pair[1] if similarity == "score" else F.cosine_similarity(*pair, dim=0)

    actual = batch_loss(Model("dot"), vectors, batch, recipe, None, offset)
    torch.testing.assert_close(actual, bsl(s, batch, recipe, lambda j: offset[j]))


@pytest.mark.parametrize("similarity", ["cosine", "score"])
def test_bsl_of_equal_temperatures_is_the_softmax_without_the_own_item(similarity, vectors):
    """Pair by pair, softmax = log(1 + e^bsl)."""
    for user, item in zip(USERS, ITEMS, strict=True):
        batch = Batch(user.view(1), item.view(1), SHARED)
        recipe = Recipe(temperature=0.4, positive_temperature=0.4, similarity=similarity)
        one, two = (
            batch_loss(Model("dot"), vectors, batch, replace(recipe, loss=name))
            for name in ("bsl", "softmax")
        )
        torch.testing.assert_close(F.softplus(one), two)


@pytest.mark.parametrize("similarity", ["cosine", "score"])
def test_a_pair_alone_in_its_batch_counts_its_positive(similarity, vectors):
    """The last batch of a pass may be one pair; its in-batch negatives are then none."""
    batch = Batch(USERS[:1], ITEMS[:1], torch.zeros(0, dtype=torch.long))
    recipe = Recipe(loss="bsl", positive_temperature=0.5, similarity=similarity)
    loss = batch_loss(Model("dot"), vectors, batch, recipe)
    u, i = vectors.user[USERS[0]], vectors.item[ITEMS[0]]
    score = u @ i if similarity == "score" else F.cosine_similarity(u, i, dim=0)
    torch.testing.assert_close(loss, -score / 0.5)
    assert all(bool(g.isfinite().all()) for g in torch.autograd.grad(loss, vectors))


@pytest.mark.parametrize("in_batch", [True, False])
def test_a_step_takes_the_correction_of_its_own_items(tiny, in_batch):
    """What is computed for the batch's rows alone is what all vectors and all offsets give."""
    recipe = Recipe(correction=0.7, in_batch=in_batch, negatives=3)
    model, batch = tiny.model(), Batch(USERS, ITEMS, torch.tensor([8, 1, 9]))
    actual = step_loss(model, tiny.graph, batch, recipe)
    every = batch_loss(model, model(tiny.graph), batch, recipe, None, correction(tiny.graph, 0.7))
    torch.testing.assert_close(actual, every)
    plain = step_loss(model, tiny.graph, batch, replace(recipe, correction=0.0))
    assert abs(actual.item() - plain.item()) > 1e-3


@pytest.mark.parametrize("autocast", [False, True])
def test_autocast_rounds_the_products_of_the_loss(tiny, monkeypatch, autocast):
    seen = []

    def spy(scored):
        seen.append(torch.get_float32_matmul_precision())
        return scored.users.sum()

    monkeypatch.setitem(LOSSES._parts, "softmax", spy)
    batch = Batch(USERS, ITEMS, torch.tensor([8, 1, 9]))
    step_loss(tiny.model(), tiny.graph, batch, Recipe(autocast=autocast))
    assert seen == ["medium" if autocast else "highest"]
    assert torch.get_float32_matmul_precision() == "highest"


def test_no_correction_is_no_offset():
    assert correction(build_graph(Pairs(USERS, ITEMS), 4, 6), 0.0) is None


@pytest.mark.parametrize("case", list(CASES))
def test_a_mixture_of_scores_is_trained_through(case, vectors):
    """mlp reads the vectors as they are, whatever the similarity."""
    recipe, negatives = CASES[case]
    model, batch = Model("dot", "mlp"), Batch(USERS, ITEMS, negatives)
    p = torch.tensor([0.3, 0.7], requires_grad=True)

    def s(u, j):
        users, items = vectors.user[u].unsqueeze(0), vectors.item[j].unsqueeze(0)
        candidates = zip(p, model.score.candidates.values(), strict=True)
        return sum(q * score(users, items)[0, 0] for q, score in candidates)

    actual = batch_loss(model, vectors, batch, recipe, {"score": p})
    expected = NAIVE[recipe.loss](s, batch, recipe)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    a, b = (torch.autograd.grad(loss, p)[0] for loss in (actual, expected))
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_softmax_of_equal_scores_counts_the_candidates():
    """Three others in the batch, one of them the same item for two of the pairs."""
    same = Vectors(torch.ones(4, 3), torch.ones(6, 3))
    loss = batch_loss(Model("dot"), same, Batch(USERS, ITEMS, torch.zeros(0, dtype=torch.long)), Recipe())
    assert loss.item() == pytest.approx((2 * math.log(3) + 2 * math.log(4)) / 4)


def test_softmax_without_negatives_is_refused(vectors):
    none = Batch(USERS, ITEMS, torch.zeros(0, dtype=torch.long))
    with pytest.raises(ValueError, match=r"set loss.in_batch=true or loss.negatives above 0"):
        batch_loss(Model("dot"), vectors, none, Recipe(in_batch=False))


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("scale", [-300.0, 300.0])
def test_losses_and_gradients_stay_finite(case, scale):
    """Scores of ±300 overflow a naive exp."""
    recipe, negatives = CASES[case]
    far = Vectors(torch.full((4, 1), scale, requires_grad=True), torch.ones(6, 1, requires_grad=True))
    far.item.data[::2] = -1
    loss = batch_loss(Model("dot"), far, Batch(USERS, ITEMS, negatives), replace(recipe, similarity="score"))
    assert bool(loss.isfinite())
    assert all(bool(g.isfinite().all()) for g in torch.autograd.grad(loss, far))


def test_the_l2_term_is_the_mean_squared_norm_of_the_rows_of_the_batch(tiny):
    model, batch = tiny.model(), Batch(USERS, ITEMS, torch.zeros(0, dtype=torch.long))
    u, i = (model.features[side].ids.weight for side in ("user", "item"))
    term = sum(u[k] @ u[k] for k in USERS) / 4 + sum(i[k] @ i[k] for k in ITEMS) / 4
    plain, with_l2 = (training_loss(model, tiny.graph, batch, Recipe(l2=l2)) for l2 in (0.0, 10.0))
    torch.testing.assert_close(with_l2 - plain, 10 * term)
    torch.testing.assert_close(plain, batch_loss(model, model(tiny.graph), batch, Recipe()))
    a, b = torch.autograd.grad(with_l2 - plain, [u, i]), torch.autograd.grad(10 * term, [u, i])
    torch.testing.assert_close(a[0], b[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(a[1], b[1], rtol=1e-4, atol=1e-5)


def test_the_l2_term_of_a_loss_with_negatives_of_its_own_has_their_rows_too(tiny):
    """LightGCN's ½‖E⁰‖² is over user, positive and negative of each triple (arXiv 2002.02126, eq. 15)."""
    negatives = torch.tensor([[1, 2], [0, 3], [5, 5], [2, 0]])
    model, recipe = tiny.model(), Recipe(loss="bpr", negatives=2)
    u, i = (model.features[side].ids.weight for side in ("user", "item"))
    term = sum(u[k] @ u[k] for k in USERS) / 4 + sum(i[k] @ i[k] for k in ITEMS) / 4
    term = term + sum(i[k] @ i[k] for k in negatives.flatten()) / 8
    batch = Batch(USERS, ITEMS, negatives)
    plain, with_l2 = (training_loss(model, tiny.graph, batch, replace(recipe, l2=l2)) for l2 in (0.0, 10.0))
    torch.testing.assert_close(with_l2 - plain, 10 * term)


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (Recipe(), (0,)),
        (Recipe(negatives=5), (5,)),
        (Recipe(loss="bsl", negatives=5), (5,)),
        (Recipe(loss="directau", negatives=5), (0,)),
        (Recipe(loss="bpr"), (4, 1)),
        (Recipe(loss="bce", negatives=3), (4, 3)),
    ],
)
def test_the_negatives_a_loss_needs(tiny, recipe, shape):
    drawn = draw_negatives(USERS, tiny.seen, 10, recipe, torch.Generator().manual_seed(0))
    assert drawn.shape == shape
    assert drawn.dtype == torch.int64


def test_cosines_of_zero_vectors_are_zero_not_nan():
    zero = Vectors(torch.zeros(4, 3).requires_grad_(), torch.zeros(6, 3).requires_grad_())
    loss = batch_loss(Model("dot"), zero, Batch(USERS, ITEMS, SHARED), Recipe())
    assert bool(loss.isfinite())
    assert all(bool(g.isfinite().all()) for g in torch.autograd.grad(loss, zero))
