import io
import sys

import pytest
from rich.console import Console

from supernet.report import progress
from supernet.report.progress import bar, track


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)


def test_silent_where_standard_error_is_not_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    seen = []
    for outer in (epochs := track(range(2), "search")):
        seen += [(outer, inner) for inner in track("ab", "batches")]
        epochs.status("loss 1.23")
    assert seen == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    assert capsys.readouterr() == ("", "")


def test_standard_error_that_is_a_terminal_is_used(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(track([1, 2], "search")) == [1, 2]
    assert "2/2" in sys.stderr.getvalue()
    assert capsys.readouterr().out == ""


def test_a_terminal_shows_description_count_and_status(terminal, capsys):
    for _ in (epochs := track(range(3), "search", console=terminal)):
        epochs.status("loss 1.23  valid ndcg@20 .35")
    shown = terminal.file.getvalue()
    for text in ("search", "3/3", "loss 1.23  valid ndcg@20 .35"):
        assert text in shown
    assert capsys.readouterr() == ("", "")


def test_an_inner_bar_joins_the_outer_one_and_goes(terminal):
    with bar("outer", total=4, console=terminal) as outer:
        shared = progress._ACTIVE.get()
        for _ in track(range(2), "inner"):
            assert progress._ACTIVE.get() is shared
            assert [task.description for task in shared.tasks] == ["outer", "inner"]
        assert [task.description for task in shared.tasks] == ["outer"]
        outer.advance(3)
        assert shared.tasks[0].completed == 3
    assert progress._ACTIVE.get() is None


def test_an_error_or_a_break_closes_the_bar(terminal):
    def fail():
        for _ in track(range(2), "search", console=terminal):
            raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged") as caught:
        fail()
    del caught
    with bar("outer", console=terminal):
        pass
    assert progress._ACTIVE.get() is None


@pytest.mark.parametrize(
    ("items", "total", "expected"), [([1, 2], None, 2), (iter([1, 2]), None, None), (iter([1]), 7, 7)]
)
def test_the_total_is_asked_of_the_items_unless_given(items, total, expected, terminal):
    for _ in track(items, "search", total, console=terminal):
        assert progress._ACTIVE.get().tasks[0].total == expected


def test_standard_output_stays_where_it_is(terminal, capsys):
    for _ in track(range(1), "search", console=terminal):
        print("a result")
    assert capsys.readouterr().out == "a result\n"
