"""Search quality: every method of search judged by the tabular benchmark.

    python benchmarks/search_quality.py data=ml-100k|lastfm [seeds=10] [part=K/N] [only=NAME,…] [rules=NAME,…]
        [out=FOLDER]
    python benchmarks/search_quality.py strategies [seeds=100] [only=NAME,…] [model=NAME] [out=FOLDER]
    python benchmarks/search_quality.py tables [out=FOLDER] [to=FOLDER]

The first form runs searches for real, on the space of the table, and looks the chosen design up: regret
(how far its test score is below the best design's), rank, seconds of the search, beside random search
on the table at as many and at three times as many seconds; and the scores on valid of the mixture, of
the design with inherited weights, and of the design trained. The supernet of each method and seed is
asked for the score of every design: Kendall's tau-b with the trained scores. Short trainings of one
design, seed and recipe are the same in all methods: they are made once (out/trainings), and each method
that asks for one pays its seconds. part=K/N: every N-th seed from the K-th on, for processes side by side.
rules: which of the other selections are tried on a supernet, in place of all.
The second form runs the strategies on the table alone; the adviser among them where `model` of
$OPENAI_BASE_URL is given (`python -m tests.chat` is a stand-in that answers by a rule). Both add JSON
lines in out (runs/search_quality); what stands there is not run again, and refused where it is of other
settings. The third form collects them in search_quality.jsonl in the folder `to` (benchmarks/results) and
prints their tables. table=FILE: another table than the package's. --quick: small searches in files of their
own (in runs/search_quality-quick), whose tables go to out/results.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

import numpy as np
import torch

from benchmarks import measure
from benchmarks.command import part_of, words_of
from benchmarks.lines import add_lines, read_lines
from benchmarks.search_lab import Chosen, Lab, Searched
from benchmarks.search_methods import METHODS, SELECTS, Row, rows_of, rule_name, rules_of
from benchmarks.search_settings import refuse_others, settings_of, told
from benchmarks.search_statistics import tau
from benchmarks.search_tables import write_tables
from benchmarks.table_search import on_the_table, pace_of, random_regrets
from benchmarks.tabular import Runner, designs_of
from supernet.runtime import keep_memory
from supernet.search.relaxations import entropy
from supernet.search.settings import ADVISOR
from supernet.search.strategies import STRATEGIES
from supernet.search.tabular import FILE, Table, Training, load_tables

KEYS = dict.fromkeys(("data", "seeds", "only", "rules", "model", "out", "to", "table"), "")
KEYS |= {"part": "0/1", "quick": "false"}
FORMS = ("strategies", "tables")

TIMES = (1, 3)
"""Random search gets so many times the seconds of a search."""


def main() -> None:
    """One of the three forms."""
    form = next((word for word in sys.argv[1:] if word in FORMS), "search")
    words = words_of("search_quality.py", [word for word in sys.argv[1:] if word != form], KEYS, ())
    quick = words["quick"] == "true"
    out = Path(words["out"] or f"runs/search_quality{'-quick' if quick else ''}")
    table = Path(words["table"] or FILE)
    if form == "tables":
        results = out / "results" if quick else measure.ROOT / "benchmarks" / "results"
        write_tables(written(out, quick), Path(words["to"] or results), table)
        return
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    keep_memory()
    tables = load_tables(table)
    if form == "strategies":
        able = [name for name in STRATEGIES if name != ADVISOR or words["model"]]
        names, seeds = chosen_names(words["only"], able), count(words["seeds"], 2 if quick else 100)
        path = out / file_name("strategies", quick)
        compare_strategies(tables, seeds, names, words["model"] or None, path)
        return
    if words["data"] not in tables:
        sys.exit(f"search_quality.py: data={words['data']}: {table} has {', '.join(tables)}")
    names, seeds = chosen_names(words["only"], list(METHODS)), count(words["seeds"], 1 if quick else 10)
    own, parts = part_of("search_quality.py", words["part"])
    rules = chosen_names(words["rules"], list(SELECTS), "rules")
    path = out / file_name(words["data"], quick)
    search_all(tables[words["data"]], range(own, seeds, parts), names, path, quick, rules)


def file_name(name: str, quick: bool) -> str:
    """Of the lines of a data set, or of strategies; a quick row never stands beside a full one."""
    return f"{'quick-' if quick else ''}{name}.jsonl"


def written(out: Path, quick: bool) -> list[Path]:
    """The files of rows in a folder."""
    every = sorted(out.glob("*.jsonl"))
    return [path for path in every if path.name.startswith("quick-") == quick]


def count(word: str, usual: int) -> int:
    """How many seeds. Errors: SystemExit for what is no number above 0."""
    if word and not (word.isdigit() and int(word)):
        sys.exit(f"search_quality.py: seeds={word}: give how many, such as seeds={usual}")
    return int(word or usual)


def chosen_names(only: str, names: list[str], key: str = "only") -> list[str]:
    """Those of `only`, or all. Errors: SystemExit for one that is none of them."""
    found = only.split(",") if only else names
    for name in found:
        if name not in names:
            sys.exit(f"search_quality.py: {key}={name}: give some of {', '.join(names)}")
    return found


def compare_strategies(
    tables: dict[str, Table], seeds: int, names: list[str], model: str | None, path: Path
) -> None:
    """Every strategy and seed that is not in the file, on every table."""
    known = {(row["data"], row["method"], row["seed"], row["model"]) for row in read_lines(path)}
    for table in tables.values():
        runs = [(name, seed) for name in names for seed in range(seeds)]
        for name, seed in runs:
            asked = model if name == ADVISOR else None
            if (table.data, name, seed, asked) not in known:
                add_lines(path, [on_the_table(table, seed, name, asked)])


def search_all(
    table: Table,
    seeds: Iterable[int],
    names: list[str],
    path: Path,
    quick: bool,
    rules: Collection[str] = tuple(SELECTS),
) -> None:
    """Every search of which a row is not in the file; its rows are written together, once each. rules: those
    that are tried, of the ones that a method names. Errors: SystemExit where rows of a method are of other
    settings than it has now."""
    rows = read_lines(path)
    for name in names:
        refuse_others(rows, {own: settings_of(name, *own, table.data) for own in rows_of(name)}, path)
    known = {(row["kind"], row["method"], row["seed"]) for row in rows}
    for seed in seeds:
        pace = None
        for method in names:
            missing = {row for row in rows_of(method, rules) if (*row, seed) not in known}
            if missing:
                pace = pace or (1.0 if quick else paced(table, seed))
                found = list(run(method, seed, table, quick, pace, path.parent / "trainings", missing))
                add_lines(path, [row | told(method, row) for row in found])


def paced(table: Table, seed: int) -> float:
    """How many times as long the table's trainings take now: `pace_of`."""
    runner = Runner(table.data, quick=False)

    def again(row: Training) -> Training:
        return runner.train(row.hash, table.choices(row.hash), row.temperature, row.lr, row.seed)

    return pace_of(table, again, seed)


def run(
    method: str, seed: int, table: Table, quick: bool, pace: float, shared: Path, wanted: Collection[Row]
) -> Iterator[dict]:
    """One search: what it chooses, what other selection rules would, and what its supernet says of all
    designs; those of the rows that are wanted."""
    lab = Lab(table.data, method, seed, quick, shared)
    searched = lab.run()
    for name, rule in {method: "", **{rule_name(method, rule): rule for rule in rules_of(method)}}.items():
        if ("method", name) in wanted:
            yield judged(name, seed, table, lab, searched, lab.choose(searched, rule), pace)
    if ("ranking", method) in wanted:
        yield ranked(method, seed, table, lab, searched)


def judged(
    method: str, seed: int, table: Table, lab: Lab, searched: Searched, chosen: Chosen, pace: float
) -> dict:
    """What the table says of the chosen design, and of random search at TIMES its seconds, in which a
    training takes `pace` times what the table says. The retrained score is that of the table on valid."""
    key, history = lab.identity(chosen.design), searched.search.history
    seconds = chosen.seconds / pace
    draws = {f"random_{times}": random_regrets(table, times * seconds, seed) for times in TIMES}
    entropies = [entropy(p) for p in searched.mixture.values()]
    return {
        "kind": "method",
        "data": table.data,
        "method": method,
        "seed": seed,
        "hash": key,
        "choices": dict(table.choices(key)),
        "regret": table.regret(key),
        "rank": table.rank(key),
        "test": table.test(key),
        "seconds": chosen.seconds,
        "pace": pace,
        "mixture_score": chosen.mixture_score,
        "inherited_score": chosen.inherited_score,
        "settled_score": chosen.settled_score,
        "retrained_score": table.valid(key),
        "entropy": statistics.fmean(entropies) if entropies else None,
        "eigenvalue": history[-1]["eigenvalue"] if history else None,
        "mixture": {slot: p.tolist() for slot, p in searched.mixture.items()},
        "epochs": [{name: epoch[name] for name in ("alpha_loss", "score", "gap")} for epoch in history],
    } | {name: statistics.fmean(values) for name, values in draws.items()}


def ranked(method: str, seed: int, table: Table, lab: Lab, searched: Searched) -> dict:
    """Kendall's tau-b between the supernet's score of every design and its trained ones."""
    start, trials = time.perf_counter(), lab.trials(searched)
    designs = {key: choices for key, choices in designs_of(lab.space).items() if key in table.trainings}
    inherited = [trials.inherited(lab.space, choices) for choices in designs.values()]
    seconds = time.perf_counter() - start
    valid, test = ([of(key) for key in designs] for of in (table.valid, table.test))
    top = np.argsort(valid)[-max(2, len(valid) // 4) :]
    return {
        "kind": "ranking",
        "data": table.data,
        "method": method,
        "seed": seed,
        "tau_valid": tau(inherited, valid),
        "tau_test": tau(inherited, test),
        "tau_top": tau([inherited[k] for k in top], [valid[k] for k in top]),
        "designs": len(designs),
        "seconds": seconds,
        "inherited": dict(zip(designs, inherited, strict=True)),
    }


if __name__ == "__main__":
    main()
