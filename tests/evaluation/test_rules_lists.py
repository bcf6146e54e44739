"""Lists under rules against a loop over users and places, and against all lists there are."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernet.data.dataset import UserItems
from supernet.evaluation.ranking import top_items
from supernet.evaluation.rules import Rules, caps, load_rules, save_rules, top_by_rules
from supernet.evaluation.rules.caps import Caps, capped_top
from supernet.runtime import InputError


def user_items(rows):
    ptr = torch.tensor([0, *map(len, rows)]).cumsum(0)
    return UserItems(ptr, torch.tensor([item for row in rows for item in row], dtype=torch.int64))


def make_caps(bounds, n_items):
    members = [torch.tensor(sorted(items), dtype=torch.int64) for items, _, _ in bounds]
    return Caps.of(members, [limit for _, limit, _ in bounds], [until for _, _, until in bounds], n_items)


def naive_list(scores, k, bounds=(), excluded=(), known=(), boosts=None):
    """One user's list, place by place. bounds: (items of a kind, limit, until)."""
    scores = np.array(scores, dtype=np.float64)
    if boosts is not None:
        scores = scores + np.std(scores[np.isfinite(scores)]) * np.array(boosts)
    order = sorted(range(len(scores)), key=lambda item: -scores[item])
    left = [i for i in order if scores[i] > -np.inf and i not in excluded and i not in known]
    found = []
    for place in range(k):
        allowed = [
            item
            for item in left
            if item not in found
            and all(
                item not in kind or place >= until or len(kind & set(found)) < limit
                for kind, limit, until in bounds
            )
        ]
        if not allowed:
            break
        found.append(allowed[0])
    return found + [-1] * (k - len(found))


BOUND = st.tuples(st.sets(st.integers(0, 11)), st.integers(1, 3), st.integers(1, 9))
SCORES = st.lists(
    st.lists(st.sampled_from([-torch.inf, 0.0, 1.0, 2.0, 3.0]), min_size=12, max_size=12),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("depth", [1, 2, caps.DEPTH])
@given(scores=SCORES, bounds=st.lists(BOUND, max_size=5), k=st.integers(1, 12))
def test_capped_lists_equal_a_loop_over_places(depth, scores, bounds, k):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caps, "DEPTH", depth)
        found = capped_top(torch.tensor(scores), k, make_caps(bounds, 12))
    assert found.tolist() == [naive_list(row, k, bounds) for row in scores]


@pytest.mark.parametrize("memory", [1, 20_000, 2**28])
def test_all_rules_at_once_equal_a_loop_over_users(memory, device, dtype):
    generator = np.random.default_rng(0)
    n_users, n_items, k = 40, 300, 15
    scores = torch.from_numpy(generator.normal(size=(n_users, n_items)) * generator.uniform(0.1, 50, (40, 1)))
    scores = scores.to(device, dtype)
    known = [sorted(generator.choice(n_items, 20, replace=False).tolist()) for _ in range(n_users)]
    kinds = [set(generator.choice(n_items, 60, replace=False).tolist()) for _ in range(9)]
    bounds = [(kind, 1 + g % 3, (4, k)[g % 2]) for g, kind in enumerate(kinds)]
    excluded = torch.zeros(n_items, dtype=torch.bool)
    excluded[generator.choice(n_items, 50, replace=False)] = True
    boosts = torch.from_numpy(generator.choice([0.0, 0.5, -1.0], n_items))
    rules = Rules(excluded, boosts, make_caps(bounds, n_items))
    found = top_by_rules(
        lambda users: scores[users], torch.arange(n_users), user_items(known), k, rules, memory
    )
    left_out = set(excluded.nonzero()[:, 0].tolist())
    wanted = [
        naive_list(row, k, bounds, left_out, set(own), boosts.tolist())
        for row, own in zip(scores.tolist(), known, strict=True)
    ]
    assert found.tolist() == wanted
    plain = top_items(lambda users: scores[users].clone(), torch.arange(n_users), user_items(known), k)
    assert (plain != found).any(dim=1).all()


@given(
    scores=st.lists(st.integers(0, 50), min_size=8, max_size=8, unique=True),
    kind_of=st.lists(st.integers(0, 2), min_size=8, max_size=8),
    limits=st.tuples(*[st.integers(1, 3)] * 3),
)
def test_with_one_kind_an_item_no_list_that_keeps_the_caps_is_better(scores, kind_of, limits):
    bounds = [({i for i in range(8) if kind_of[i] == g}, limits[g], 5) for g in range(3)]
    found = [
        i for i in capped_top(torch.tensor([scores]).float(), 5, make_caps(bounds, 8))[0].tolist() if i >= 0
    ]
    lists = [
        chosen
        for size in range(6)
        for chosen in combinations(range(8), size)
        if all(len(kind & set(chosen)) <= limit for kind, limit, _ in bounds)
    ]
    longest = max(map(len, lists))
    assert len(found) == longest
    assert sum(scores[i] for i in found) == max(sum(scores[i] for i in c) for c in lists if len(c) == longest)


def test_a_passed_over_item_comes_back_where_the_cap_ends():
    bounds = [({0, 1, 2}, 1, 2)]
    found = capped_top(torch.tensor([[9.0, 8.0, 7.0, 1.0, 0.0]]), 5, make_caps(bounds, 5))
    assert found.tolist() == [[0, 3, 1, 2, 4]]


def test_a_list_ends_where_every_item_would_break_a_cap():
    bounds = [({0, 1, 2}, 1, 3), ({3, 4}, 1, 3)]
    assert capped_top(torch.rand(1, 5), 3, make_caps(bounds, 5))[0].ge(0).tolist() == [True, True, False]


def test_a_boost_is_in_standard_deviations_of_the_users_own_scores():
    scores = torch.tensor([[0.0, 2.0, 4.0, 2.0], [0.0, 200.0, 400.0, -torch.inf]], dtype=torch.float64)
    rules = Rules(torch.zeros(4, dtype=torch.bool), torch.tensor([1.0, 0.0, -0.5, 0.0]))
    adjusted = rules.adjusted(scores.clone())
    first, second = np.std([0, 2, 4, 2]), np.std([0, 200, 400])
    wanted = [[first, 2, 4 - first / 2, 2], [second, 200, 400 - second / 2, -np.inf]]
    torch.testing.assert_close(adjusted, torch.tensor(wanted, dtype=torch.float64))


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1 / 3])
def test_a_boost_changes_nothing_where_all_scores_are_equal(value, dtype):
    scores = torch.full((2, 1001), value, dtype=dtype)
    boosts = torch.arange(1001.0)
    assert torch.equal(Rules(torch.zeros(1001, dtype=torch.bool), boosts).adjusted(scores.clone()), scores)


def test_scaling_and_shifting_scores_changes_no_list():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(6, 30, generator=generator, dtype=torch.float64)
    rules = Rules(torch.zeros(30, dtype=torch.bool), torch.randn(30, generator=generator))
    nobody = user_items([[]] * 6)
    lists = [
        top_by_rules(lambda users, s=s: s[users], torch.arange(6), nobody, 8, rules)
        for s in (scores, 1000 * scores + 7)
    ]
    assert torch.equal(*lists)


def test_the_lists_of_users_do_not_depend_on_who_is_asked_with_them():
    scores = torch.randn(9, 20, generator=torch.Generator().manual_seed(0))
    rules = Rules(torch.arange(20) == 3, torch.arange(20) / 20, make_caps([(set(range(12)), 2, 6)], 20))
    nobody = user_items([[]] * 9)
    every = top_by_rules(lambda u: scores[u], torch.arange(9), nobody, 6, rules)
    some = torch.tensor([7, 2, 2])
    assert torch.equal(top_by_rules(lambda u: scores[u], some, nobody, 6, rules), every[some])


def test_nan_is_named_under_rules_too():
    scores = torch.zeros(2, 6)
    scores[1, 2] = torch.nan
    rules = Rules(torch.zeros(6, dtype=torch.bool), torch.ones(6), make_caps([({0, 1}, 1, 2)], 6))
    with pytest.raises(FloatingPointError, match="NaN for 1 of"):
        top_by_rules(lambda u: scores[u], torch.arange(2), user_items([[], []]), 2, rules)


@pytest.mark.parametrize("with_caps", [True, False])
def test_packed_rules_give_the_same_lists(with_caps, tmp_path):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(7, 40, generator=generator)
    bound = make_caps([(set(range(20)), 2, 10), ({3, 30, 31}, 1, 4)], 40) if with_caps else None
    rules = Rules(torch.rand(40, generator=generator) < 0.2, torch.rand(40, generator=generator), bound)
    save_rules(tmp_path / "rules.pt", rules)
    lists = [
        top_by_rules(lambda u: scores[u], torch.arange(7), user_items([[]] * 7), 10, r)
        for r in (rules, load_rules(tmp_path / "rules.pt", 40))
    ]
    assert torch.equal(*lists)


def test_packed_rules_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "rules.pt"
    with pytest.raises(InputError, match=r"rules\.pt: no packed rules: .*derive the run anew"):
        load_rules(path, 4)
    path.write_bytes(b"not an archive")
    with pytest.raises(InputError, match=r"rules\.pt: no packed rules: "):
        load_rules(path, 4)
    save_rules(path, Rules(torch.zeros(4, dtype=torch.bool), torch.zeros(4)))
    with pytest.raises(InputError, match="rules for 4 items, and there are 1,612"):
        load_rules(path, 1612)
    torch.save(torch.load(path) | {"version": 2}, path)
    with pytest.raises(InputError, match="its version is 2, this program reads 1"):
        load_rules(path, 4)
