"""Vectors in files that are mapped into memory: a process holds what it looks at, and several share it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from supernet.features.text.rows import Rows, Vectors
from supernet.features.text.scaling import SCALINGS
from supernet.runtime import InputError, atomic_path

VERSION = 1
"""Of the scalings: another one is another file."""


def mapped(rows: Rows, scaling: str, folder: Path, fitted: int | None = None) -> Vectors:
    """What a scaling makes of the rows (N, d'), zeros where they are not known. fitted: its means are of the
    first so many rows, and the others are brought to the same columns; None: of all.

    It is a file in `folder`/views, named by what it is made of; only what is looked at is in memory.
    Writing to the array changes this process's copy alone. Errors: InputError for a damaged file, and for a
    folder that cannot be written to.
    """
    path = folder / "views" / f"{_digest(rows, scaling, fitted)}.npy"
    if not path.is_file():
        try:
            _write(path, rows, scaling, fitted)
        except OSError as error:
            raise InputError(
                f"{path}: cannot be written: {error}; set text.cache or SUPERNET_CACHE to a folder with room"
            ) from None
    try:
        found: Vectors = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a matrix of vectors: {error}; remove this file") from None
    return found


def _write(path: Path, rows: Rows, scaling: str, fitted: int | None) -> None:
    width, scaled = SCALINGS[scaling](replace(rows, place=rows.place[:fitted]))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        head = {"descr": "<f4", "fortran_order": False, "shape": (len(rows.place), width)}
        np.lib.format.write_array_header_1_0(file, head)
        for where, block in rows.blocks():
            whole = np.zeros((where.stop - where.start, width), "<f4")
            whole[rows.known[where]] = scaled(block)
            file.write(whole.data)


def _digest(rows: Rows, scaling: str, fitted: int | None) -> str:
    own = len(rows.place[:fitted])
    start = f"{VERSION} {scaling} {len(rows.place)} {own} {rows.width} "
    state = hashlib.blake2b(start.encode(), digest_size=16)
    state.update(np.packbits(rows.known).data)
    for _, block in rows.blocks():
        state.update(np.ascontiguousarray(block).data)
    return state.hexdigest()
