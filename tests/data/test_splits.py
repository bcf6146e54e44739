"""Splits: hand-computed cases, and what must hold of every one of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernet.data.dataset import PARTS
from supernet.data.interactions import select
from supernet.data.splits import SPLITS, check_parts, published_split, split
from supernet.runtime import InputError

SIZES = st.lists(st.integers(1, 12), min_size=4, max_size=12)


def grid(make, sizes, seed=0, **columns):
    """User k has sizes[k] of 12 items, in shuffled order, with distinct times."""
    rng = np.random.default_rng(seed)
    pairs = [(f"u{k:02}", f"i{i:02}") for k, size in enumerate(sizes) for i in rng.permutation(12)[:size]]
    return make(
        [pairs[row] for row in rng.permutation(len(pairs))], times=rng.permutation(len(pairs)), **columns
    )


def rule(data, method, seed=0, **options):
    return SPLITS[method](data, np.random.default_rng(seed), **options)[0]


def named(dataset):
    return {
        part: {
            (dataset.user_ids[u], dataset.item_ids[i])
            for u, i in zip(*map(torch.Tensor.tolist, pairs), strict=True)
        }
        for part, pairs in dataset.parts.items()
    }


def shares(parts):
    return np.bincount(parts, minlength=4).tolist()


@pytest.mark.parametrize("method", [name for name in SPLITS if name != "given"])
@given(sizes=SIZES, seed=st.integers(0, 99))
def test_every_split_is_a_disjoint_cover(make, method, sizes, seed):
    data = grid(make, sizes, seed)
    parts = rule(data, method, seed)
    assert parts.shape == (len(data),)
    assert set(parts.tolist()) <= {0, 1, 2, 3}
    rows = list(zip(data.user_ids[data.users], data.item_ids[data.items], parts.tolist(), strict=True))
    users, items = ({row[k] for row in rows if row[2] == 0} for k in (0, 1))
    expected = {
        name: {(u, i) for u, i, p in rows if PARTS[p] == name and u in users and i in items} for name in PARTS
    }
    if not all(expected.values()):
        with pytest.raises(InputError, match=r"hand.csv: no pair is left for"):
            split(data, method, seed)
        return
    dataset = split(data, method, seed)
    assert named(dataset) == expected
    assert sum(len(pairs.users) for pairs in dataset.parts.values()) == len(set().union(*expected.values()))
    assert (set(dataset.user_ids), set(dataset.item_ids)) == (users, items)


@pytest.mark.parametrize("method", ["ratio", "leave_last"])
@given(sizes=SIZES, seed=st.integers(0, 99))
def test_every_user_keeps_a_train_pair(make, method, sizes, seed):
    data = grid(make, sizes, seed)
    parts = rule(data, method, seed)
    assert set(data.users[parts == 0]) == set(range(data.n_users))


@pytest.mark.parametrize("method", list(SPLITS))
def test_relabelling_ids_relabels_the_split(make, method):
    data = grid(make, [3, 8, 12, 5, 10, 9])
    if method == "given":
        data = replace(data, parts=np.where(np.arange(len(data)) % 5 == 0, 3, 0).astype(np.int8))
    users, items = (np.random.default_rng(5).permutation(n) for n in (data.n_users, data.n_items))
    renamed = replace(
        data,
        users=users[data.users],
        items=items[data.items],
        user_ids=data.user_ids[np.argsort(users)],
        item_ids=data.item_ids[np.argsort(items)],
    )
    assert named(split(renamed, method, 7)) == named(split(data, method, 7))


def test_ratio_gives_whole_shares_exactly(make):
    data = grid(make, [10] * 6)
    parts = rule(data, "ratio", alpha=0.1, valid=0.2, test=0.3)
    for user in range(6):
        assert shares(parts[data.users == user]) == [4, 1, 2, 3]


def test_ratio_holds_on_average_for_users_of_two_pairs(make):
    pairs = [(f"u{k}", item) for k in range(4000) for item in "vw"]
    parts = rule(make(pairs), "ratio")
    np.testing.assert_allclose(shares(parts), [4800, 800, 800, 1600], atol=120)


def test_ratio_follows_its_seed(make):
    data = grid(make, [10] * 6)
    assert rule(data, "ratio", 1).tolist() == rule(data, "ratio", 1).tolist()
    assert rule(data, "ratio", 1).tolist() != rule(data, "ratio", 2).tolist()


def test_leave_last_by_hand(make):
    pairs = [("a", "p"), ("a", "q"), ("a", "r"), ("b", "p"), ("a", "s"), ("a", "t"), ("b", "q"), ("b", "r")]
    data = make(pairs, times=[5, 1, 4, 1, 3, 2, 2, 3])
    parts, notes = SPLITS["leave_last"](data, np.random.default_rng(0))
    assert [PARTS[part] for part in parts] == [
        "test",
        "train",
        "valid",
        "train",
        "alpha",
        "train",
        "train",
        "train",
    ]
    assert notes == ("split leave_last: 1 users with fewer than 4 pairs are in train only",)


def test_equal_times_go_by_file_order(make):
    data = make([("a", item) for item in "zyxw"], times=[1, 1, 1, 1])
    assert rule(data, "leave_last").tolist() == [0, 1, 2, 3]
    assert rule(data, "time", alpha=0.25, valid=0.25, test=0.25).tolist() == [0, 1, 2, 3]


def test_time_by_hand(make):
    data = grid(make, [5, 5, 5, 5])
    parts = rule(data, "time", alpha=0.1, valid=0.2, test=0.3)
    assert shares(parts) == [8, 2, 4, 6]
    ordered = parts[np.argsort(data.times)]
    assert (np.diff(ordered) >= 0).all()


def test_given_cuts_what_no_file_gives(make):
    data = grid(make, [10, 10, 10, 10])
    data = replace(data, parts=np.where(np.arange(len(data)) % 4 == 0, 3, 0).astype(np.int8))
    parts, notes = SPLITS["given"](data, np.random.default_rng(0), alpha=0.2, valid=0.3)
    np.testing.assert_array_equal(parts == 3, data.parts == 3)
    assert set(parts.tolist()) == {0, 1, 2, 3}
    assert abs(np.sum(parts == 1) - 6) <= 2
    assert abs(np.sum(parts == 2) - 9) <= 3
    assert notes[0].startswith("split given: of 30 train pairs, ")


def test_given_may_cut_the_last_of_each_user_in_file_order(make):
    rows = [("a", k) for k in (5, 3, 9, 1, 7, 2, 8, 0, 6, 4)] + [("b", k) for k in (4, 0, 2, 6, 1)]
    order = [0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 6, 7, 8, 9]  # lines of both users in turn
    data = make([rows[k] for k in order], parts=["train"] * 15)
    parts, notes = SPLITS["given"](data, np.random.default_rng(0), alpha=0.2, valid=0.2, cut="last")
    by_row = {rows[k]: int(part) for k, part in zip(order, parts, strict=True)}
    assert [by_row[row] for row in rows] == [0] * 6 + [1, 1, 2, 2] + [0, 0, 0, 1, 2]
    assert "the last of each user" in notes[0]


def test_given_refuses_another_cut(make):
    with pytest.raises(InputError, match=r"split\.cut must be one of random, last, found 'first'"):
        SPLITS["given"](make([("a", 1)], parts=["train"]), np.random.default_rng(0), cut="first")


def test_given_leaves_complete_parts_alone(make):
    data = grid(make, [8, 8])
    data = replace(data, parts=(np.arange(len(data)) % 4).astype(np.int8))
    assert rule(data, "given").tolist() == data.parts.tolist()


def test_the_published_split_is_the_files_own_train_and_test(make):
    """Item y stands once in the train file: cut to valid it would be set aside, with its test pair."""
    pairs = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "z"), ("b", "y"), ("a", "z"), ("a", "new")]
    data = make(pairs, parts=["train", "valid", "train", "alpha", "test", "test", "test"])
    parts = named(published_split(data))
    assert parts["train"] == {("a", "x"), ("a", "y"), ("b", "x"), ("b", "z")}
    assert parts["test"] == {("b", "y"), ("a", "z")}
    assert parts["alpha"] == parts["valid"] == set()
    assert any("1 pairs" in note and "set aside" in note for note in published_split(data).notes)
    with pytest.raises(InputError, match="no pair is left for test"):
        published_split(make(pairs[:2], parts=["train", "valid"]))
    with pytest.raises(InputError, match="files of parts"):
        published_split(make(pairs))


def test_pairs_never_seen_in_train_are_set_aside_and_counted(make):
    base = [
        ("a", "p", "train"),
        ("a", "q", "train"),
        ("b", "p", "train"),
        ("a", "r", "alpha"),
        ("b", "q", "valid"),
    ]
    cold = [
        ("c", "p", "test"),
        ("c", "q", "test"),
        ("a", "s", "test"),
        ("b", "r", "train"),
        ("a", "t", "valid"),
    ]
    rows = [*base, *cold, ("b", "z", "test"), ("d", "p", "train"), ("d", "q", "test")]
    dataset = split(make([row[:2] for row in rows], parts=[row[2] for row in rows]), "given", 0)
    assert dataset.user_ids.tolist() == ["a", "b", "d"]
    assert dataset.item_ids.tolist() == ["p", "q", "r"]
    assert named(dataset)["test"] == {("d", "q")}
    assert dataset.notes == (
        "valid: 1 pairs of 1 items never seen in train were set aside",
        "test: 4 pairs of 1 users and 2 items never seen in train were set aside",
        "1 users and 3 items without a train pair were removed",
    )


def test_pairs_are_sorted_and_named(make):
    data = grid(make, [10] * 6)
    dataset = split(
        replace(data, titles=np.char.add("title ", data.item_ids.astype(str)).astype(object)), "ratio", 0
    )
    for users, items in dataset.parts.values():
        assert (torch.diff(users * dataset.n_items + items) > 0).all()
    assert [title.removeprefix("title ") for title in dataset.titles] == dataset.item_ids.tolist()


@pytest.mark.parametrize("method", ["leave_last", "time"])
def test_times_are_needed(make, method):
    with pytest.raises(InputError, match=f"hand.csv: split '{method}' needs times, and the data has none"):
        split(make([("a", "p")] * 1), method, 0)


def test_given_needs_parts(make):
    with pytest.raises(InputError, match=r"hand.csv: split 'given' needs data that comes in files of parts"):
        split(make([("a", "p")]), "given", 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": 1.2}, "test is 1.2; give a share between 0 and 1"),
        ({"alpha": 0}, "alpha is 0; give a share"),
        ({"alpha": float("nan")}, "alpha is nan; give a share"),
        ({"test": 0.5, "valid": 0.4, "alpha": 0.1}, "alpha 0.1, valid 0.4, test 0.5 leave nothing for train"),
        ({"ratio": 0.5}, "split 'ratio' has no option 'ratio'; it takes: alpha, valid, test"),
    ],
)
def test_bad_options_are_named(make, options, message):
    with pytest.raises(InputError, match=message):
        split(grid(make, [10, 10]), "ratio", 0, **options)


def test_an_unknown_split_lists_the_choices(make):
    with pytest.raises(LookupError, match="choose from: given, ratio, leave_last, time"):
        split(make([("a", "p")]), "last", 0)


@pytest.mark.parametrize("empty", [1, 2, 3])
def test_an_empty_part_is_named(make, empty):
    data = grid(make, [12, 12, 12])
    parts = (np.arange(len(data)) % 4).astype(np.int8)
    with pytest.raises(InputError, match=f"hand.csv: no pair is left for {PARTS[empty]} out of 36"):
        check_parts(replace(data, parts=np.where(parts == empty, 0, parts).astype(np.int8)))


def test_overlapping_parts_are_refused(make):
    data = make([("a", "p"), ("a", "p"), ("a", "q"), ("a", "r"), ("a", "s")], parts=[*PARTS, "train"])
    with pytest.raises(
        InputError, match=r"hand.csv: 1 pairs occur more than once, for example user 'a', item 'p'"
    ):
        check_parts(data)


def test_a_user_without_a_train_pair_is_refused(make):
    pairs = [("a", "p"), ("a", "q"), ("a", "r"), ("b", "p")]
    with pytest.raises(InputError, match=r"hand.csv: user 'b' has no train pair"):
        check_parts(make(pairs, parts=["train", "alpha", "valid", "test"]))


def test_select_closes_up_codes_and_keeps_names(make):
    data = make([("a", "p"), ("b", "q"), ("c", "r")], ratings=[1, 2, 3])
    left = select(data, np.array([True, False, True]))
    assert left.user_ids[left.users].tolist() == ["a", "c"]
    assert left.item_ids[left.items].tolist() == ["p", "r"]
    assert left.ratings.tolist() == [1, 3]
