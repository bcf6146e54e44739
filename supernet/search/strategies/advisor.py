"""A language model as adviser."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from supernet.endpoint import post
from supernet.runtime import InputError, add_row, read_rows
from supernet.search.settings import ADVISOR, AdvisorSettings
from supernet.search.strategies.advice import read_designs, request
from supernet.search.strategies.base import STRATEGIES, Choices
from supernet.space import SearchSpace, identity_of
from supernet.space.space import digest

ADVICE = "advice.jsonl"
"""The record of the answers, in the run folder."""

DRAWS = 200
"""Designs drawn in search of one that is new; where none is, the space is as good as used up."""


@dataclass(frozen=True)
class Advice:
    """An answer. asked: digest of the request. random: designs that were drawn in the place of invalid ones;
    invalid: how many of each kind (`read_designs`; "repeated": scored before, or twice in the answer).
    retried: requests that failed in passing before this one."""

    asked: str
    answer: str
    random: int
    invalid: Mapping[str, int]
    retried: int
    seconds: float


class Record:
    """The answers of a search, one a line of a JSON file, or in memory alone; they are given again in their
    order, so that a killed search asks nothing twice. Errors: InputError for a line that is none."""

    def __init__(self, path: Path | None = None) -> None:
        self.path, self.rows, self.place = path, read_rows(path, Advice, "an answer"), 0

    def next(self, asked: str) -> str | None:
        """The next answer on record; None after the last. Errors: InputError where something else was
        asked."""
        if self.place == len(self.rows):
            return None
        row = self.rows[self.place]
        self.place += 1
        if row.asked != asked:
            raise InputError(
                f"{self.path}, line {self.place}: it is of another search; remove it to start anew"
            )
        return row.answer

    def append(self, row: Advice) -> None:
        """Write it down at once."""
        self.rows.append(row)
        self.place += 1
        add_row(self.path, row)


@STRATEGIES.register(ADVISOR)
class Advisor:
    """A language model is told the space and the best and worst results so far, and asked for a batch of
    designs; each time these are all scored, for the next.

    Designs that are not of the space, or were scored before, are counted, and replaced by ones drawn
    uniformly. No design is asked for twice, as long as new ones are found.
    Errors: InputError where the endpoint does not answer; what was answered is on record.
    Papers: GPT4GNAS, arXiv 2310.01436; LLAMBO, arXiv 2402.03921
    """

    def __init__(
        self,
        space: SearchSpace,
        generator: torch.Generator,
        settings: AdvisorSettings | None = None,
        record: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.space, self.generator, self.sleep = space, generator, sleep
        self.settings, self.record = settings or AdvisorSettings(), Record(record)
        self.identity = identity_of(space)
        self.results: list[tuple[Choices, float]] = []
        self.queue: deque[Choices] = deque()
        self.seen: set[str] = set()
        self.retried = 0

    def ask(self) -> Choices:
        """The next design of the batch."""
        if not self.queue:
            self._advise()
        return self.queue.popleft()

    def tell(self, choices: Choices, score: float) -> None:
        """For the next request."""
        self.results.append((choices, score))

    def counts(self) -> dict[str, Any]:
        """What the answers so far came to."""
        return _counts(self.record.rows[: self.record.place])

    def _advise(self) -> None:
        """Fill the queue: what is on record, or else a request."""
        settings, start, before = self.settings, time.perf_counter(), self.retried
        body = request(self.space, self.results, settings.batch, settings.model, settings.temperature)
        asked = digest(body)
        known = self.record.next(asked)
        answer = self._answer(body) if known is None else known
        proposed, invalid = read_designs(self.space, answer, settings.batch)
        fresh = [choices for choices in proposed if self._new(choices)]
        invalid += Counter(repeated=len(proposed) - len(fresh))
        drawn = [self._drawn() for _ in range(settings.batch - len(fresh))]
        self.queue.extend(fresh + drawn)
        if known is None:
            retried, seconds = self.retried - before, time.perf_counter() - start
            self.record.append(Advice(asked, answer, len(drawn), dict(invalid), retried, seconds))

    def _answer(self, body: Mapping[str, Any]) -> str:
        found = post("chat/completions", body, self._pause, self.settings.tries, self.settings.timeout)
        try:
            return str(found["choices"][0]["message"]["content"] or "")
        except (LookupError, TypeError):
            return ""  # without a message, it is as unreadable as one that is no JSON

    def _new(self, choices: Choices) -> bool:
        """Whether it was never asked for; from now on it was."""
        key = self.identity(choices)
        if key in self.seen:
            return False
        self.seen.add(key)
        return True

    def _drawn(self) -> Choices:
        for _ in range(DRAWS):
            choices = self.space.sample(self.generator)
            if self._new(choices):
                break
        return choices

    def _pause(self, seconds: float) -> None:
        self.retried += 1
        self.sleep(seconds)


def advice_counts(path: Path) -> dict[str, Any] | None:
    """What the answers on record came to, for search.json; None where nothing was asked."""
    rows = read_rows(path, Advice, "an answer")
    return _counts(rows) if rows else None


def _counts(rows: Sequence[Advice]) -> dict[str, Any]:
    invalid: Counter[str] = Counter()
    for row in rows:
        invalid.update(row.invalid)
    total = {key: sum(getattr(row, key) for row in rows) for key in ("random", "retried", "seconds")}
    return {"requests": len(rows), **total, "invalid": dict(invalid)}
