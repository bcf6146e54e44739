"""Search by a strategy: designs are evaluated one after the other until the budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from supernet.runtime import InputError, add_row, read_rows
from supernet.search.strategies import Strategy
from supernet.search.strategies.base import Choices
from supernet.space.judged import Evaluation

Evaluate = Callable[[Choices], float]
"""A design → its score; an evaluation that fails has the score 0."""

Cost = Callable[[Choices], float]
"""A design → what it costs, in units of the score."""


def free(choices: Choices) -> float:
    """Nothing."""
    return 0.0


@dataclass(frozen=True)
class Budget:
    """At most so many evaluations, and none that would start after so many seconds (None: no bound)."""

    evaluations: int
    seconds: float | None = None


class History:
    """The evaluations of a search, one a line of a JSON file, or in memory alone.

    Errors: InputError for a line that is none; a last line that was cut off is left out.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path, self.rows = path, read_rows(path, Evaluation, "an evaluation")

    def append(self, row: Evaluation) -> None:
        """Write it down at once."""
        self.rows.append(row)
        add_row(self.path, row)


def explore(
    strategy: Strategy,
    evaluate: Evaluate,
    identity: Callable[[Choices], str],
    budget: Budget,
    history: History | None = None,
    watch: Callable[[Evaluation], None] | None = None,
    cost: Cost = free,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Evaluation]:
    """Ask, evaluate, tell until the budget is spent; all evaluations in their order.

    What `history` holds is told first, so that a killed search goes on as if it had not been. Designs of the
    same `identity` are evaluated once, and their score told again; such a repetition counts as an evaluation
    where the budget is of evaluations, and takes the seconds of asking alone. cost: what the strategy is told
    scores less of; the rows hold the scores. clock: seconds, for the anytime curve.
    Errors: InputError where the history is of another strategy, space or seed.
    """
    history = History() if history is None else history
    known: dict[str, float] = {}
    for row in list(history.rows):
        if strategy.ask() != row.choices:
            raise InputError(f"{history.path}: it is of another search; remove it to start anew")
        strategy.tell(row.choices, row.score - cost(row.choices))
        known[identity(row.choices)] = row.score
    while not _spent(history.rows, budget):
        start = clock()
        choices = strategy.ask()
        key = identity(choices)
        repeated = key in known
        score = known[key] if repeated else evaluate(choices)
        known[key] = score
        strategy.tell(choices, score - cost(choices))
        before = history.rows[-1] if history.rows else Evaluation({}, 0.0, 0.0, 0.0)
        best = max(before.best, score) if history.rows else score
        row = Evaluation(choices, score, best, before.seconds + clock() - start, repeated)
        history.append(row)
        if watch is not None:
            watch(row)
    return history.rows


def ordered(
    rows: Sequence[Evaluation], identity: Callable[[Choices], str], cost: Cost = free
) -> list[Choices]:
    """The designs evaluated, the best score less cost first, each once; of equal ones the earlier."""
    best: dict[str, Evaluation] = {}
    for row in rows:
        best.setdefault(identity(row.choices), row)
    return [row.choices for row in sorted(best.values(), key=lambda row: cost(row.choices) - row.score)]


def _spent(rows: Sequence[Evaluation], budget: Budget) -> bool:
    if len(rows) >= budget.evaluations:
        return True
    return budget.seconds is not None and bool(rows) and rows[-1].seconds >= budget.seconds
