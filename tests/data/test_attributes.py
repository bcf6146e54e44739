"""Attributes: what the table of items says, cell by cell, for the items that the data has."""

from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernet.data.attributes import _attribute, attribute, attribute_names
from supernet.data.filters import clean
from supernet.data.interactions import select
from supernet.data.readers import planted, read_lightgcn, read_ml_100k, read_recbole, read_table
from supernet.data.splits import split
from supernet.runtime import InputError

WORDS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="|"), max_size=4), max_size=4)


def by_item(data, name, separator=None):
    """Item id → its values, as a person reads them."""
    found = attribute(data, name, separator)
    words = {str(item): [] for item in data.item_ids}
    for item, code in zip(found.items.tolist(), found.codes.tolist(), strict=True):
        words[data.item_ids[item]].append(found.values[code])
    return words


def table(tmp_path, rows, **options):
    items = ["i1", "i2", "i3", "i4"]
    lines = ["user,item", *(f"u{u},{item}" for u in range(12) for item in items[: 3 + u % 2])]
    (tmp_path / "clicks.csv").write_text("\n".join(lines))
    (tmp_path / "items.csv").write_text("\n".join(rows))
    read = read_table(path=str(tmp_path / "clicks.csv"), items_path=str(tmp_path / "items.csv"), **options)
    return split(read, "ratio", 0)


ROWS = [
    "item,name,kind,tags,price",
    "i2,Two,book,a | b|a,4.50",
    "zz,Away,film,d,1",
    "i1,One, film ,,007",
    "i2,again,disc,c,2",
    "i3,,,b,",
]


def test_values_stand_as_they_are_written_and_the_first_row_counts(tmp_path):
    data = table(tmp_path, ROWS, title=["name"])
    assert attribute_names(data) == ["item", "title", "name", "kind", "tags", "price"]
    assert by_item(data, "kind") == {"i1": ["film"], "i2": ["book"], "i3": [], "i4": []}
    assert by_item(data, "price") == {"i1": ["007"], "i2": ["4.50"], "i3": [], "i4": []}
    assert by_item(data, "title") == {"i1": ["One"], "i2": ["Two"], "i3": ["i3"], "i4": ["i4"]}
    assert by_item(data, "item") == {item: [item] for item in data.item_ids}


def test_a_cell_of_several_values_is_parted_where_it_is_said(tmp_path):
    data = table(tmp_path, ROWS)
    assert by_item(data, "tags") == {"i1": [], "i2": ["a | b|a"], "i3": ["b"], "i4": []}
    assert by_item(data, "tags", "|") == {"i1": [], "i2": ["a", "b"], "i3": ["b"], "i4": []}
    assert attribute(data, "tags", "|").absent == {"c", "d"}


def test_values_of_items_that_are_not_in_the_data_are_told_apart(tmp_path):
    data = table(tmp_path, ROWS)
    assert attribute(data, "kind").absent == {"disc"}, "film has an item, and so has book"
    assert attribute(data, "item").absent == {"zz"}


def test_a_column_of_the_table_takes_the_place_of_a_title(tmp_path):
    rows = ["item,title,name", "i1,x,One", "i2,y,Two"]
    data = table(tmp_path, rows, title=["name"])
    assert by_item(data, "title") == {"i1": ["x"], "i2": ["y"], "i3": [], "i4": []}


def test_items_that_leave_take_their_values_with_them(tmp_path):
    read = read_table(
        path=str(table_of(tmp_path)), items_path=str(tmp_path / "items.csv"), items_id="item", title=["kind"]
    )
    left = select(read, read.items != list(read.item_ids).index("b"))
    data = split(left, "ratio", 0)
    assert by_item(data, "kind") == {"a": ["A"], "c": ["C"]}
    assert attribute(data, "kind").absent == {"B"}


def table_of(tmp_path):
    lines = ["user,item", *(f"u{u},{item}" for u in range(30) for item in "abc")]
    (tmp_path / "clicks.csv").write_text("\n".join(lines))
    (tmp_path / "items.csv").write_text("item,kind\na,A\nb,B\nc,C\n")
    return tmp_path / "clicks.csv"


def test_an_unknown_attribute_lists_the_others(tmp_path):
    data = table(tmp_path, ROWS)
    with pytest.raises(LookupError, match=r"no attribute 'genre'; choose from: item, name, kind, tags"):
        attribute(data, "genre")


def test_a_table_that_has_gone_is_named(tmp_path):
    data = table(tmp_path, ROWS)
    (tmp_path / "items.csv").unlink()
    with pytest.raises(InputError, match=r"items\.csv"):
        attribute(data, "kind")


def test_data_without_a_table_has_ids_alone():
    data = split(planted(), "given", 0)
    assert attribute_names(data) == ["item"]
    found = attribute(data, "item")
    assert [found.values[code] for code in found.codes] == data.item_ids.tolist()
    assert found.absent == frozenset()


def test_lightgcn_folders_have_the_columns_of_their_items(tmp_path):
    pairs = "\n".join(f"{u} 9 10 11{' 12' * (u > 0)}" for u in range(40))
    (tmp_path / "train.txt").write_text(pairs)
    (tmp_path / "test.txt").write_text("0 12 13\n")
    (tmp_path / "items.tsv").write_text(
        "item\torig_id\ttitle\tgenres\n10\t7\tTen\tA|B\n9\t8\tNine\tB\n13\t9\tNew\tC\n"
    )
    data = split(read_lightgcn(path=str(tmp_path)), "given", 0)
    assert attribute_names(data) == ["item", "title", "orig_id", "genres"]
    assert by_item(data, "genres", "|") == {"9": ["B"], "10": ["A", "B"], "11": [], "12": []}
    assert attribute(data, "genres", "|").absent == {"C"}


def test_words_of_a_token_sequence_are_values(tmp_path):
    inter = [f"{u}\t{item}\t1\t{u}" for u in range(20) for item in (1, 2)]
    (tmp_path / "s.inter").write_text(
        "\n".join(["user_id:token\titem_id:token\trating:float\ttimestamp:float", *inter])
    )
    (tmp_path / "s.item").write_text(
        "item_id:token\tname:token_seq\tyear:token\tkind:token_seq\n1\tBig L.A.\t1997\tNoir  Crime\n"
        "2\tKolya\t1996\tComedy\n"
    )
    data = split(read_recbole(path=str(tmp_path), name="s"), "ratio", 0)
    assert attribute_names(data) == ["item", "title", "name", "year", "kind"]
    assert by_item(data, "kind") == {"1": ["Crime", "Noir"], "2": ["Comedy"]}
    assert by_item(data, "title") == {"1": ["Big L.A."], "2": ["Kolya"]}


@pytest.mark.skipif(find_spec("recbole") is None, reason="the wheel with the files of ml-100k is missing")
def test_films_of_ml_100k_have_genres_and_a_year():
    data = split(clean(read_ml_100k()), "ratio", 0)
    assert attribute_names(data) == ["item", "title", "year", "genres"]
    genres = by_item(data, "genres")
    assert genres["1"] == ["Animation", "Children's", "Comedy"]
    assert by_item(data, "title")["1"] == ["Toy Story (1995)"]
    assert by_item(data, "year")["2"] == ["1995"]
    assert len(attribute(data, "genres").values) == 19


@given(cells=st.lists(WORDS, max_size=8))
def test_parting_matches_a_plain_loop(cells):
    text = pa.array(["|".join(words) for words in cells], pa.string())
    found = _attribute(text, text, "|")
    expected = sorted({(i, w.strip()) for i, words in enumerate(cells) for w in words if w.strip()})
    pairs = zip(found.items.tolist(), found.codes.tolist(), strict=True)
    assert [(item, found.values[code]) for item, code in pairs] == expected
    assert np.all(np.diff(found.items.numpy()) >= 0)
