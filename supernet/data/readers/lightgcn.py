"""Reader `lightgcn`: a folder with train.txt and test.txt, `user item item …` a line, ids whole numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from supernet.data.dataset import PARTS
from supernet.data.interactions import Int64, Interactions, Strings
from supernet.data.readers.batches import columns
from supernet.data.readers.files import require_file, require_folder, table_file
from supernet.data.readers.item_table import describe
from supernet.data.readers.registry import READERS
from supernet.runtime import InputError

USERS = "users.txt"
"""The ids that the numbers of users stand for; without it they mean nothing outside their folder."""
DIGITS = 18
"""More would not fit in int64."""
BLANKS = np.frombuffer(b" \t\r\n", dtype=np.uint8)


@READERS.register("lightgcn")
def read_lightgcn(*, path: str, name: str | None = None) -> Interactions:
    """Interactions in given parts: train.txt, test.txt, and valid.txt and alpha.txt where they are.

    A line with a user and no item is allowed, and counted. items.tsv, where it is: column item, titles from
    the first of title, keywords, asin; text from every column but item and asin. users.txt, where it is: line
    k is the id of user k - 1, which then stands for the number.
    Errors: InputError naming file, line and token where an id is not a whole number >= 0, and where users.txt
    lacks a user, or has an empty id or one twice.
    """
    folder = require_folder(path)
    parts = [part for part in PARTS if part in ("train", "test") or (folder / f"{part}.txt").exists()]
    read = [_pairs(folder / f"{part}.txt") for part in parts]
    users, user_ids = _codes(np.concatenate([users for users, _, _ in read]))
    items, item_ids = _codes(np.concatenate([items for _, items, _ in read]))
    sizes = [len(users) for users, _, _ in read]
    notes = [
        f"{part}.txt: {empty:,} lines name a user without items"
        for part, (_, _, empty) in zip(parts, read, strict=True)
        if empty
    ]
    interactions = Interactions(
        name=name or folder.resolve().name,
        source=str(folder),
        users=users,
        items=items,
        user_ids=_named(user_ids, folder / USERS),
        item_ids=item_ids,
        parts=np.repeat(np.array([PARTS.index(part) for part in parts], dtype=np.int8), sizes),
        notes=tuple(notes),
    )
    return _described(interactions, folder / "items.tsv")


def _pairs(path: Path) -> tuple[Int64, Int64, int]:
    """Users (E,) and items (E,) of one file, and how many lines have no item."""
    content = require_file(path).read_bytes()
    if content.count(b"\r") != content.count(b"\r\n"):
        raise InputError(f"{path}: lines end in lone carriage returns; convert the file to Unix line ends")
    symbols = np.frombuffer(content, dtype=np.uint8)
    digit = (symbols >= ord("0")) & (symbols <= ord("9"))
    strange = ~digit & ~np.isin(symbols, BLANKS)
    if strange.any():
        raise InputError(_bad_token(path, content, int(np.argmax(strange)), "is not a whole number >= 0"))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], digit, [False]])))
    starts, ends = edges[::2], edges[1::2]
    if len(starts) == 0:
        raise InputError(f"{path}: the file is empty; give lines of `user item item ...`")
    if (ends - starts).max() > DIGITS:
        where = int(starts[np.argmax(ends - starts)])
        raise InputError(_bad_token(path, content, where, f"has more than {DIGITS} digits"))
    numbers = np.fromstring(content, dtype=np.int64, sep=" ")
    lines = np.searchsorted(np.flatnonzero(symbols == ord("\n")), starts)
    first = np.concatenate([[True], np.diff(lines) > 0])
    counts = np.diff(np.append(np.flatnonzero(first), len(numbers)))
    return np.repeat(numbers[first], counts - 1), numbers[~first], int(np.sum(counts == 1))


def _codes(numbers: Int64) -> tuple[Int64, Strings]:
    ids, codes = np.unique(numbers, return_inverse=True)
    return codes, np.array([str(number) for number in ids.tolist()], dtype=object)


def _named(numbers: Strings, path: Path) -> Strings:
    """The ids that the file at `path`, where it is, has for users by their numbers. (N_users,)."""
    if not path.exists():
        return numbers
    try:
        lines = require_file(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8: {error}; convert the file") from None
    first: dict[str, int] = {}
    for number, name in enumerate(map(str.strip, lines), start=1):
        if not name:
            raise InputError(f"{path}, line {number}: the id is empty; line k must be the id of user k - 1")
        if first.setdefault(name, number) != number:
            raise InputError(
                f"{path}, line {number}: id {name!r} is that of line {first[name]} too; ids differ"
            )
    rows = numbers.astype(np.int64)
    if len(rows) and rows.max() >= len(lines):
        raise InputError(
            f"{path}: it has {len(lines):,} lines, and the parts have user {rows.max()}; give a line for "
            "every user, from 0"
        )
    return np.array(list(first), dtype=object)[rows]


def _bad_token(path: Path, content: bytes, position: int, why: str) -> str:
    start = content.rfind(b"\n", 0, position) + 1
    line = content[start:].split(b"\n", 1)[0]
    index = len(content[start : position + 1].split()) - 1
    token = line.split()[index].decode("utf-8", "backslashreplace")
    field = "item" if index else "user"
    number = content.count(b"\n", 0, position) + 1
    return f"{path}, line {number}: {field} '{token}' {why}; lines must read `user item item ...`"


def _described(interactions: Interactions, path: Path) -> Interactions:
    if not path.exists():
        return interactions
    file = table_file(path, quote=None)
    present = columns(file)
    title = [column for column in ("title", "keywords", "asin") if column in present][:1]
    text = [column for column in present if column not in ("item", "asin")]
    return describe(interactions, file, "item", title, text)
