"""Pairs without a direction: read in both, split once, and nobody is their own friend."""

import numpy as np
import pytest
import torch

from supernet.data.filters import clean
from supernet.data.readers import READERS
from supernet.data.splits import published_split, split
from supernet.data.undirected import one_way
from supernet.runtime import InputError


def read(path, *lines, header="user,friend", **options):
    path.write_text("\n".join([header, *lines]) + "\n")
    return READERS["table"](path=str(path), item="friend", undirected=True, **options)


def ring(path, people=40, **options):
    """Everybody and the next four of a circle; some pairs stand there in both directions, one twice."""
    pairs = [(k, (k + step) % people) for k in range(people) for step in (1, 2, 3, 4)]
    lines = [f"p{a:02},p{b:02}" for a, b in pairs] + [f"p{b:02},p{a:02}" for a, b in pairs[:50]]
    return read(path, *lines, lines[0], "p07,p07", **options)


def found(interactions):
    users, items = interactions.user_ids[interactions.users], interactions.item_ids[interactions.items]
    return list(zip(users, items, strict=True))


def test_each_pair_is_there_once_in_each_direction(tmp_path):
    rows = clean(read(tmp_path / "f.csv", "ann,bob", "bob,ann", "cyd,ann", "cyd,cyd", "ann,bob"))
    assert sorted(found(rows)) == [("ann", "bob"), ("ann", "cyd"), ("bob", "ann"), ("cyd", "ann")]
    assert rows.user_ids.tolist() == rows.item_ids.tolist()
    assert rows.notes[0].startswith("pairs of a user with themselves: 1 of 5 pairs dropped")
    with pytest.raises(InputError, match="pairs of a user with themselves leaves none of the 1 pairs"):
        read(tmp_path / "f.csv", "ann,ann")


@pytest.mark.parametrize("method", ["ratio", "time", "leave_last"])
def test_both_directions_are_in_the_same_part(method, tmp_path):
    path, people = tmp_path / "f.csv", range(40)
    rng = np.random.default_rng(0)
    lines = [f"p{a},p{(a + s) % 40},{rng.integers(99)}" for a in people for s in range(1, 15)]
    lines += [f"p{(a + 1) % 40},p{a},{rng.integers(99)}" for a in people]
    data = split(clean(read(path, *lines, header="user,friend,when", time="when")), method, seed=3)
    total = 0
    for pairs in data.parts.values():
        there = set(zip(pairs.users.tolist(), pairs.items.tolist(), strict=True))
        assert there == {(b, a) for a, b in there}
        assert there
        total += len(there)
    assert data.user_ids.tolist() == data.item_ids.tolist()
    assert total <= 2 * 40 * 14
    assert any("both directions of each in the same part" in note for note in data.notes)


def test_shares_are_of_pairs_and_another_seed_cuts_otherwise(tmp_path):
    rows = clean(ring(tmp_path / "f.csv", people=300))
    one, other = (split(rows, "ratio", seed=seed) for seed in (0, 1))
    shares = {name: len(pairs.users) / len(rows) for name, pairs in one.parts.items()}
    assert shares["test"] == pytest.approx(0.2, abs=0.03)
    assert shares["train"] == pytest.approx(0.6, abs=0.04)
    again = split(rows, "ratio", seed=0)
    assert all(torch.equal(again.parts[name].items, one.parts[name].items) for name in one.parts)
    assert len(other.parts["test"].users) != len(one.parts["test"].users)


def test_one_way_has_each_pair_once_and_about_half_of_each_direction(tmp_path):
    rows = clean(ring(tmp_path / "f.csv", people=300))
    mask, kept, twins = one_way(rows, np.random.default_rng(0))
    assert np.flatnonzero(mask).tolist() == kept.tolist()
    assert sorted([*kept, *twins]) == list(range(len(rows)))
    assert np.array_equal(rows.users[kept], rows.items[twins])
    assert np.array_equal(rows.items[kept], rows.users[twins])
    assert 0.4 < np.mean(rows.users[kept] < rows.items[kept]) < 0.6


def test_oneself_is_seen_and_of_other_data_nothing_more(tmp_path):
    data = split(clean(ring(tmp_path / "f.csv")), "ratio", seed=0)
    seen, plain = data.seen(["train"]), data.user_items(["train"])
    for user in range(data.n_users):
        own = plain.items[plain.ptr[user] : plain.ptr[user + 1]].tolist()
        assert seen.items[seen.ptr[user] : seen.ptr[user + 1]].tolist() == sorted([*own, user])
    clicks = READERS["table"](path=str(tmp_path / "f.csv"), item="friend")
    other = split(clean(clicks), "ratio", seed=0)
    assert torch.equal(other.seen(["train"]).items, other.user_items(["train"]).items)


def test_files_of_parts_may_not_have_a_pair_in_two(tmp_path):
    (tmp_path / "test.csv").write_text("user,friend\np01,p00\n")
    with pytest.raises(InputError, match="pairs are in more than one part"):
        clean(ring(tmp_path / "f.csv", test_path=str(tmp_path / "test.csv")))
    (tmp_path / "test.csv").write_text("user,friend\np20,p00\n")
    rows = clean(ring(tmp_path / "f.csv", test_path=str(tmp_path / "test.csv")))
    for data in (published_split(rows), split(rows, "given", seed=0)):
        names = data.user_ids[data.parts["test"].users.numpy()].tolist()
        assert sorted(names) == ["p00", "p20"]
    assert len(data.parts["valid"].users) > 0


def test_bounds_of_the_two_sides_are_one(tmp_path):
    rows = read(tmp_path / "f.csv", "a,b", "b,c", "c,a", "d,a")
    with pytest.raises(InputError, match="are the same people; set both to the same number"):
        clean(rows, min_user=2)
    left = clean(rows, min_user=2, min_item=2)
    assert left.user_ids.tolist() == left.item_ids.tolist() == ["a", "b", "c"]
