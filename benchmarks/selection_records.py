"""Recorded short trainings and supernets, and rules that choose from them as from real ones."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.search_statistics import tau
from benchmarks.table_search import table_space
from supernet.pipeline.judging import LOOKS, PATIENT
from supernet.search.selection import Choices, Trials
from supernet.search.selection.rescored import ROUNDS, rounds_of, screen
from supernet.search.settings import SearchSettings
from supernet.search.tabular import Table
from supernet.space import identity_of

ASKING = 0.02
"""Seconds that one score with inherited weights takes: 240 of them take some 5 s on ml-100k."""

POOL = SearchSettings().select_pool


@dataclass(frozen=True)
class Rule:
    """`rescored`, or with more than one draw a place `screened`, with so many rounds and designs in a pool,
    and trainings of the recorded steps over `share`."""

    draws: int = 1
    rounds: int = ROUNDS
    pool: int = POOL
    share: int = 1

    def choose(self, trials: Trials, mixture: Mapping[str, Tensor]) -> list[Choices]:
        """Designs, the best first."""
        trials = replace(trials, pool=self.pool, steps=trials.steps // self.share)
        fill = screen(table_space(), trials, self.draws)
        return rounds_of(table_space(), mixture, trials, fill, self.rounds)


RULES = {
    "rescored": Rule(),
    "two rounds": Rule(rounds=2),
    "half the steps": Rule(share=2),
    "2 draws a place": Rule(draws=2),
    "4 draws a place": Rule(draws=4),
    "16 draws a place": Rule(draws=16),
    "pool of 9": Rule(pool=9),
    "pool of 9, 4 draws": Rule(pool=9, draws=4),
    "pool of 21, half the steps": Rule(pool=21, share=2),
}
"""`rescored`, and what is changed of it; with two draws a place it is `screened`, the default. Not all have
lines in results/selection.jsonl: selection.py compare only=NAME,NAME measures those that are named."""


class Records:
    """The lines of selection.py on one data set.

    A design that was not trained with a seed has the training of the first.
    """

    def __init__(self, table: Table, rows: Sequence[dict]) -> None:
        self.table, self.space = table, table_space()
        self.supernets = [row for row in rows if row["kind"] == "supernet"]
        self.trainings = {(row["seed"], row["hash"]): row for row in rows if row["kind"] == "training"}
        self.seeds = sorted({seed for seed, _ in self.trainings})
        self.methods = list(dict.fromkeys(row["method"] for row in self.supernets))
        self.steps = LOOKS * next(iter(self.trainings.values()))["steps"]
        self.identity = identity_of(self.space)
        self._keys: dict[tuple[str, ...], str] = {}

    def key(self, choices: Choices) -> str:
        """The design's hash."""
        name = tuple(choices[slot] for slot in self.space.candidates())
        if name not in self._keys:
            self._keys[name] = self.identity(choices)
        return self._keys[name]

    def agreement(self, method: str) -> tuple[float, float]:
        """Kendall's tau-b of inherited scores and the table on valid, over all designs and over the best
        quarter of the table; the means over the supernets of a method."""
        keys = list(self.table.trainings)
        valid = [self.table.valid(key) for key in keys]
        best = np.argsort(valid)[-max(2, len(keys) // 4) :]
        own = [row["inherited"] for row in self.supernets if row["method"] == method]
        scores = [[row[key] for key in keys] for row in own]
        top = [tau([s[k] for k in best], [valid[k] for k in best]) for s in scores]
        return statistics.fmean(tau(s, valid) for s in scores), statistics.fmean(top)

    def chosen(self, rule: Rule, method: str) -> list[tuple[str, float]]:
        """The design and the seconds of a rule with every supernet of a method and seed of trainings."""
        found = []
        for seed in self.seeds:
            for supernet in (row for row in self.supernets if row["method"] == method):
                one = Recorded(self, supernet, seed, rule.share)
                mixture = {slot: torch.tensor(p) for slot, p in supernet["mixture"].items()}
                design = self.key(rule.choose(one.trials(), mixture)[0])
                found.append((design, one.seconds))
        return found


class Recorded:
    """One supernet and one seed of trainings, and the seconds that were spent of them so far."""

    def __init__(self, records: Records, supernet: dict, seed: int, share: int) -> None:
        self.records, self.supernet, self.seed = records, supernet, seed
        self.seconds, self.shortest = supernet["seconds"], records.steps // share
        self.done: dict[tuple[str, int], float] = {}

    def trials(self) -> Trials:
        """What a rule may look at."""
        table = self.records.table
        return Trials(
            train=self.train,
            mixed=self.look,
            generator=torch.Generator().manual_seed(self.supernet["seed"]),
            known=[dict(table.choices(key)) for key in self.supernet["known"]],
            pool=POOL,
            steps=self.records.steps,
        )

    def train(self, choices: Choices, steps: int) -> float:
        """The best score of a training that stops as a selection's does."""
        key = self.records.key(choices)
        if (key, steps) not in self.done:
            trainings = self.records.trainings
            row = trainings.get((self.seed, key)) or trainings[self.records.seeds[0], key]
            patience = 1 + (steps >= PATIENT * self.shortest)
            count = stopped(row["valid"][: max(1, steps // row["steps"])], patience)
            self.done[key, steps] = max(row["valid"][:count])
            self.seconds += row["seconds"][count - 1]
        return self.done[key, steps]

    def look(self, mixture: Mapping[str, Tensor]) -> float:
        """The score of a decided mixture with inherited weights."""
        self.seconds += ASKING
        slots = self.records.space.candidates()
        numbers = {slot: int(p.argmax()) for slot, p in mixture.items()}
        choices = {slot: names[numbers.get(slot, 0)] for slot, names in slots.items()}
        score: float = self.supernet["inherited"][self.records.key(choices)]
        return score


def stopped(scores: Sequence[float], patience: int) -> int:
    """How many rankings there are where `patience` of them without gain end it."""
    best = 0
    for k, score in enumerate(scores):
        best = k if score > scores[best] else best
        if k - best >= patience:
            return k + 1
    return len(scores)
