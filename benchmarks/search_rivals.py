"""What a search must beat beside random search: the designs with names, which stand in its pool, and random
search that trains these first. And what fixed recipes would have chosen."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.markdown import head, line
from benchmarks.search_groups import Groups
from benchmarks.search_methods import PLAIN
from benchmarks.search_statistics import below, mean
from benchmarks.table_search import TOP, first_seed, random_regrets, table_space
from supernet.config import load_space
from supernet.pipeline.judging import PRESETS
from supernet.pipeline.stages import space_of
from supernet.search.selection import known_designs
from supernet.search.tabular import Table
from supernet.space import identity_of

DEFAULT = "default"


def named(table: Table) -> dict[str, str]:
    """Name → hash of the fixed spaces that are designs of the table, which every search judges."""
    space, identity, found = table_space(), identity_of(table_space()), {}
    for name in PRESETS:
        for design in known_designs(space, [space_of(load_space(name))])[:1]:
            found[name] = identity(design)
    return {name: key for name, key in found.items() if key in table.trainings}


def rivals(found: Groups, table: Table | None) -> list[str]:
    """A sentence: the designs with names alone, and random search that trains them first, beside the
    default, or where it is not known well the search without noise; none without a table or both."""
    searched = DEFAULT if DEFAULT in found else PLAIN
    own = found.get(searched)
    if table is None or not own:
        return []
    names = named(table)
    if not names:
        return []
    alone = ", ".join(f"{name} {table.regret(key):.4f}" for name, key in names.items())
    best = min(names.values(), key=table.regret)
    taken = sum(row["hash"] in names.values() for row in own)
    lines = [
        "Every search's pool holds the designs of the space that have names. Their regrets, tuned, without a "
        f"search: {alone}; the best of them is {'' if table.rank(best) < TOP else 'not '}of the top 5 %. The "
        f"search `{searched}` took one of them in {taken} of {len(own)} seeds; its regret is "
        f"{mean(own, 'regret'):.4f}, "
        "p of being below that of the best named design "
        f"{below([row['regret'] - table.regret(best) for row in own]):.2g}."
    ]
    for times in (1, 3):
        drawn = [
            statistics.fmean(
                random_regrets(table, times * row["seconds"] / row["pace"], row["seed"], list(names.values()))
            )
            for row in own
        ]
        p = below([row["regret"] - value for row, value in zip(own, drawn, strict=True)])
        lines.append(
            f"Random search that trains them first has {statistics.fmean(drawn):.4f} in "
            f"{'the same seconds' if times == 1 else 'three times as many'} (p {p:.2g})."
        )
    return [" ".join(lines)]


def fixed_recipes(table: Table | None) -> list[str]:
    """What the best design on valid at each fixed recipe would lose, once tuned: why the recipe is part of a
    search. None without a table."""
    if table is None:
        return []
    rows, recipes = first_seed(table), {}
    for row in rows:
        recipes.setdefault((row.temperature, row.lr), []).append(row)
    whole = {recipe: own for recipe, own in recipes.items() if len(own) == len(table.trainings)}
    if len(whole) < 2:
        return []
    lines = head("all designs at one recipe", "best valid", "regret of the best, tuned", "rank")
    for (temperature, lr), own in sorted(whole.items()):
        lines.append(line(f"temperature {temperature:g}, lr {lr:g}", *_winner(table, own)))
    return [*lines, line("each design's own recipe", *_winner(table, rows))]


def _winner(table: Table, rows: Sequence) -> tuple[str, str, str]:
    best = max(rows, key=lambda row: row.valid)
    return f"{best.valid:.4f}", f"{table.regret(best.hash):.4f}", f"{table.rank(best.hash):.3f}"
