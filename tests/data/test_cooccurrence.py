"""The items most alike by co-occurrence: the dense formula, ties, streaming, and what is left out."""

import pytest
import torch

from supernet.data import cooccurrence
from supernet.data.cooccurrence import item_neighbours
from supernet.data.dataset import Pairs

USERS, ITEMS = 30, 12


@pytest.fixture
def seen():
    """0/1, users × items; one user and one item have nothing."""
    dense = torch.rand(USERS, ITEMS, generator=torch.Generator().manual_seed(0)) < 0.3
    dense[4] = False
    dense[:, 7] = False
    return dense


def nearest(seen, neighbours, shrinkage):
    """(target, source, value) of each item's neighbours, by the dense formula and a loop over the items."""
    together = (seen.T.float() @ seen.float()).double()
    count = together.diagonal()
    edges = []
    for i in range(len(together)):
        alike = {
            j: (together[i, j] / ((count[i] * count[j]).sqrt() + shrinkage)).item()
            for j in range(len(together))
            if j != i and together[i, j] > 0
        }
        best = sorted(alike, key=lambda j: (-round(alike[j], 6), j))[:neighbours]
        edges += [(i, j, alike[j]) for j in best]
    return edges


@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
@pytest.mark.parametrize("neighbours", [1, 4, 100])
@pytest.mark.parametrize("cells", [1, 30, 10**6])
def test_it_is_the_dense_formula_whatever_the_chunks(seen, neighbours, shrinkage, cells, monkeypatch):
    monkeypatch.setattr(cooccurrence, "CELLS", cells)
    found = item_neighbours(Pairs(*seen.nonzero(as_tuple=True)), USERS, ITEMS, neighbours, shrinkage)
    expected = nearest(seen, neighbours, shrinkage)
    edges = list(zip(found.target.tolist(), found.source.tolist(), strict=True))
    assert edges == [edge[:2] for edge in expected]
    torch.testing.assert_close(found.value, torch.tensor([edge[2] for edge in expected]))


def test_of_equal_neighbours_the_lower_index_is_kept():
    """Every user has every item, so that all are alike."""
    found = item_neighbours(Pairs(*torch.ones(3, 5).nonzero(as_tuple=True)), 3, 5, neighbours=2)
    assert found.target.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert found.source.tolist() == [1, 2, 0, 2, 0, 1, 0, 1, 0, 1]


def test_items_without_company_have_no_neighbours():
    """Item 0 alone with its user, item 1 with nobody; 2 and 3 with each other. No item is its own."""
    found = item_neighbours(Pairs(torch.tensor([0, 1, 1]), torch.tensor([0, 2, 3])), 2, 4)
    assert list(zip(found.target.tolist(), found.source.tolist(), strict=True)) == [(2, 3), (3, 2)]


@pytest.mark.parametrize(("neighbours", "shrinkage"), [(0, 1.0), (3, -0.5)])
def test_settings_out_of_range_are_refused(seen, neighbours, shrinkage):
    with pytest.raises(ValueError, match=f"found {neighbours} and {shrinkage}"):
        item_neighbours(Pairs(*seen.nonzero(as_tuple=True)), USERS, ITEMS, neighbours, shrinkage)
