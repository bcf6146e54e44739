"""Filters against hand-computed cases and a k-core in plain Python loops."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernet.data.filters import clean, drop_duplicates, k_core, threshold
from supernet.runtime import InputError

PAIR = st.tuples(st.sampled_from("abcde"), st.sampled_from("uvwxyz"))


def named(data):
    return list(zip(data.user_ids[data.users], data.item_ids[data.items], strict=True))


def naive_k_core(pairs, min_user, min_item):
    """Drop one short user or item after another until none is left."""
    pairs = list(pairs)
    while True:
        users, items = Counter(u for u, _ in pairs), Counter(i for _, i in pairs)
        kept = [(u, i) for u, i in pairs if users[u] >= min_user and items[i] >= min_item]
        if kept == pairs:
            return pairs
        pairs = kept


@given(st.lists(PAIR, unique=True, min_size=1), st.integers(0, 4), st.integers(0, 4))
def test_k_core_is_the_naive_fixpoint(make, pairs, min_user, min_item):
    expected = naive_k_core(pairs, min_user, min_item)
    if not expected:
        with pytest.raises(
            InputError, match=rf"hand.csv: k-core \(min_user={min_user}, min_item={min_item}\)"
        ):
            k_core(make(pairs), min_user=min_user, min_item=min_item)
        return
    left = k_core(make(pairs), min_user=min_user, min_item=min_item)
    assert named(left) == expected
    assert set(left.user_ids) == {u for u, _ in expected}
    assert set(left.item_ids) == {i for _, i in expected}


def test_k_core_needs_a_second_round_and_counts_it(make):
    # Dropping c (one pair) leaves item y with one user, whose loss leaves b with one pair.
    data = make([("a", "v"), ("a", "w"), ("d", "v"), ("d", "w"), ("b", "v"), ("b", "y"), ("c", "y")])
    left = k_core(data, min_user=2, min_item=2)
    assert named(left) == [("a", "v"), ("a", "w"), ("d", "v"), ("d", "w")]
    assert left.notes == (
        "k-core (min_user=2, min_item=2): 3 of 7 pairs dropped, and with them 2 users and 1 items",
    )


def test_the_earliest_duplicate_stays_with_its_rating(make):
    data = make(
        [("a", "v"), ("a", "v"), ("b", "v"), ("a", "v")], ratings=[1, 2, 3, 4], times=[9.0, 2.0, 5.0, 2.0]
    )
    left = drop_duplicates(data)
    assert named(left) == [("a", "v"), ("b", "v")]
    assert left.ratings.tolist() == [2, 3]
    assert left.notes == ("duplicate pairs (the earliest is kept): 2 of 4 pairs dropped",)


def test_without_times_the_first_duplicate_stays(make):
    left = drop_duplicates(make([("b", "v"), ("a", "v"), ("b", "v")], ratings=[5, 1, 2]))
    assert left.ratings.tolist() == [5, 1]


def test_duplicates_in_one_part_are_dropped(make):
    left = drop_duplicates(make([("a", "v"), ("a", "v"), ("a", "w")], parts=["train", "train", "test"]))
    assert left.parts.tolist() == [0, 3]
    assert "1 of 3 pairs dropped" in left.notes[0]


def test_a_pair_in_two_parts_is_an_error(make):
    data = make([("a", "v"), ("b", "w"), ("a", "v"), ("b", "w")], parts=["train", "train", "valid", "test"])
    with pytest.raises(InputError, match=r"hand.csv: 2 pairs .* user 'a', item 'v' in train and in valid"):
        drop_duplicates(data)


def test_threshold_keeps_equal_ratings_and_counts(make):
    left = threshold(make([("a", "v"), ("b", "w"), ("a", "w")], ratings=[4, 3.5, 5]), 4)
    assert named(left) == [("a", "v"), ("a", "w")]
    assert left.notes == (
        "rating filter (min_rating=4): 1 of 3 pairs dropped, and with them 1 users and 0 items",
    )


def test_an_early_low_rating_does_not_hide_a_later_high_one(make):
    left = clean(make([("a", "v"), ("a", "v")], ratings=[1, 5], times=[1, 2]), min_rating=4)
    assert left.ratings.tolist() == [5]


def test_threshold_that_empties_the_data_is_named(make):
    with pytest.raises(
        InputError, match=r"hand.csv: rating filter \(min_rating=6\) leaves none of the 1 pairs"
    ):
        threshold(make([("a", "v")], ratings=[5]), 6)


def test_threshold_without_ratings_is_an_error(make):
    with pytest.raises(InputError, match=r"hand.csv: min_rating is 3, but the data has no ratings"):
        clean(make([("a", "v")]), min_rating=3)


def test_no_interactions_at_all_is_an_error(make):
    with pytest.raises(InputError, match=r"hand.csv: there are no interactions in it"):
        clean(make([]))


def test_nothing_to_drop_changes_nothing(make):
    data = make([("a", "v"), ("b", "w")])
    assert clean(data, min_user=1, min_item=1) is data


@given(st.lists(PAIR, min_size=1))
def test_cleaning_twice_is_cleaning_once(make, pairs):
    once = clean(make(pairs))
    twice = clean(once)
    np.testing.assert_array_equal(once.keys, twice.keys)
    assert len(np.unique(once.keys)) == len(set(pairs)) == len(once)
