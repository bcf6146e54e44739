import pytest
import torch

from supernet.data.dataset import UserItems
from supernet.evaluation.ranking import scores_dot, top_items


def user_items(rows):
    ptr = torch.tensor([0, *map(len, rows)]).cumsum(0)
    return UserItems(ptr, torch.tensor([item for row in rows for item in row], dtype=torch.int64))


def naive_top(scores, seen, k):
    """One full stable sort per user, in a Python loop."""
    lists = []
    for user, row in enumerate(scores.tolist()):
        known = set(seen.items[seen.ptr[user] : seen.ptr[user + 1]].tolist())
        best = sorted((item for item in range(len(row)) if item not in known), key=lambda item: -row[item])
        lists.append((best + [-1] * k)[:k])
    return torch.tensor(lists)


def random_seen(n_users, n_items, generator, share=0.3):
    mask = torch.rand(n_users, n_items, generator=generator) < share
    return user_items([row.nonzero()[:, 0].tolist() for row in mask])


@pytest.mark.parametrize("block", [1, 2, 3, 64])
@pytest.mark.parametrize("memory", [1, 5_000, 20_000, 2**28])
@pytest.mark.parametrize("levels", [None, 3], ids=["distinct", "ties"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_a_full_sort_per_user(memory, levels, dtype, block, monkeypatch):
    monkeypatch.setattr("ops.top.BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(23, 101, generator=generator, dtype=dtype)
    if levels:
        scores = (scores * levels).round() / levels
    seen = random_seen(23, 101, generator)
    top = top_items(lambda users: scores[users], torch.arange(23), seen, k=7, memory=memory)
    assert torch.equal(top, naive_top(scores, seen, 7))


def test_a_subset_of_users_in_any_order():
    generator = torch.Generator().manual_seed(1)
    scores, seen = torch.randn(9, 12, generator=generator), random_seen(9, 12, generator)
    users = torch.tensor([7, 0, 3, 3])
    assert torch.equal(top_items(lambda u: scores[u], users, seen, 4), naive_top(scores, seen, 4)[users])


def test_chunks_respect_the_memory_bound():
    sizes = []

    def score(users):
        sizes.append(len(users))
        return torch.rand(len(users), 100)

    top_items(score, torch.arange(50), user_items([[]] * 50), k=3, memory=8 * 4 * 100 * 16)
    assert sizes == [1, 16, 16, 16, 1]


def test_users_who_have_seen_nearly_everything_get_minus_one():
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]])
    seen = user_items([[0, 1, 3], [0, 1, 2, 3], []])
    top = top_items(lambda users: scores[users], torch.arange(3), seen, k=3)
    assert top.tolist() == [[2, -1, -1], [-1, -1, -1], [0, 1, 2]]


def test_a_list_longer_than_the_catalogue_is_padded():
    top = top_items(lambda users: torch.tensor([[1.0, 2.0]]), torch.tensor([0]), user_items([[]]), k=4)
    assert top.tolist() == [[1, 0, -1, -1]]


def test_no_users_give_no_lists():
    top = top_items(lambda users: torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64), user_items([]), k=2)
    assert top.shape == (0, 2)


def test_nan_scores_are_counted_in_the_error():
    scores = torch.zeros(3, 4)
    scores[1, 2] = scores[1, 3] = torch.nan
    with pytest.raises(FloatingPointError, match=r"scores are NaN for 1 of 2 users"):
        top_items(lambda users: scores[users], torch.arange(3), user_items([[], [2], []]), k=2)


def test_a_score_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="must return"):
        top_items(lambda users: torch.zeros(5, 4), torch.arange(2), user_items([[], []]), k=2)


def test_k_below_one_is_refused():
    with pytest.raises(ValueError, match="k must be at least 1, found 0"):
        top_items(lambda users: torch.zeros(2, 4), torch.arange(2), user_items([[], []]), k=0)


def test_scores_dot_is_the_inner_product_and_keeps_no_gradient():
    users, items = (
        torch.tensor([[1.0, 0.0], [1.0, 2.0]], requires_grad=True),
        torch.tensor([[3.0, 1.0], [0.0, 5.0]]),
    )
    score = scores_dot(users, items)
    assert score(torch.tensor([1, 0])).tolist() == [[5.0, 10.0], [3.0, 0.0]]
    assert top_items(score, torch.arange(2), user_items([[], [1]]), k=1).tolist() == [[0], [0]]
