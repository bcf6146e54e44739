"""Reader `table`: every broken input is one InputError with file, line, field, value and what to do."""

import gzip
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from supernet.data.readers import batches, read_table
from supernet.runtime import InputError


def fails(path, *words, **options):
    with pytest.raises(InputError) as caught:
        read_table(path=str(path), **{"rating": "rating", "time": "time"} | options)
    message = str(caught.value)
    assert str(path) in message
    for word in words:
        assert word in message, f"{word!r} is not in {message!r}"
    assert caught.value.__cause__ is None
    return message


CASES = {
    "wrong number": (b"a,b,3,1\nc,d,good,1\n", ("line 3: rating 'good' is not a number",)),
    "empty rating": (b"a,b,,1\n", ("line 2: rating '' is not a number",)),
    "negative rating": (b"a,b,3,1\na,c,3,1\na,d,-2,1\n", ("line 4: rating '-2' is not a rating",)),
    "rating NaN": (b"a,b,nan,1\n", ("line 2: rating 'nan' is not a rating",)),
    "rating infinite": (b"a,b,inf,1\n", ("line 2: rating 'inf' is not a rating",)),
    "blank lines are lines": (b"\n\na,b,3,1\n\na,c,x,1\n", ("line 6: rating 'x' is not a number",)),
    "quoted line breaks are lines": (b'a,"b\nb",3,1\na,c,x,1\n', ("line 4: rating 'x'",)),
    "empty user": (b"a,b,3,1\n,b,3,1\n", ("line 3: user '' is empty",)),
    "blank item": (b"a,b,3,1\na,  ,3,1\n", ("line 3: item '  ' is empty",)),
    "no time": (b"a,b,3,1\na,c,3,soon\n", ("line 3: time 'soon' is not a time; give a number or ISO 8601",)),
    "mixed times": (b"a,b,3,2020-01-01\na,c,3,31.12.2020\n", ("line 3: time '31.12.2020' is not a time",)),
    "time NaN": (b"a,b,3,1\na,c,3,nan\n", ("line 3: time 'nan' is not a time",)),
    "short row": (b"a,b,3,1\n\nc,d,4\n", ("line 4: 3 columns where the header has 4: 'c,d,4'",)),
    "long row": (b"a,b,3,1,9\n", ("line 2: 5 columns where the header has 4: 'a,b,3,1,9'",)),
    "wrong encoding": (b"a,b,3,1\nc\xff,d,4,1\n", ("line 3, byte 31: b'\\xff' is not utf-8; set encoding",)),
    "header alone": (b"", ("header but no rows",)),
}


@pytest.mark.parametrize("body, words", CASES.values(), ids=CASES)  # noqa: PT006
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_bad_row_is_named_by_its_line(tmp_path, body, words, suffix):
    path = tmp_path / f"bad{suffix}"
    content = b"user,item,rating,time\n" + body
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    fails(path, *words)


def test_a_bad_value_many_batches_down_is_named_by_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1 << 14)
    path = tmp_path / "long.tsv"
    lines = [f"u{row % 50}\ti{row % 70}\t{row % 5}\t{row}" for row in range(60_000)]
    lines[54_321] = "u\ti\tfive\t0"
    path.write_text("\n".join(["user\titem\trating\ttime", *lines]))
    fails(path, "line 54323: rating 'five' is not a number")


def test_missing_files_are_named(tmp_path):
    fails(tmp_path / "none.csv", "no such file")
    fails(tmp_path, "is a folder, not a file")


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_named(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    fails(tmp_path / "x.csv", "the file is empty")


def test_a_wrong_column_lists_those_present_and_the_closest(tmp_path):
    (tmp_path / "x.csv").write_text("user_id,item,ratings,time\na,b,3,1\n")
    fails(
        tmp_path / "x.csv",
        "no column 'user'; the columns are 'user_id', 'item', 'ratings', 'time'",
        "'user_id'?",
    )
    fails(tmp_path / "x.csv", "no column 'rating'", "did you mean 'ratings'?", user="user_id")


def test_a_column_that_occurs_twice_is_named(tmp_path):
    (tmp_path / "x.csv").write_text("user,item,rating,time,item\na,b,3,1,c\n")
    fails(tmp_path / "x.csv", "column 'item' occurs 2 times")


@pytest.mark.parametrize("keep", [0.5, -4, -9, 12])
def test_a_gzip_cut_short_is_named(tmp_path, keep):
    whole = gzip.compress(
        b"user,item,rating,time\n" + b"".join(b"u%d,i%d,3,1\n" % (k, k * k) for k in range(9999))
    )
    cut = int(len(whole) * keep) if isinstance(keep, float) else keep
    (tmp_path / "x.csv.gz").write_bytes(whole[:cut])
    fails(tmp_path / "x.csv.gz", "cut short or not a gzip file", "fetch or write it again")


def test_a_file_that_only_says_gz_is_named(tmp_path):
    (tmp_path / "x.csv.gz").write_bytes(b"user,item,rating,time\n1,2,3,4\n")
    fails(tmp_path / "x.csv.gz", "cut short or not a gzip file")


@pytest.mark.parametrize("cut", [3, 60, -1, -40])
def test_a_broken_parquet_is_named(tmp_path, cut):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"user": ["a"], "item": ["b"], "rating": [1.0], "time": [1]}), path)
    path.write_bytes(path.read_bytes()[:cut])
    fails(path, "not a readable parquet file", "fetch or write it again")


def test_a_parquet_with_scrambled_pages_is_named(tmp_path):
    path = tmp_path / "x.parquet"
    columns = {"user": [f"u{k}" for k in range(5000)], "item": ["b"] * 5000}
    pq.write_table(pa.table(columns), path, compression="gzip", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[200:2000] = bytes(1800)
    path.write_bytes(content)
    fails(path, "not a readable parquet file", rating=None, time=None)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("user", ["a", None], "row 1: user None is empty"),
        ("user", [1.5, 2.0], "column 'user' is of type double; ids must be text or whole numbers"),
        ("item", [["a"], ["b"]], "column 'item' is of type list"),
        ("rating", [1.0, None], "row 1: rating None is not a rating"),
        ("rating", [[1.0], [2.0]], "column 'rating' is of type list"),
        ("rating", ["1", "two"], "row 1: rating 'two' is not a number"),
        ("time", [1, None], "row 1: time None is not a time"),
    ],
)
def test_a_bad_parquet_value_is_named_by_its_row(tmp_path, column, values, words):
    good = {"user": ["a", "b"], "item": ["c", "d"], "rating": [1.0, 2.0], "time": [1, 2]}
    pq.write_table(pa.table(good | {column: values}), tmp_path / "x.parquet")
    fails(tmp_path / "x.parquet", words)


def test_an_empty_parquet_is_named(tmp_path):
    columns = {name: pa.array([], pa.string()) for name in ("user", "item", "rating", "time")}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    fails(tmp_path / "x.parquet", "no rows")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoding": "utf-88"}, "encoding 'utf-88' is not known"),
        ({"format": "xlsx"}, "format 'xlsx' is not known; set format to csv, tsv or parquet"),
        ({"delimiter": "||"}, "delimiter '||' must be one character"),
        ({"valid_path": "v.csv"}, "valid_path or alpha_path is set, but not test_path"),
    ],
)
def test_a_bad_option_is_named(tmp_path, options, words):
    (tmp_path / "x.csv").write_text("user,item,rating,time\na,b,3,1\n")
    fails(tmp_path / "x.csv", words, **options)


def test_a_charmap_error_names_line_and_byte(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"user,item,rating,time\na,b\x81,3,1\n")
    fails(tmp_path / "x.csv", "line 2, byte 25: b'\\x81' is not cp1252", encoding="cp1252")


def test_a_wrong_column_of_the_items_table_is_named(tmp_path):
    (tmp_path / "x.csv").write_text("user,item\na,b\n")
    (tmp_path / "items.csv").write_text("item,name\nb,B\n")
    with pytest.raises(
        InputError, match=re.escape("items.csv: no column 'title'; the columns are 'item', 'name'")
    ):
        read_table(path=str(tmp_path / "x.csv"), items_path=str(tmp_path / "items.csv"), title=["title"])
