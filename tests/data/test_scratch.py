"""Matrices in blocks: the same in memory and in a file."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from supernet.data import scratch, views
from supernet.data.dataset import Pairs
from supernet.data.scratch import stacked
from supernet.data.views import View, users_views
from supernet.features.text import vectors
from supernet.features.text.vectors import read_vectors
from supernet.runtime import InputError


@pytest.fixture(params=[2**30, 0], ids=["memory", "file"])
def large(request, monkeypatch):
    monkeypatch.setattr(scratch, "LARGE", request.param)
    return request.param


def test_blocks_are_one_matrix(large):
    whole = np.arange(14, dtype=np.float32).reshape(7, 2)
    found = stacked(iter([whole[:3], whole[3:4], whole[4:]]), 7)
    assert found.dtype == np.float32
    assert isinstance(found, np.memmap) == (large == 0)
    np.testing.assert_array_equal(found, whole)
    found[0] = 9  # no file is left that this would change


def test_a_full_disk_is_named(monkeypatch):
    monkeypatch.setattr(scratch, "LARGE", 0)

    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(scratch.tempfile, "TemporaryFile", Full)
    with pytest.raises(InputError, match="No space left on device; set TMPDIR to a folder with room"):
        stacked([np.ones((1, 2), np.float32)], 1)


def test_the_means_of_users_do_not_depend_on_blocks_or_files(large, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    users, items = (torch.rand(9, 5, generator=generator) < 0.4).nonzero().t()
    items_view = {"a": View(torch.randn(5, 3, generator=generator), torch.tensor([1.0, 1, 0, 1, 1]))}
    monkeypatch.setattr(views, "BLOCK", 4)
    found = users_views(Pairs(users, items), 9, items_view)["a"]
    for user in range(9):
        own = [item for item in items[users == user].tolist() if item != 2]
        wanted = items_view["a"].vectors[own].mean(dim=0) if own else torch.zeros(3)
        torch.testing.assert_close(found.vectors[user], wanted)
        assert bool(found.known[user]) == bool(own)


def test_a_table_of_vectors_is_read_in_blocks(large, tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "BLOCK", 2)
    numbers = np.arange(15.0).reshape(5, 3)
    table = pa.table({"item": list("edcba"), "vector": numbers.tolist()})
    pq.write_table(table, tmp_path / "v.parquet", row_group_size=3)
    seen, real = [], scratch.np.concatenate
    monkeypatch.setattr(scratch.np, "concatenate", lambda x, **k: seen.extend(map(len, x)) or real(x, **k))
    rows, _ = read_vectors(tmp_path / "v.parquet", np.array(list("abcde"), dtype=object))
    np.testing.assert_array_equal(rows.array(), numbers[::-1])
    assert max(seen, default=1) <= 2
    pq.write_table(
        pa.table({"item": list("abc"), "vector": [[1.0], [2.0], [3.0, 4.0]]}), tmp_path / "v.parquet"
    )
    with pytest.raises(InputError, match=r"vectors of one length, found \[1, 2\]"):
        read_vectors(tmp_path / "v.parquet", np.array(["a"], dtype=object))
    pq.write_table(table.slice(0, 0), tmp_path / "v.parquet")
    with pytest.raises(InputError, match="it has no rows"):
        read_vectors(tmp_path / "v.parquet", np.array(["a"], dtype=object))
