"""The published data sets, where the machine has them: sizes, and what a split leaves of them."""

import os
from pathlib import Path

import numpy as np
import pytest

from supernet.data.filters import clean
from supernet.data.readers import read_lightgcn, read_table
from supernet.data.splits import split

SIZES = {
    "gowalla": (29_858, 40_981, {0: 810_128, 3: 217_242}),
    "yelp2018": (31_668, 38_048, {0: 1_237_259, 3: 324_147}),
    "lastfm": (1_880, 4_489, {0: 42_135, 3: 10_533}),
    "amazon-games": (50_546, 16_859, {0: 339_172, 2: 50_546, 3: 50_546}),
    "amazon-beauty": (22_363, 12_101, {0: 153_776, 2: 22_363, 3: 22_363}),
}


@pytest.fixture(scope="module")
def root():
    if "SUPERNET_DATA" not in os.environ:
        pytest.skip("SUPERNET_DATA, the folder of the published data sets, is not set")
    return Path(os.environ["SUPERNET_DATA"])


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_the_published_ones(root, name):
    data = read_lightgcn(path=str(root / name))
    users, items, parts = SIZES[name]
    assert (data.n_users, data.n_items) == (users, items)
    assert {part: int(count) for part, count in enumerate(np.bincount(data.parts)) if count} == parts
    assert clean(data) is data  # no duplicates, no overlap


def test_gowalla_keeps_its_test_pairs_and_shares_train(root):
    data = read_lightgcn(path=str(root / "gowalla"))
    dataset = split(data, "given", 0, alpha=0.1, valid=0.1)
    sizes = {part: len(pairs.users) for part, pairs in dataset.parts.items()}
    assert dataset.n_users == 29_858
    assert 217_000 < sizes["test"] <= 217_242
    np.testing.assert_allclose([sizes["alpha"], sizes["valid"]], 81_013, rtol=0.01)


def test_items_of_ml_1m_get_their_titles(root):
    folder = root / "ml-1m"
    data = read_table(
        path=str(folder / "interactions.tsv"),
        items_path=str(folder / "items.tsv"),
        title=["title"],
        text=["genres"],
    )
    assert (data.n_users, data.n_items, len(data)) == (6_040, 3_706, 1_000_209)
    assert data.titles[data.item_ids == "0"].tolist() == ["Toy Story (1995)"]
    assert data.text[data.item_ids == "0"].tolist() == ["Toy Story (1995), Animation|Children's|Comedy"]
