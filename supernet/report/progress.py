"""Progress bars with the time left, on standard error; silent where that is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

T = TypeVar("T")

# A terminal has one live display: a bar opened inside a bar must join it, however many calls lie between.
_ACTIVE: ContextVar[Progress | None] = ContextVar("active progress", default=None)


class Bar:
    """One bar. `advance` moves it and `status` sets the text behind it ("loss 1.23  valid ndcg@20 .35")."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, steps: float = 1) -> None:
        """Move on by `steps`."""
        self._progress.advance(self._task, steps)

    def status(self, text: str) -> None:
        """Set the text behind the bar."""
        self._progress.update(self._task, status=text)


@contextmanager
def bar(description: str, total: float | None = None, console: Console | None = None) -> Iterator[Bar]:
    """Show a bar while the block runs. Inside another bar it is a line below it, gone after the block.

    Args: total: steps to come, None if unknown; console: where to; None is standard error, if a terminal.
    """
    outer = _ACTIVE.get()
    progress = _progress(console) if outer is None else outer
    task = progress.add_task(description, total=total, status="")
    if outer is not None:
        try:
            yield Bar(progress, task)
        finally:
            progress.remove_task(task)
        return
    _ACTIVE.set(progress)
    try:
        with progress:
            yield Bar(progress, task)
    finally:
        _ACTIVE.set(None)


class Tracked(Generic[T]):
    """An iterable with a bar. See `track`."""

    def __init__(
        self, items: Iterable[T], description: str, total: float | None, console: Console | None
    ) -> None:
        self._items, self._description, self._console = items, description, console
        self._total = len(items) if total is None and isinstance(items, Sized) else total
        self._bar: Bar | None = None

    def __iter__(self) -> Iterator[T]:
        with bar(self._description, self._total, self._console) as self._bar:
            for item in self._items:
                yield item
                self._bar.advance()

    def status(self, text: str) -> None:
        """Set the text behind the bar, while iterating."""
        if self._bar is not None:
            self._bar.status(text)


def track(
    items: Iterable[T], description: str, total: float | None = None, console: Console | None = None
) -> Tracked[T]:
    """Iterate with a bar: ``for epoch in (epochs := track(range(30), "search")): epochs.status("loss 1.2")``.

    Nest freely: an inner `track` or `bar` is a line below the outer one.
    Args: total: number of items, None asks len(items); console: as in `bar`.
    """
    return Tracked(items, description, total, console)


def _progress(console: Console | None) -> Progress:
    # Decided by the stream alone, so that FORCE_COLOR in a log-collecting environment does not fill the log.
    console = Console(stderr=True, force_terminal=sys.stderr.isatty()) if console is None else console
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[status]}", style="dim"),
        console=console,
        disable=not console.is_terminal,
        refresh_per_second=4,
        speed_estimate_period=600,  # an epoch may take longer than the usual 30 s
        redirect_stdout=False,  # what the program prints is not ours to move to standard error
    )
