"""Reader `lightgcn`: vectorised parsing against a plain loop, and every broken file by its line."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supernet.data.readers import read_lightgcn
from supernet.runtime import InputError

LINES = st.lists(st.tuples(st.integers(0, 10**12), st.lists(st.integers(0, 10**12), max_size=5)), min_size=1)


def folder(path, **files):
    for name, content in files.items():
        (path / f"{name}.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def naive(content):
    """One pair after another, as the format is described."""
    pairs = []
    for line in content.splitlines():
        user, *items = line.split() or [None]
        pairs += [(user, item) for item in items]
    return pairs


def named(data):
    return list(zip(data.user_ids[data.users], data.item_ids[data.items], strict=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(train=LINES, test=LINES, newline=st.sampled_from(["\n", "\r\n", " \n", "\n\n"]))
def test_matches_a_plain_loop(tmp_path, train, test, newline):
    written = [newline.join(" ".join(map(str, [u, *items])) for u, items in part) for part in (train, test)]
    data = read_lightgcn(path=folder(tmp_path, train=written[0], test=written[1]))
    expected = [naive(content) for content in written]
    assert named(data) == expected[0] + expected[1]
    assert data.parts.tolist() == [0] * len(expected[0]) + [3] * len(expected[1])
    assert set(data.user_ids) == {user for user, _ in named(data)}


def test_all_four_parts_and_users_without_items(tmp_path):
    path = folder(tmp_path, train="0 5 6\n1\n2 5\n", alpha="0 7\n", valid="2 6\n", test="1\n2\n0 8")
    data = read_lightgcn(path=path)
    assert data.name == tmp_path.name
    assert named(data) == [("0", "5"), ("0", "6"), ("2", "5"), ("0", "7"), ("2", "6"), ("0", "8")]
    assert data.parts.tolist() == [0, 0, 0, 1, 2, 3]
    assert data.notes == (
        "train.txt: 1 lines name a user without items",
        "test.txt: 2 lines name a user without items",
    )


@pytest.mark.parametrize(
    ("table", "titles", "text"),
    [
        ('item\ttitle\n10\t"Ten" more\n9\tNine\n', ["Nine", '"Ten" more'], ["Nine", '"Ten" more']),
        ("item\tasin\tkeywords\n9\tB9\tbig nine\n", ["big nine", "10"], ["big nine", ""]),
        ("item\tasin\n9\tB9\n10\tB10\n", ["B9", "B10"], None),
    ],
)
def test_items_get_titles_and_text(tmp_path, table, titles, text):
    (tmp_path / "items.tsv").write_text(table)
    data = read_lightgcn(path=folder(tmp_path, train="0 10 9\n", test="1 9\n"))
    assert data.item_ids.tolist() == ["9", "10"]
    assert data.titles.tolist() == titles
    assert (None if data.text is None else data.text.tolist()) == text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("0 1 2\n1 2 x7 3\n", "train.txt, line 2: item 'x7' is not a whole number >= 0"),
        ("0 1 2\n\nu 2\n", "train.txt, line 3: user 'u' is not a whole number >= 0"),
        ("0 1 -2 3\n", "train.txt, line 1: item '-2' is not a whole number"),
        ("0 1 2.5\n", "train.txt, line 1: item '2.5' is not a whole number"),
        ("0\t1\n0 12,13\n", "train.txt, line 2: item '12,13' is not a whole number"),
        (b"0 1\n1 \xff2\n", "train.txt, line 2: item '\\xff2' is not a whole number"),
        (
            "0 1\n1 12345678901234567890\n",
            "train.txt, line 2: item '12345678901234567890' has more than 18 digits",
        ),
        ("0 1\r1 2\r", "train.txt: lines end in lone carriage returns"),
        ("", "train.txt: the file is empty"),
        (" \n\n", "train.txt: the file is empty"),
    ],
)
def test_a_bad_token_is_named_by_its_line(tmp_path, content, words):
    path = folder(tmp_path, train=content, test="0 3\n")
    with pytest.raises(InputError) as caught:
        read_lightgcn(path=path)
    assert str(caught.value).startswith(f"{path}/{words}")


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such folder; check the path"):
        read_lightgcn(path=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"test.txt: no such file; check the path"):
        read_lightgcn(path=folder(tmp_path, train="0 1\n"))
    with pytest.raises(InputError, match=r"train.txt: is a file, not a folder; check the path"):
        read_lightgcn(path=str(tmp_path / "train.txt"))


def test_users_have_the_ids_of_their_lines(tmp_path):
    path = folder(tmp_path, train="3 5\n0 6\n", test="3 6\n1 5\n", users="ann\r\nbob\r\n\u00fc 2\r\ndan\r\n")
    data = read_lightgcn(path=path)
    assert named(data) == [("dan", "5"), ("ann", "6"), ("dan", "6"), ("bob", "5")]


@pytest.mark.parametrize(
    ("users", "words"),
    [
        ("ann\n", "users.txt: it has 1 lines, and the parts have user 1; give a line for every user, from 0"),
        ("ann\n\nbob\n", "users.txt, line 2: the id is empty; line k must be the id of user k - 1"),
        ("ann\nbob\nann\n", "users.txt, line 3: id 'ann' is that of line 1 too; ids differ"),
        (b"ann\n\xff\n", "users.txt: not UTF-8"),
    ],
    ids=["short", "empty", "twice", "bytes"],
)
def test_wrong_files_of_ids_are_named_by_their_line(tmp_path, users, words):
    path = folder(tmp_path, train="0 1\n1 2\n", test="0 3\n", users=users)
    with pytest.raises(InputError) as caught:
        read_lightgcn(path=path)
    assert str(caught.value).startswith(f"{path}/{words}")
