"""Files of vectors, read by item, and the ways in which they can be wrong."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from supernet.features.text.vectors import read_vectors
from supernet.runtime import InputError

IDS = np.array(["2", "0", "7"], dtype=object)


def test_a_matrix_has_the_vector_of_item_k_in_row_k(tmp_path):
    np.save(tmp_path / "v.npy", np.arange(8).reshape(4, 2))
    rows, notes = read_vectors(tmp_path / "v.npy", IDS)
    assert rows.array().tolist() == [[4, 5], [0, 1], [0, 0]]
    assert rows.array().dtype == np.float32
    assert rows.known.tolist() == [True, True, False]
    assert notes == ("v.npy: 1 of 3 items have no vector there",)


def test_a_table_names_its_items(tmp_path):
    table = pa.table({"id": ["7", " 2"], "image": [[1.0, 2.0], [3.0, 4.0]]})
    pq.write_table(table, tmp_path / "v.parquet")
    rows, _ = read_vectors(tmp_path / "v.parquet", IDS, item="id", vector="image")
    assert rows.array().tolist() == [[3, 4], [0, 0], [1, 2]]
    assert rows.known.tolist() == [True, False, True]


def test_of_an_item_that_stands_there_twice_the_first_is_taken(tmp_path):
    table = pa.table({"item": ["7", "2", "7", "7"], "vector": [[1.0], [2.0], [3.0], [4.0]]})
    pq.write_table(table, tmp_path / "v.parquet")
    rows, notes = read_vectors(tmp_path / "v.parquet", np.array(["7", "2"], dtype=object))
    assert rows.array().tolist() == [[1], [2]]
    assert notes == ("v.parquet: 2 further vectors of an item were left out",)


def test_rows_that_are_counted_from_one_are_refused(tmp_path):
    np.save(tmp_path / "v.npy", np.ones((3, 2)))
    ids = np.array(["3", "1", "2"], dtype=object)
    with pytest.raises(
        InputError, match=r"v\.npy: row k is .* 3 rows, and the items are 1 to 3; put a row of"
    ):
        read_vectors(tmp_path / "v.npy", ids)
    assert read_vectors(tmp_path / "v.npy", np.array(["2", "1", "0"], dtype=object))[0].known.all()
    assert read_vectors(tmp_path / "v.npy", np.array(["2", "1", "9"], dtype=object))[1]
    np.save(tmp_path / "v.npy", np.ones((4, 2)))
    assert read_vectors(tmp_path / "v.npy", ids)[0].known.all()


def test_names_that_are_no_row_numbers_are_not_taken_for_some(tmp_path):
    np.save(tmp_path / "v.npy", np.arange(8.0).reshape(4, 2))
    rows, _ = read_vectors(tmp_path / "v.npy", np.array(["03", "3", "-1", "4", "x", "²"], dtype=object))
    assert rows.known.tolist() == [False, True, False, False, False, False]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (np.arange(3), r"needs a matrix, a row an item; found int64 of shape \(3,\)"),
        (np.array([["a", "b"]]), "needs a matrix"),
        (np.array([[1.0, np.nan]]), "vector of item '0' has a number that is not finite"),
        ({"item": ["9"], "vector": [[1.0]]}, "none of its 1 items is in the data; its first is '9'"),
        ({"item": ["2", "0"], "vector": [[1.0], [1.0, 2.0]]}, r"vectors of one length, found \[1, 2\]"),
        ({"item": ["2", "0"], "vector": [[1.0], None]}, r"vectors of one length, found \[0, 1\]"),
        ({"item": ["2"], "vector": [[1.0, None]]}, "vector of item '2' has a number that is not finite"),
        ({"item": ["2"], "vector": [1.0]}, "column 'vector' must hold lists of numbers, found double"),
        ({"item": ["2"], "vector": [["a"]]}, "column 'vector' must hold lists of numbers, found list"),
        ({"item": ["2"], "words": ["x"]}, "cannot read the columns 'item' and 'vector'"),
        (b"nothing", "not a .npy file"),
        (b"", "not a .npy file"),
    ],
    ids=str,
)
def test_a_file_that_does_not_fit_is_named(content, words, tmp_path):
    path = tmp_path / ("v.parquet" if isinstance(content, dict) else "v.npy")
    if isinstance(content, dict):
        pq.write_table(pa.table(content), path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(InputError, match=words):
        read_vectors(path, IDS)
