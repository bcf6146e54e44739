"""Vectors that are mapped: what is in the file, when it is written, and that nothing is held as a whole."""

import numpy as np
import pytest

from supernet.features.text import mapped as module
from supernet.features.text import rows as blocks
from supernet.features.text.mapped import mapped
from supernet.features.text.rows import Rows, rows_of
from supernet.features.text.scaling import SCALINGS
from supernet.runtime import InputError


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 7)


def some(n=30, d=4, seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((n, d)).astype(np.float32) + 3, generator.random(n) < 0.8


def dense(name, v, known):
    """The formulas, on a whole matrix in double precision."""
    x = v[known].astype(np.float64)
    centred = x - x.mean(axis=0)
    if name == "standardise":
        x = centred / centred.std(axis=0)
    elif name == "whiten":
        x = np.linalg.svd(centred, full_matrices=False)[0] * np.sqrt(len(x))
    out = np.zeros((len(v), x.shape[1]))
    out[known] = x
    return out


@pytest.mark.parametrize("name", list(SCALINGS))
def test_blocks_give_what_the_whole_matrix_gives(name, tmp_path):
    v, known = some()
    found, expected = mapped(rows_of(v, known), name, tmp_path), dense(name, v, known)
    sign = np.sign((found * expected).sum(axis=0)) if name == "whiten" else 1.0  # of each direction: any
    np.testing.assert_allclose(found, expected * sign, atol=1e-4)
    assert isinstance(found, np.memmap)


@pytest.mark.parametrize("name", list(SCALINGS))
def test_scalings_are_fitted_to_the_first_rows_and_bring_the_others_to_the_same_columns(name, tmp_path):
    v, known = some()
    v[20:] *= 9
    whole = mapped(rows_of(v, known), name, tmp_path, fitted=20)
    first = mapped(rows_of(v[:20], known[:20]), name, tmp_path)
    np.testing.assert_allclose(whole[:20], first, atol=1e-6)
    assert whole[20:][known[20:]].any(axis=1).all()
    assert not whole[~known].any()
    if name == "standardise":
        own = v[:20][known[:20]].astype(np.float64)
        expected = (v - own.mean(axis=0)) / own.std(axis=0)
        np.testing.assert_allclose(whole[known], expected[known], atol=1e-3)


def test_the_same_rows_are_written_once_and_others_anew(tmp_path, monkeypatch):
    v, known = some()
    first = mapped(rows_of(v, known), "standardise", tmp_path)
    first[:] = 0.0
    with monkeypatch.context() as patch:
        patch.setattr(module, "atomic_path", None)  # nothing may be written
        again = mapped(rows_of(v, known), "standardise", tmp_path)
    np.testing.assert_allclose(again, dense("standardise", v, known), atol=1e-4)
    other = v.copy()
    other[np.flatnonzero(known)[-1], 0] += 1
    for rows, name in (
        (rows_of(v, known), "none"),
        (rows_of(other, known), "standardise"),
        (rows_of(v), "none"),
    ):
        mapped(rows, name, tmp_path)
    assert len(list((tmp_path / "views").glob("*.npy"))) == 4


def test_no_more_than_a_block_is_asked_for(tmp_path):
    v, known = some()
    asked = []

    def take(places):
        asked.append(len(places))
        return v[places]

    for name in SCALINGS:
        mapped(Rows(np.where(known, np.arange(30), -1), 4, take), name, tmp_path)
    assert max(asked) <= 7


@pytest.mark.parametrize("content", [b"nothing", b""])
def test_a_damaged_file_is_named(content, tmp_path):
    v, known = some()
    mapped(rows_of(v, known), "none", tmp_path)
    (path,) = (tmp_path / "views").glob("*.npy")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"\.npy: not a matrix of vectors: .*; remove this file"):
        mapped(rows_of(v, known), "none", tmp_path)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "views").write_text("a file")
    v, known = some()
    with pytest.raises(InputError, match=r"cannot be written: .*; set text\.cache or SUPERNET_CACHE"):
        mapped(rows_of(v, known), "none", tmp_path)
