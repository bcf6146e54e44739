"""Searches on the tabular benchmark alone, without training: random search at so many seconds, and every
strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from statistics import fmean

import numpy as np
import torch

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.search.settings import AdvisorSettings, SearchSettings
from supernet.search.strategies import make_strategy
from supernet.search.tabular import SPACE, Table, Training
from supernet.space import SearchSpace, identity_of

DRAWS = 200
"""Runs of random search for each seed of a method."""

ORDERS = 2000
"""Draws of a seed for every design of `exhaustive`."""

TOP = 0.05
"""The share of the designs that count as the best."""

AGAIN = 6
"""Trainings of the table that tell how fast this machine is now."""

MARKS = (30, 60, 120, 240, 480, 960)
"""Seconds of training at which the strategies are compared."""


def random_regrets(table: Table, seconds: float, seed: int, first: Sequence[str] = ()) -> list[float]:
    """Regret of random search over designs and recipes: trainings in a random order until the seconds
    are spent, the one that ranks best on valid wins; DRAWS runs. first: designs of which one training each,
    by a recipe that is drawn, comes before all others."""
    rows = first_seed(table)
    generator = np.random.default_rng(seed)
    ahead = [[k for k, row in enumerate(rows) if row.hash == key] for key in first]
    found = []
    for _ in range(DRAWS):
        best, left = None, seconds
        chosen = [int(generator.choice(own)) for own in ahead]
        for k in (*chosen, *(k for k in generator.permutation(len(rows)) if k not in chosen)):
            if best is not None and rows[k].seconds > left:
                break
            left -= rows[k].seconds
            best = rows[k] if best is None or rows[k].valid > best.valid else best
        found.append(table.regret(best.hash))
    return found


def exhaustive(table: Table) -> tuple[float, float] | None:
    """Mean regret of a search that spares nothing, and how often its design is of the best 5 %: every design
    is trained in full once, with its tuned recipe, and the best on valid is taken. What it loses is the noise
    of one training and of the valid part. Which of a design's seeds it is, is drawn, ORDERS times; None where
    no design has two."""
    keys = list(table.trainings)
    if all(len(table.best[key]) < 2 for key in keys):
        return None
    generator = np.random.default_rng(0)
    scores = [generator.choice([row.valid for row in table.best[key]], ORDERS) for key in keys]
    chosen = [keys[k] for k in np.argmax(scores, axis=0)]
    return fmean(map(table.regret, chosen)), fmean(table.rank(key) < TOP for key in chosen)


def pace_of(table: Table, train: Callable[[Training], Training], seed: int) -> float:
    """How many times as long the table's trainings take now as when it was made: AGAIN of those of the
    first seed, drawn by `seed`, are trained again. Seconds of a search, which are spent now, over the pace
    are comparable with those in the table."""
    rows = first_seed(table)
    drawn = np.random.default_rng(seed).choice(len(rows), min(AGAIN, len(rows)), replace=False)
    chosen = [rows[k] for k in drawn]
    return sum(train(row).seconds for row in chosen) / sum(row.seconds for row in chosen)


def first_seed(table: Table) -> list[Training]:
    """The trainings of the first seed: what a search by training may draw from."""
    every = [row for rows in table.trainings.values() for row in rows]
    first = min(row.seed for row in every)
    return [row for row in every if row.seed == first]


def on_the_table(table: Table, seed: int, name: str, model: str | None = None) -> dict:
    """Regret of a strategy over the seconds of its trainings, where an evaluation is one training of a
    design with a recipe that is drawn for it; None where the first training took longer."""
    space = table_space()
    identity, by_design = identity_of(space), grouped(first_seed(table))
    settings = SearchSettings(strategy=name, advisor=AdvisorSettings(model))
    generator = np.random.default_rng(seed)
    strategy = make_strategy(settings, space, torch.Generator().manual_seed(seed))
    spent, best, curve = 0.0, None, {}
    while spent < MARKS[-1]:
        choices = strategy.ask()
        rows = by_design[identity(choices)]
        row = rows[int(generator.integers(len(rows)))]
        strategy.tell(choices, row.valid)
        spent += row.seconds
        best = row if best is None or row.valid > best.valid else best
        curve |= {mark: table.regret(best.hash) for mark in MARKS if spent <= mark}
    return {
        "kind": "strategy",
        "data": table.data,
        "method": name,
        "model": model,
        "seed": seed,
        "regret": [curve.get(mark) for mark in MARKS],
        "seconds": list(MARKS),
    }


@cache
def table_space() -> SearchSpace:
    """The space whose designs are in the table."""
    return space_of(load_space(SPACE))


def grouped(rows: Sequence[Training]) -> dict[str, list[Training]]:
    """Design → its trainings."""
    found: dict[str, list[Training]] = {}
    for row in rows:
        found.setdefault(row.hash, []).append(row)
    return found
