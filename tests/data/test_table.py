"""Reader `table`: what is written is what is read, whatever the format and the size of a batch."""

import csv
import datetime
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supernet.data.readers import batches, read_table

HEADER = ("user", "item", "rating", "time")
ROWS = [
    ("007", "NA", "3", "100"),
    ("7", "a,b", "4.5", "50"),
    ("007", 'say "hi"', "0", "-1"),
    ("é", "NA", "1e1", "7"),
]
IDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6).filter(str.strip)


def write(path, rows, header=HEADER, delimiter=",", encoding="utf-8", opener=open):
    with opener(path, "wt", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return str(path)


def named(data):
    return list(zip(data.user_ids[data.users], data.item_ids[data.items], strict=True))


def check(data):
    assert named(data) == [row[:2] for row in ROWS]
    assert data.user_ids.tolist() == ["007", "7", "é"]
    assert data.ratings.tolist() == [3, 4.5, 0, 10]
    assert data.times.tolist() == [100, 50, -1, 7]
    assert data.parts is None
    assert (data.users.dtype, data.items.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.csv", {}),
        ("x.tsv", {"delimiter": "\t"}),
        ("x.csv.gz", {"opener": gzip.open}),
        ("x.tsv.gz", {"opener": gzip.open, "delimiter": "\t"}),
        ("bom.csv", {"encoding": "utf-8-sig"}),
    ],
)
def test_text_is_told_by_its_suffix(tmp_path, name, options):
    path = write(tmp_path / name, ROWS, **options)
    data = read_table(path=path, rating="rating", time="time")
    check(data)
    assert (data.name, data.source) == (name.split(".")[0], path)


def test_format_delimiter_and_encoding_can_be_said(tmp_path):
    path = write(tmp_path / "log", ROWS, delimiter=";", encoding="latin-1")
    check(
        read_table(path=path, rating="rating", time="time", format="csv", delimiter=";", encoding="latin-1")
    )


def test_parquet_text_and_numbers(tmp_path):
    users, items, ratings, times = zip(*ROWS, strict=True)
    columns = {
        "user": pa.array(users).dictionary_encode(),
        "item": pa.array(items, pa.large_string()),
        "rating": pa.array([float(rating) for rating in ratings], pa.float32()),
        "time": pa.array([int(time) for time in times]),
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    check(read_table(path=str(tmp_path / "x.parquet"), rating="rating", time="time"))


def test_parquet_whole_numbers_are_ids_and_dates_are_seconds(tmp_path):
    zone = datetime.UTC
    moments = pa.array(
        [datetime.datetime(1970, 1, 1, 0, 1, tzinfo=zone), datetime.datetime(1970, 1, 2, tzinfo=zone)]
    )
    days = pa.array([datetime.date(1970, 1, 1), datetime.date(1970, 1, 3)])
    pq.write_table(pa.table({"u": [12, 3], "i": [4, 4], "t": moments, "d": days}), tmp_path / "x.parquet")
    for time, seconds in (("t", [60, 86400]), ("d", [0, 2 * 86400])):
        data = read_table(path=str(tmp_path / "x.parquet"), user="u", item="i", time=time)
        assert named(data) == [("12", "4"), ("3", "4")]
        assert data.times.tolist() == seconds


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        ("1970-01-01", "1970-01-02", [0, 86400]),
        ("1970-01-01 00:00:30", " 1970-01-01T00:01:00.5", [30, 60.5]),
        ("1970-01-01T00:00:30Z", "1970-01-01T01:00:00+01:00", [30, 0]),
        ("12.5", "1e3", [12.5, 1000]),
    ],
)
def test_times_are_numbers_or_iso(tmp_path, first, second, seconds):
    path = write(tmp_path / "x.csv", [("a", "b", "1", first), ("a", "c", "1", second)])
    assert read_table(path=path, time="time").times.tolist() == seconds


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows=st.lists(st.tuples(IDS, IDS, st.integers(0, 5), st.integers(-(10**12), 10**12)), min_size=1))
def test_round_trip_of_any_ids(tmp_path, rows):
    data = read_table(path=write(tmp_path / "x.csv", rows), rating="rating", time="time")
    assert named(data) == [(user.strip(), item.strip()) for user, item, *_ in rows]
    assert data.ratings.tolist() == [row[2] for row in rows]
    assert data.times.tolist() == [row[3] for row in rows]


@pytest.mark.parametrize("blocks", [1 << 20, 24], ids=["one batch", "several"])
def test_blanks_around_an_id_are_none_of_it(tmp_path, monkeypatch, blocks):
    """As in `user, item` files; two ids that differ by them alone are one, as the item table has it."""
    monkeypatch.setattr(batches, "BLOCK_BYTES", blocks)
    rows = [("u", " b"), ("v ", "a"), (" u", "b c "), ("u\u00a0", "b"), ("\u3000v", "a ")]
    path = write(tmp_path / "x.csv", rows, ("user", "item"))
    items = write(tmp_path / "items.csv", [(" a", "A"), ("b ", "B"), ("b c", "C")], ("item", "name"))
    data = read_table(path=path, items_path=items, title=["name"])
    assert named(data) == [("u", "b"), ("v", "a"), ("u", "b c"), ("u", "b"), ("v", "a")]
    assert (data.user_ids.tolist(), data.item_ids.tolist()) == (["u", "v"], ["b", "a", "b c"])
    assert data.titles.tolist() == ["B", "A", "C"]
    assert data.notes == ()


def test_ids_are_one_vocabulary_over_many_batches(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [(f"user {u}", f"item {i}", r, t) for u, i, r, t in rng.integers(0, 300, (2000, 4)).tolist()]
    path = write(tmp_path / "x.csv", rows)
    whole = read_table(path=path, rating="rating")
    monkeypatch.setattr(batches, "BLOCK_BYTES", 512)
    assert len(list(batches.batches(batches.TableFile(tmp_path / "x.csv", "csv", ","), ["user"]))) > 50
    pieces = read_table(path=path, rating="rating")
    assert named(pieces) == [row[:2] for row in rows]
    np.testing.assert_array_equal(pieces.users, whole.users)
    np.testing.assert_array_equal(pieces.item_ids, whole.item_ids)
    assert len(set(pieces.user_ids)) == len(pieces.user_ids)


def test_line_breaks_in_quotes_may_stand_where_a_block_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 100)
    rows = [(f"u{row}", "two\nlines\n" * (row % 4 + 1) + "end", row % 5, row) for row in range(60)]
    assert named(read_table(path=write(tmp_path / "x.csv", rows))) == [row[:2] for row in rows]


def test_columns_may_stand_anywhere_and_others_are_left_alone(tmp_path):
    rows = [("junk", "i1", "x", "u1"), ("", "i2", "y", "u1")]
    data = read_table(
        path=write(tmp_path / "x.csv", rows, ("a", "thing", "b", "who")), user="who", item="thing"
    )
    assert named(data) == [("u1", "i1"), ("u1", "i2")]
    assert data.ratings is None
    assert data.times is None


def test_files_of_parts_share_their_ids(tmp_path):
    rows = {"train": ROWS[:2], "alpha": ROWS[3:], "valid": [("7", "new", "1", "1")], "test": ROWS[2:3]}
    paths = {part: write(tmp_path / f"{part}.csv", some) for part, some in rows.items()}
    given = {f"{part}_path": path for part, path in paths.items() if part != "train"}
    data = read_table(path=paths["train"], **given)
    assert data.parts.tolist() == [0, 0, 1, 2, 3]
    assert named(data) == [(u, i) for u, i in [r[:2] for part in rows.values() for r in part]]
    assert data.user_ids.tolist() == ["007", "7", "é"]


def test_items_get_titles_and_text_in_the_order_of_their_ids(tmp_path):
    path = write(tmp_path / "x.csv", [("u", "b"), ("u", "a"), ("u", "c")], ("user", "item"))
    items = [
        ("a", "A", "", "1"),
        ("z", "Z", "far", "2"),
        ("b", " B ", "near\nby", "3"),
        ("a", "again", "", "4"),
    ]
    items_path = write(tmp_path / "items.csv", items, ("id", "name", "words", "price"))
    data = read_table(
        path=path, items_path=items_path, items_id="id", title=["name"], text=["words", "price"]
    )
    assert data.item_ids.tolist() == ["b", "a", "c"]
    assert data.titles.tolist() == ["B", "A", "c"]
    assert data.text.tolist() == ["B, near\nby, 3", "A, 1", ""]
    twice = read_table(
        path=path, items_path=items_path, items_id="id", title=["name"], text=["name", "price"]
    )
    assert twice.text.tolist() == ["B, 3", "A, 1", ""], "a column of both is read once"
    assert data.notes == (
        "items.csv: 1 of 3 items have no row there",
        "items.csv: 1 repeated rows of items left out (the first is kept)",
    )
