"""Beyond accuracy and cohorts: against naive loops, by hand, and what must hold of every list."""

import itertools
import math

import numpy as np
import pytest
import torch

from supernet.data.dataset import Dataset, Pairs
from supernet.evaluation import beyond as module
from supernet.evaluation.beyond import BEYOND, Catalogue, bag_of_words, beyond

N_USERS, N_ITEMS = 12, 15
TEXTS = ["Red car", "red boat, RED!", "blue boat", "", "green", "car"] * 3


def data(texts=True, seed=0):
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((N_USERS, N_ITEMS)) < np.linspace(0.9, 0.1, N_ITEMS))
    ids = np.array([f"i{i}" for i in range(N_ITEMS)], dtype=object)
    pairs = Pairs(torch.from_numpy(users), torch.from_numpy(items))
    text = np.array(TEXTS[:N_ITEMS], dtype=object) if texts else None
    return Dataset("hand", np.arange(N_USERS).astype(str), ids, ids, text, {"train": pairs})


def lists(seed=0, k=8):
    generator = torch.Generator().manual_seed(seed)
    top = torch.stack([torch.randperm(N_ITEMS, generator=generator)[:k] for _ in range(N_USERS)])
    top[3, 5:], top[4, 1:], top[5] = -1, -1, -1
    return top


def naive(name, rows, catalogue, words):
    """The textbook definition, with loops."""
    counts = catalogue.counts.tolist()
    rows = [[item for item in row if item >= 0] for row in rows]
    if name == "gini":
        listed = [sum(row.count(item) for row in rows) for item in range(len(counts))]
        gaps = sum(abs(a - b) for a in listed for b in listed)
        return gaps / (2 * len(counts) * sum(listed))
    rows = [row for row in rows if len(row) > (name == "diversity")]

    def of(row):
        if name == "popularity":
            return sum(counts[i] for i in row) / len(row)
        if name == "novelty":
            return sum(-math.log2(counts[i] / catalogue.n_users) for i in row) / len(row)
        if name == "tail_share":
            return sum(bool(catalogue.tail[i]) for i in row) / len(row)
        pairs = list(itertools.combinations(row, 2))
        return sum(1 - len(words[a] & words[b]) / max(len(words[a] | words[b]), 1) for a, b in pairs) / len(
            pairs
        )

    return sum(map(of, rows)) / len(rows)


@pytest.mark.parametrize("name", list(BEYOND))
def test_equals_a_loop_over_lists(name, monkeypatch):
    monkeypatch.setattr(module, "_PAIRS", 7)  # several chunks
    catalogue = Catalogue.of(data(), ["train"])
    words = [{w.strip(",!").lower() for w in text.split()} for text in TEXTS]
    found = beyond(lists(), catalogue, (1, 3, 8))
    for k in (3, 8):
        assert found[f"{name}@{k}"] == pytest.approx(naive(name, lists()[:, :k].tolist(), catalogue, words))


def test_gini_by_hand():
    """Listed 0, 0, 1, 3 times: (−3·0 − 1·0 + 1·1 + 3·3) / (4 · 4) = 10 / 16. Equal counts: 0."""
    catalogue = Catalogue(torch.ones(4, dtype=torch.int64), 4, torch.zeros(4, dtype=torch.bool), None)
    assert BEYOND["gini"](torch.tensor([[2, 3], [3, -1], [3, -1]]), catalogue) == 10 / 16
    assert BEYOND["gini"](torch.tensor([[0, 1], [2, 3]]), catalogue) == 0


def test_an_item_that_half_the_users_know_is_one_bit():
    catalogue = Catalogue(torch.tensor([4, 2, 1]), 4, torch.tensor([False, False, True]), None)
    for item, bits in enumerate((0.0, 1.0, 2.0)):
        assert BEYOND["novelty"](torch.tensor([[item]]), catalogue) == bits


def test_without_text_there_is_no_diversity_and_titles_stand_in_for_it():
    bare = data(texts=False)
    found = beyond(lists(), Catalogue.of(bare, ["train"]), (8,))
    assert set(found) == {"gini@8", "popularity@8", "novelty@8", "tail_share@8"}
    titled = Dataset("t", bare.user_ids, bare.item_ids, np.array(TEXTS[:N_ITEMS], object), None, bare.parts)
    of_titles, of_text = (beyond(lists(), Catalogue.of(d, ["train"]), (8,)) for d in (titled, data()))
    assert of_titles["diversity@8"] == of_text["diversity@8"]


def test_diversity_holds_the_pairs_of_some_lists_at_a_time(monkeypatch):
    catalogue = Catalogue.of(data(), ["train"])
    whole, held, distances = BEYOND["diversity"](lists(), catalogue), [], module._distances

    def spied(a, b, words):
        held.append(a.numel())
        return distances(a, b, words)

    monkeypatch.setattr(module, "_LISTED", 60)  # two lists of 8 items
    monkeypatch.setattr(module, "_distances", spied)
    assert BEYOND["diversity"](lists(), catalogue) == whole
    assert held == [2 * 28] * 6


def test_words_are_sets_and_case_is_ignored():
    words = bag_of_words(["Red red CAR", "car-red", "", "blue"])
    assert words.toarray().tolist() == [[0, 1, 1], [0, 1, 1], [0, 0, 0], [1, 0, 0]]
    catalogue = Catalogue(torch.ones(4, dtype=torch.int64), 2, torch.zeros(4, dtype=torch.bool), words)
    for pair, distance in (((0, 1), 0.0), ((0, 3), 1.0), ((0, 2), 1.0), ((2, 2), 1.0)):
        assert BEYOND["diversity"](torch.tensor([pair]), catalogue) == distance


def test_a_model_that_failed_has_zeros_and_no_nan():
    found = beyond(torch.full((N_USERS, 8), -1), Catalogue.of(data(), ["train"]), (8,))
    assert set(found.values()) == {0.0}


def test_the_catalogue_counts_the_parts_it_is_given():
    both = data()
    extra = Pairs(torch.tensor([0, 1]), torch.tensor([14, 14]))
    held = Dataset("h", both.user_ids, both.item_ids, both.titles, None, both.parts | {"valid": extra})
    gained = Catalogue.of(held, ["train", "valid"]).counts - Catalogue.of(held, ["train"]).counts
    assert gained.tolist() == [0] * 14 + [2]
