"""The cache and what is encoded: once for each text, whatever happens in between."""

import json

import numpy as np
import pytest

from supernet.features.text.cache import VectorCache, default_folder
from supernet.features.text.encode import encode_texts
from supernet.runtime import InputError


class Lengths:
    """A text's length and its first letter's number; counts what it is asked."""

    batch, saved, whole = 2, 16, False

    def __init__(self, name="lengths", fail_after=None):
        self.identity, self.asked, self.fail_after = {"encoder": name}, [], fail_after

    def encode(self, texts):
        if self.fail_after is not None and len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.asked.extend(texts)
        return np.array([[len(text), ord(text[0])] for text in texts], np.float32)

    def notes(self):
        return ()


TEXTS = ["toys", "", "games", "toys", "books"]


def test_every_text_is_encoded_once_and_found_the_next_time(tmp_path):
    encoder, seen = Lengths(), []
    rows = encode_texts(TEXTS, encoder, tmp_path, seen.append)
    vectors, known = rows.array(), rows.known
    assert encoder.asked == ["toys", "games", "books"]
    assert vectors.tolist() == [[4, 116], [0, 0], [5, 103], [4, 116], [5, 98]]
    assert known.tolist() == [True, False, True, True, True]
    assert sum(seen) == 3
    again = Lengths()
    same = encode_texts([*TEXTS, "films"], again, tmp_path).array()
    assert again.asked == ["films"]
    assert same[:5].tolist() == vectors.tolist()


def test_another_encoder_has_another_cache(tmp_path):
    encode_texts(TEXTS, Lengths(), tmp_path)
    other = Lengths("other")
    encode_texts(TEXTS, other, tmp_path)
    assert len(other.asked) == 3
    names = {json.loads(p.read_text())["encoder"] for p in tmp_path.glob("text/*/encoder.json")}
    assert names == {"lengths", "other"}


def test_what_a_killed_run_had_encoded_is_kept(tmp_path):
    texts = ["t" * (k + 1) for k in range(5 * Lengths.saved)]
    size = 2 * Lengths.saved
    with pytest.raises(KeyboardInterrupt):
        encode_texts(texts, Lengths(fail_after=2 * size), tmp_path)
    rest = Lengths()
    vectors = encode_texts(texts, rest, tmp_path).array()
    assert rest.asked == texts[2 * size :]
    assert vectors[:, 0].tolist() == [len(text) for text in texts]
    assert not list(tmp_path.glob("text/*/.*")), "a temporary file was left behind"


def test_two_processes_may_add_side_by_side(tmp_path):
    one, two = (VectorCache(tmp_path, {"a": 1}) for _ in range(2))
    one.add(["x"], np.ones((1, 3), np.float32))
    two.add(["y"], np.zeros((1, 3), np.float32))
    both = VectorCache(tmp_path, {"a": 1})
    found = both.find(["y", "z", "x"])
    assert found[1] == -1
    assert both.take(found[[0, 2]]).tolist() == [[0, 0, 0], [1, 1, 1]]
    two.add(["x"], np.full((1, 3), 5, np.float32))
    assert VectorCache(tmp_path, {"a": 1}).find(["x"])[0] >= 0, "twice is no harm"


def test_a_damaged_part_is_named(tmp_path):
    cache = VectorCache(tmp_path, {"a": 1})
    (cache.folder / "broken.npy").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match=r"broken\.npy: not a part of the vector cache"):
        VectorCache(tmp_path, {"a": 1})
    np.save(cache.folder / "broken.npy", np.ones(3))
    with pytest.raises(InputError, match=r"broken\.npy: not a part of the vector cache: it has float64"):
        VectorCache(tmp_path, {"a": 1})
    (cache.folder / "broken.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"broken\.npy: not a part of the vector cache: No data left"):
        VectorCache(tmp_path, {"a": 1})


def test_what_is_no_finite_vector_of_the_same_width_is_not_kept(tmp_path):
    cache = VectorCache(tmp_path, {"a": 1})
    for bad in (np.nan, np.inf):
        with pytest.raises(InputError, match="a number that is not finite for the text 'y'"):
            cache.add(["x", "y"], np.array([[1, 2], [3, bad]], np.float32))
    cache.add(["x"], np.ones((1, 2), np.float32))
    with pytest.raises(InputError, match=r"vectors of 3 columns; those that it gave before, .* have 2"):
        cache.add(["y"], np.ones((1, 3), np.float32))
    assert len(VectorCache(tmp_path, {"a": 1}).parts) == len(list(cache.folder.glob("*.npy"))) == 1


@pytest.mark.parametrize("width", [0, 3])
def test_a_part_of_another_width_is_named(width, tmp_path):
    cache = VectorCache(tmp_path, {"a": 1})
    cache.add(["x"], np.ones((1, 2), np.float32))
    other = np.ones(1, [("key", "S32"), ("vector", "<f4", (width,))])
    np.save(cache.folder / "zzz.npy", other)
    with pytest.raises(InputError, match=rf"zzz\.npy: .* its vectors have {width} columns, .* others 2"):
        VectorCache(tmp_path, {"a": 1})


def test_a_part_with_a_number_that_is_not_finite_is_named(tmp_path):
    cache = VectorCache(tmp_path, {"a": 1})
    cache.add(["x"], np.ones((1, 2), np.float32))
    part = np.load(cache.parts[0])
    part["vector"][0, 1] = np.nan
    np.save(cache.parts[0], part)
    with pytest.raises(InputError, match=r"\.npy: has a number that is not finite; remove this file"):
        cache.take(cache.find(["x"]))


@pytest.mark.parametrize("size", [0, 100, 200])
def test_what_another_process_is_writing_is_no_part_yet(size, tmp_path):
    cache = VectorCache(tmp_path, {"a": 1})
    cache.add(["x"], np.ones((1, 30), np.float32))
    whole = cache.parts[0].read_bytes()
    assert len(whole) > 200
    (cache.folder / ".x.npy.y.npy").write_bytes(whole[:size])
    assert len(VectorCache(tmp_path, {"a": 1}).parts) == 1


def test_a_part_that_was_removed_meanwhile_is_none(tmp_path):
    cache = VectorCache(tmp_path, {"a": 1})
    (cache.folder / "gone.npy").symlink_to(tmp_path / "nowhere.npy")
    assert not VectorCache(tmp_path, {"a": 1}).parts


def test_one_vector_for_many_texts_is_refused(tmp_path):
    encoder = Lengths()
    encoder.encode = lambda texts: np.full((len(texts), 2), 0.5, np.float32)
    texts = [f"text {k}" for k in range(9)]
    with pytest.raises(InputError, match="gave 9 different texts one and the same vector, 'text 0' and"):
        encode_texts(texts, encoder, tmp_path)
    assert not VectorCache(tmp_path, encoder.identity).parts
    assert encode_texts(["Book", "book", "BOOK"], encoder, tmp_path).known.all(), "spellings may be alike"


def test_no_text_at_all_is_a_column_of_zeros(tmp_path):
    rows = encode_texts(["", ""], Lengths(), tmp_path)
    assert rows.array().tolist() == [[0.0], [0.0]]
    assert not rows.known.any()


def test_the_cache_lies_where_it_is_told_to(monkeypatch, tmp_path):
    monkeypatch.setenv("SUPERNET_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("SUPERNET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert default_folder() == tmp_path / "x" / "supernet"
