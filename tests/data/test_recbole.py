"""Readers `recbole` and `ml-100k`: typed headers, text, and MovieLens 100k where its wheel is installed."""

import importlib
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from supernet.data.filters import clean
from supernet.data.readers import READERS, read_ml_100k, read_recbole
from supernet.data.splits import split
from supernet.runtime import InputError

INTER = """user_id:token\titem_id:token\trating:float\ttimestamp:float
196\t242\t3\t88
7\t302\t4.5\t89
196\t302\t1\t90
"""
ITEM = """item_id:token\tname:token_seq\tyear:token\tkind:token_seq
302\t"Great" L.A.\t1997\tCrime Noir
242\tKolya\t1996\tComedy
"""


def folder(path, inter=INTER, item=None):
    (path / "set.inter").write_text(inter)
    if item is not None:
        (path / "set.item").write_text(item)
    return {"path": str(path), "name": "set"}


def test_fields_are_named_without_their_type(tmp_path):
    data = read_recbole(**folder(tmp_path))
    assert (data.user_ids.tolist(), data.item_ids.tolist()) == (["196", "7"], ["242", "302"])
    assert data.users.tolist() == [0, 1, 0]
    assert data.items.tolist() == [0, 1, 1]
    assert data.ratings.tolist() == [3, 4.5, 1]
    assert data.times.tolist() == [88, 89, 90]
    assert (data.titles, data.text, data.parts) == (None, None, None)


def test_token_sequences_are_text_and_quotes_are_letters(tmp_path):
    data = read_recbole(**folder(tmp_path, item=ITEM))
    assert data.titles.tolist() == ["Kolya", '"Great" L.A.']
    assert data.text.tolist() == ["Kolya, Comedy", '"Great" L.A., Crime Noir']


def test_title_and_text_fields_can_be_chosen(tmp_path):
    data = read_recbole(
        **folder(tmp_path, item=ITEM), title=["name", "year"], text=["kind"], rating=None, time=None
    )
    assert data.titles.tolist() == ["Kolya 1996", '"Great" L.A. 1997']
    assert data.text.tolist() == ["Comedy", "Crime Noir"]
    assert (data.ratings, data.times) == (None, None)


def test_a_missing_field_lists_those_present(tmp_path):
    with pytest.raises(
        InputError, match=r"set.inter: no column 'stars'; the columns are 'user_id', 'item_id', 'rating'"
    ):
        read_recbole(**folder(tmp_path), rating="stars")
    with pytest.raises(InputError, match=r"set.item: no column 'nam'; .* did you mean 'name'\?"):
        read_recbole(**folder(tmp_path, item=ITEM), title=["nam"])


@pytest.mark.parametrize(
    ("inter", "words"),
    [
        (INTER.replace("4.5", "four"), r"set.inter, line 3: rating:float 'four' is not a number"),
        (INTER.replace("7\t302", "\t302"), r"set.inter, line 3: user_id:token '' is empty"),
        (INTER.replace("\t89", ""), r"set.inter, line 3: 3 columns where the header has 4"),
        ("", r"set.inter: the file is empty"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path, inter, words):
    with pytest.raises(InputError, match=words):
        read_recbole(**folder(tmp_path, inter))


def test_a_missing_folder_or_file_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        read_recbole(path=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"other.inter: no such file"):
        read_recbole(path=str(tmp_path), name="other")


def test_ml_100k_says_what_to_install(tmp_path, monkeypatch):
    with pytest.raises(
        InputError, match=r"no file ml-100k.inter there; .* pip install --no-deps recbole==1.2.1"
    ):
        read_ml_100k(path=str(tmp_path))
    monkeypatch.setattr(importlib.import_module(read_ml_100k.__module__), "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"not installed; run: pip install --no-deps recbole==1.2.1"):
        read_ml_100k()


def test_ml_100k_reads_other_folders(tmp_path):
    (tmp_path / "ml-100k.inter").write_text(INTER)
    header = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    (tmp_path / "ml-100k.item").write_text(f"{header}242\tKolya\t1996\tComedy\n302\tunknown\t\t\n")
    data = read_ml_100k(path=str(tmp_path))
    assert data.titles.tolist() == ["Kolya (1996)", "unknown"]
    assert data.text.tolist() == ["Kolya, 1996, Comedy", "unknown"]


@pytest.mark.skipif(
    find_spec("recbole") is None, reason="recbole 1.2.1, whose wheel holds ml-100k, is not installed"
)
def test_ml_100k_is_complete_and_its_code_is_never_run():
    data = READERS["ml-100k"]()
    assert (data.n_users, data.n_items, len(data)) == (943, 1682, 100_000)
    assert "recbole" not in sys.modules
    assert data.titles[data.item_ids == "1"].tolist() == ["Toy Story (1995)"]
    assert data.text[data.item_ids == "1"].tolist() == ["Toy Story, 1995, Animation Children's Comedy"]
    assert np.bincount(data.ratings.astype(int)).tolist() == [0, 6110, 11370, 27145, 34174, 21201]
    assert clean(data) is data  # no pair is rated twice
    dataset = split(data, "ratio", 0)
    assert sum(len(pairs.users) for pairs in dataset.parts.values()) > 99_800
    assert dataset.n_users == 943
