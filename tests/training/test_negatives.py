"""Which negatives a loss gets: drawn by popularity, the hardest of a pool, or all items."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from ops import sampled_softmax
from ops.mixture import ScoreMixture
from supernet.data.sampling import Batch, shared_negatives, unseen_negatives
from supernet.model.recommender import Vectors
from supernet.training.fit import fit
from supernet.training.losses import batch_loss, correction, draw_negatives, hardest, step_loss
from supernet.training.recipe import Recipe

USERS, ITEMS = torch.tensor([0, 1, 1, 3]), torch.tensor([2, 0, 2, 4])
ALL = Batch(USERS, ITEMS, torch.arange(6))


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def vectors():
    generator = gen()
    return Vectors(*(2 * torch.randn(n, 3, generator=generator).requires_grad_() for n in (4, 6)))


def model(*names):
    return SimpleNamespace(score=ScoreMixture(names, 3))


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (Recipe(sampling="popularity", negatives=5), (5,)),
        (Recipe(sampling="hard", negatives=5, candidates=3), (15,)),
        (Recipe(sampling="all"), (10,)),
        (Recipe(loss="bpr", sampling="popularity", negatives=3), (4, 3)),
        (Recipe(loss="bpr", sampling="hard", negatives=2, candidates=3), (4, 6)),
        (Recipe(loss="directau", sampling="hard"), (0,)),
    ],
)
def test_what_is_drawn(tiny, recipe, shape):
    drawn = draw_negatives(USERS, tiny.seen, 10, recipe, gen())
    assert drawn.shape == shape
    assert drawn.dtype == torch.int64


def test_uniform_draws_are_those_of_the_uniform_samplers(tiny):
    shared = draw_negatives(USERS, tiny.seen, 10, Recipe(negatives=5), gen())
    assert torch.equal(shared, shared_negatives(5, 10, gen()))
    each = draw_negatives(USERS, tiny.seen, 10, Recipe(loss="bpr", negatives=2), gen())
    assert torch.equal(each, unseen_negatives(USERS, tiny.seen, 10, 2, gen()))


def test_popular_items_are_drawn_more_often(tiny):
    recipe = Recipe(sampling="popularity", negatives=40_000, popularity=2.0)
    drawn = draw_negatives(USERS, tiny.seen, 10, recipe, gen())
    degree = torch.bincount(tiny.train.items, minlength=10).double().square()
    share = torch.bincount(drawn, minlength=10) / 40_000
    torch.testing.assert_close(share.double(), degree / degree.sum(), rtol=0.0, atol=0.015)


def test_all_items_are_for_shared_negatives(tiny):
    with pytest.raises(ValueError, match="sampling=all is for"):
        draw_negatives(USERS, tiny.seen, 10, Recipe(loss="bpr", sampling="all"), gen())


@pytest.mark.parametrize(("hard", "kept"), [(0.0, 0), (0.25, 1), (0.5, 2), (0.6, 3), (1.0, 4)])
def test_of_a_pool_the_hardest_of_each_pair_are_kept(vectors, hard, kept):
    recipe = Recipe(loss="bpr", negatives=4, candidates=3, hard=hard)
    negatives = torch.stack([torch.randperm(12, generator=gen(k)) for k in range(4)]) % 6
    users, pool = vectors.user[USERS], vectors.item[negatives]
    found = hardest(model("dot").score, users, pool, negatives, recipe)
    score = (vectors.user @ vectors.item.t()).detach()
    assert found.shape == (4, 4)
    assert not found.requires_grad
    for row, user, ids in zip(found.tolist(), USERS, negatives.tolist(), strict=True):
        plain, rest = ids[: 4 - kept], ids[4 - kept :]
        ordered = sorted(rest, key=lambda j, u=user: -float(score[u, j]))
        assert row[: 4 - kept] == plain
        assert sorted(row[4 - kept :]) == sorted(ordered[:kept])


def test_of_a_shared_pool_those_that_weigh_most_are_kept(vectors):
    recipe = Recipe(negatives=2, candidates=3, hard=0.5, temperature=0.5)
    negatives = torch.tensor([3, 0, 1, 2, 4, 5])
    found = hardest(model("dot").score, vectors.user[USERS], vectors.item[negatives], negatives, recipe)
    weight = (vectors.user[USERS] @ vectors.item.t() / 0.5).exp().sum(dim=0).tolist()
    assert found.tolist() == [3, max((0, 1, 2, 4, 5), key=lambda j: weight[j])]


@pytest.mark.parametrize("similarity", ["cosine", "score"])
@pytest.mark.parametrize("name", ["bpr", "ccl", "softmax", "bsl"])
def test_the_loss_is_that_of_the_kept_negatives(name, similarity, vectors):
    """Chosen by the similarity that is trained, and with gradients to the chosen alone."""
    shared = name in ("softmax", "bsl")
    recipe = Recipe(loss=name, similarity=similarity, sampling="hard", negatives=1, candidates=5, hard=1.0)
    recipe = replace(recipe, margin=-1.0, in_batch=False)
    pool = torch.tensor([1, 3, 5, 1, 3]) if shared else torch.tensor([[1, 3, 5, 1, 3]] * 4)
    x = [F.normalize(v, dim=1) if similarity == "cosine" else v for v in vectors]
    score = x[0][USERS] @ x[1].t()
    best = score[:, [1, 3, 5]].argmax(dim=1)
    if shared:
        best = (score[:, [1, 3, 5]] / recipe.temperature).logsumexp(dim=0).argmax().view(1)
    chosen = torch.tensor([1, 3, 5])[best]
    kept = Batch(USERS, ITEMS, chosen if shared else chosen.unsqueeze(1))
    actual = batch_loss(model("dot"), vectors, Batch(USERS, ITEMS, pool), recipe)
    expected = batch_loss(model("dot"), vectors, kept, replace(recipe, sampling="uniform"))
    torch.testing.assert_close(actual, expected)
    for a, b in zip(*(torch.autograd.grad(z, vectors) for z in (actual, expected)), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("names", [("dot",), ("dot", "cosine")], ids=str)
@pytest.mark.parametrize("similarity", ["cosine", "score"])
def test_a_learnt_temperature_chooses_as_a_given_one_does(names, similarity, vectors):
    """At 0.05 other items of the pool are hard than at 1."""
    recipe = Recipe(similarity=similarity, sampling="hard", negatives=2, candidates=3, hard=0.5)
    p = {} if len(names) == 1 else {"score": torch.tensor([0.3, 0.7])}
    unit, given = (replace(recipe, temperature=t) for t in (1.0, 0.05))
    learnt = batch_loss(model(*names), vectors, ALL, unit, p, sharpness=torch.tensor(1 / 0.05))
    torch.testing.assert_close(learnt, batch_loss(model(*names), vectors, ALL, given, p))


def dense(vectors, names, similarity, offset=0.0):
    """Scores of the batch's users with all items, from the whole matrix."""
    if similarity == "cosine" or names == ("cosine",):
        vectors = [F.normalize(v, dim=1) for v in vectors]
    return (vectors[0] @ vectors[1].t())[USERS] / 0.3 + offset


@pytest.mark.parametrize("chunk", [1 << 20, 7], ids=["one block", "rows"])
@pytest.mark.parametrize("names", [("dot",), ("cosine",)], ids=str)
@pytest.mark.parametrize("similarity", ["cosine", "score"])
@pytest.mark.parametrize("corrected", [False, True])
def test_the_softmax_over_all_items_is_the_dense_cross_entropy(
    vectors, similarity, names, corrected, chunk, monkeypatch
):
    monkeypatch.setattr(sampled_softmax, "CHUNK", chunk)
    offset = torch.linspace(-1, 1, 6) if corrected else None
    recipe = Recipe(temperature=0.3, similarity=similarity, sampling="all")
    actual = batch_loss(model(*names), vectors, ALL, recipe, None, offset)
    logits = dense(vectors, names, similarity, 0.0 if offset is None else offset)
    expected = F.cross_entropy(logits, ITEMS)
    torch.testing.assert_close(actual, expected)
    for a, b in zip(*(torch.autograd.grad(z, vectors) for z in (actual, expected)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_large_scores_over_all_items_do_not_overflow(vectors):
    wide = Vectors(*(40 * v.detach() for v in vectors))
    actual = batch_loss(model("dot"), wide, ALL, Recipe(temperature=0.3, similarity="score", sampling="all"))
    torch.testing.assert_close(actual, F.cross_entropy(dense(wide, ("dot",), "score"), ITEMS))


def test_bsl_over_all_items(vectors):
    recipe = Recipe(loss="bsl", temperature=0.3, positive_temperature=0.3, sampling="all", similarity="score")
    own = (vectors.user[USERS] * vectors.item[ITEMS]).sum(1) / 0.3
    others = dense(vectors, ("dot",), "score").scatter(1, ITEMS.unsqueeze(1), -torch.inf).logsumexp(1)
    good = torch.stack([own[0], *[own[1:3].exp().mean().log()] * 2, own[3]])
    actual = batch_loss(model("dot"), vectors, ALL, recipe)
    torch.testing.assert_close(actual, (others - good).mean())


def test_all_items_need_a_score_that_is_one_product(vectors):
    with pytest.raises(ValueError, match=r"set space.score=\[dot\] or \[cosine\]"):
        batch_loss(model("dot", "mlp"), vectors, ALL, Recipe(sampling="all"), {"score": torch.ones(2) / 2})


@pytest.mark.parametrize("recipe", [Recipe(sampling="all"), Recipe(sampling="hard", negatives=2)], ids=str)
def test_a_step_reads_what_was_drawn(tiny, recipe):
    """Computed for the batch's rows alone or from all vectors: the same."""
    recipe, net = replace(recipe, correction=0.4), tiny.model()
    batch = Batch(USERS, ITEMS, draw_negatives(USERS, tiny.seen, 10, recipe, gen()))
    whole = batch_loss(net, net(tiny.graph), batch, recipe, None, correction(tiny.graph, 0.4))
    torch.testing.assert_close(step_loss(net, tiny.graph, batch, recipe), whole)


@pytest.mark.parametrize(
    ("sampling", "loss"),
    [("popularity", "softmax"), ("hard", "softmax"), ("all", "bsl"), ("popularity", "bpr"), ("hard", "bpr")],
)
def test_training_repeats(tiny, sampling, loss):
    recipe = Recipe(epochs=8, batch_size=20, lr=0.05, loss=loss, sampling=sampling, negatives=2)
    results = [fit(tiny.model(), tiny.graph, tiny.train, tiny.seen, recipe, gen()) for _ in range(2)]
    one, two = ([epoch.loss for epoch in result.history] for result in results)
    assert one == two
    assert one[-1] < one[0]
