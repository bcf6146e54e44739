"""New items and users: in none of the parts, all their pairs accounted for, drawn by the seed."""

from itertools import product

import numpy as np
import pytest
import torch

from supernet.data.cold import tasks_of
from supernet.data.cold_splits import draw_cold, with_cold
from supernet.data.splits import split
from supernet.runtime import InputError

N_USERS, N_ITEMS = 30, 20


@pytest.fixture
def data(make):
    return make(
        [(f"u{u:02d}", f"i{i:02d}") for u, i in product(range(N_USERS), range(N_ITEMS)) if (u + i) % 3]
    )


def named(dataset, pairs, new):
    """Pairs by their ids; `new`: "user" or "item" ids are those of the fold."""
    users = new.ids if dataset.cold.side == "user" else dataset.user_ids
    items = new.ids if dataset.cold.side == "item" else dataset.item_ids
    return set(zip(users[pairs.users], items[pairs.items], strict=True))


def warm_pairs(dataset):
    return {
        (dataset.user_ids[u], dataset.item_ids[i])
        for pairs in dataset.parts.values()
        for u, i in zip(*pairs, strict=True)
    }


@pytest.mark.parametrize("side", ["items", "users"])
def test_new_nodes_are_in_no_part_and_no_pair_is_lost(data, side):
    dataset = split(data, "ratio", 0, cold=side, cold_share=0.2)
    everything = {(data.user_ids[u], data.item_ids[i]) for u, i in zip(data.users, data.items, strict=True)}
    folds = dataset.cold.folds
    new = [set(folds[name].ids) for name in ("valid", "test")]
    assert not new[0] & new[1]
    known = set(dataset.item_ids if side == "items" else dataset.user_ids)
    assert not known & (new[0] | new[1])
    assert len(new[0]) == len(new[1]) == (2 if side == "items" else 3)
    found = warm_pairs(dataset)
    for fold in folds.values():
        wanted, given = named(dataset, fold.wanted, fold), named(dataset, fold.given, fold)
        assert not wanted & given
        assert not found & (wanted | given)
        found |= wanted | given
        assert bool(given) == (side == "users")
    assert found == everything


def test_a_new_user_has_its_share_given(make):
    data = make([(f"u{u}", f"i{i}") for u, i in product(range(20), range(10))])
    dataset = split(data, "ratio", 0, cold="users", cold_share=0.2, cold_history=0.7)
    for fold in dataset.cold.folds.values():
        assert torch.bincount(fold.given.users).tolist() == [7, 7]
        assert torch.bincount(fold.wanted.users).tolist() == [3, 3]


def test_the_draw_depends_on_the_seed_and_not_on_codes(data):
    one, same, other = (split(data, "ratio", seed, cold="items").cold.folds["test"].ids for seed in (0, 0, 5))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


def test_given_parts_are_kept_for_what_is_known(make):
    rows = [(f"u{u}", f"i{i}", "test" if i == u % 10 else "train") for u, i in product(range(20), range(10))]
    data = make([row[:2] for row in rows], parts=[row[2] for row in rows])
    dataset = split(data, "given", 0, cold="items", cold_share=0.2)
    tests = {(u, i) for u, i, part in rows if part == "test" and i in set(dataset.item_ids)}
    users, items = dataset.parts["test"]
    assert set(zip(dataset.user_ids[users], dataset.item_ids[items], strict=True)) == tests


def test_without_the_test_part_nothing_of_it_can_be_looked_at(data):
    dataset = split(data, "ratio", 0, cold="users").without("test")
    assert not dataset.cold.folds["test"].wanted
    assert dataset.cold.folds["test"].given
    assert dataset.cold.folds["valid"].wanted


def test_tasks_rank_new_items_among_themselves_and_after_the_known(data):
    dataset = split(data, "ratio", 0, cold="items", cold_share=0.3)
    tasks, fold = tasks_of(dataset, "valid"), dataset.cold.folds["valid"]
    assert list(tasks) == ["cold", "all"]
    assert (tasks["cold"].n_items, tasks["all"].n_items) == (len(fold.ids), dataset.n_items + len(fold.ids))
    assert torch.equal(tasks["cold"].wanted.items + dataset.n_items, tasks["all"].wanted.items)
    assert tasks["cold"].seen.items.numel() == 0
    assert torch.equal(tasks["all"].seen.items, dataset.user_items(["train", "alpha", "valid"]).items)


def test_pairs_whose_other_node_is_new_to_train_too_are_set_aside(make):
    """Of u0 nothing is left but pairs with new items: they cannot be asked for."""
    rows = [(f"u{u}", f"i{i}") for u, i in product(range(1, 12), range(10))]
    dataset = split(make(rows), "ratio", 0, cold="items", cold_share=0.2)
    (first, *_) = dataset.cold.folds["test"].ids
    dataset = split(make([*rows, ("u0", first)]), "ratio", 0, cold="items", cold_share=0.2)
    assert "u0" not in dataset.user_ids
    assert "cold test: 1 pairs with nodes not in train were set aside" in dataset.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cold_share": 0}, "cold_share is 0; give a share between 0 and 1"),
        ({"cold_history": 1}, "cold_history is 1; give a share"),
        ({"cold_share": 0.99}, "leaves no known users"),
    ],
)
def test_bad_shares_are_named(make, options, message):
    data = make([("a", "p"), ("a", "q"), ("b", "p"), ("b", "q")])
    with pytest.raises(InputError, match=message):
        split(data, "ratio", 0, cold="users", **options)


def test_a_fold_without_a_pair_to_find_is_named(make, data):
    """None of the items of the new users is known."""
    other = make([(f"u{u}", f"j{j}") for u, j in product(range(10), range(10))])
    drawn = draw_cold(data, "users", 0.2, 0.5, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"no new user with a pair to be found is left for cold valid"):
        with_cold(split(other, "ratio", 0), data, drawn)
