"""The process and its surroundings: errors the user can mend, seed, device, threads, allocator, atomic
files."""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row")


class InputError(Exception):
    """Something the user gave is wrong: the message names file, line, field, the value found and what to do.

    The command lines print it without a traceback and exit with code 2.
    """


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path` in one step, on failure it is
    removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, atomically. NaN is refused: a reader of strict JSON could not open
    it."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def whole_lines(path: Path) -> list[str]:
    """The lines of a file that lines are added to; none where it is missing. A last one that was cut off, by
    a process that was killed while it wrote, is removed from the file."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        path.write_text("".join(whole), encoding="utf-8")
    return whole


def read_rows(path: Path | None, kind: type[Row], name: str) -> list[Row]:
    """The dataclass `kind` of every line of a JSON file that lines are added to, as `whole_lines`; none
    without a path. Errors: InputError for a line that is not `name`."""
    rows: list[Row] = []
    for number, line in enumerate([] if path is None else whole_lines(path), start=1):
        try:
            rows.append(kind(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}, line {number}: not {name}: {error}; remove the file") from None
    return rows


def add_row(path: Path | None, row: DataclassInstance) -> None:
    """Add a dataclass to a JSON file as a line; nothing without a path."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def keep_memory() -> bool:
    """Tell glibc to keep what is freed, in one arena, for the next large tensor; True where it took effect.

    Without it a large block is returned to the system when freed, and the next of its size is paid for again,
    page by page (benchmarks/train.py shows what it earns). Takes effect for the whole process.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    trim_threshold, mmap_max, arena_max = -1, -4, -8  # malloc.h
    settings = {mmap_max: 0, trim_threshold: -1, arena_max: 1}  # -1: never trim
    done = [mallopt(name, value) == 1 for name, value in settings.items()]
    return all(done)


def set_up(device: str, threads: int, allocator: bool = True, deterministic: bool = False) -> torch.device:
    """Set torch's threads (0: as torch chooses), allocator and determinism, and find the device.

    `auto` is CUDA where there is one.

    Errors: InputError for a device that torch does not know or this machine does not have.
    """
    if allocator:
        keep_memory()
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS starts
        torch.use_deterministic_algorithms(True)
    if threads:
        torch.set_num_threads(threads)
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"runtime.device={device!r} cannot be used: {reason}; try auto or cpu") from None
    return found


def versions() -> dict[str, str]:
    """What a result depends on beside code and data: versions, threads, processor."""
    found = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": str(torch.get_num_threads()),
    }
    for name in ("supernet", "torch", "numpy", "torch_scatter", "torch_sparse", "optuna", "hydra-core"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    found["torch"] = str(torch.__version__)  # with its build, which the metadata of PyPI's leaves out
    return found


class _Screen(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error as it is at each line: a progress bar puts its own in place while it shows. A warning
    says that it is one."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"{record.levelname}: {text}" if record.levelno >= logging.WARNING else text

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def open_log(path: Path) -> logging.Logger:
    """The logger of a run: every line goes to `path` with its time, and to standard error without."""
    logger = logging.getLogger("supernet")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    file, screen = logging.FileHandler(path, encoding="utf-8"), _Screen()
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    screen.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(file)
    logger.addHandler(screen)
    return logger
