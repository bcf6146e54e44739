"""What rounds, pool and screen of a selection are worth, on recorded short trainings.

    python benchmarks/selection.py record data=NAME [seeds=0,1,2,3] [best=100] [out=FOLDER]
    python benchmarks/selection.py supernets data=NAME [seeds=0,1,…,9] [only=NAME,NAME] [out=FOLDER]
    python benchmarks/selection.py compare data=NAME [only=NAME,NAME] [out=FOLDER]

record trains designs of the tabular benchmark as a selection does, one JSON line a design and seed: its
valid score and seconds at every ranking. All designs with the first seed, with the others the `best` of the
table on valid: what is worse is no candidate of a last round, and keeps the scores of the first. supernets
trains those of some methods of search_quality.py and asks them for the score of every design. compare lets
the rules choose with every supernet and seed of trainings from these records, and looks the designs up in
the table: one JSON line a rule and method, appended to benchmarks/results/selection.jsonl. Lines stand in
out (runs/selection); what stands there is not done again. --quick: two epochs, two designs, files of their
own in runs/selection-quick.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import replace
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

import torch

from benchmarks import measure
from benchmarks.command import words_of
from benchmarks.lines import add_lines, add_results, read_lines
from benchmarks.search_lab import Lab
from benchmarks.search_methods import PLAIN
from benchmarks.search_statistics import interval
from benchmarks.selection_records import RULES, Records
from benchmarks.table_search import random_regrets
from benchmarks.tabular import designs_of
from supernet.pipeline.judging import LOOKS
from supernet.pipeline.stages import recipe_of, train_model
from supernet.runtime import keep_memory
from supernet.search.tabular import load_tables

KEYS = dict.fromkeys(("data", "seeds", "only", "out"), "") | {"best": "100", "quick": "false"}
FORMS = ("record", "supernets", "compare")
RESULTS = measure.ROOT / "benchmarks" / "results" / "selection.jsonl"

RANKINGS = 14
"""At most so many in a recorded training, which waits for two without gain as the last round does."""

SUPERNETS = ("default", PLAIN, "single path")


def main() -> None:
    """One of the three forms."""
    form = next((word for word in sys.argv[1:] if word in FORMS), "")
    words = words_of("selection.py", [word for word in sys.argv[1:] if word != form], KEYS, ())
    tables = load_tables()
    if not form or words["data"] not in tables:
        sys.exit(f"selection.py: give one of {', '.join(FORMS)}, and data={'|'.join(tables)}")
    torch.set_num_threads(1)
    keep_memory()
    quick = words["quick"] == "true"
    out = Path(words["out"] or f"runs/selection{'-quick' if quick else ''}")
    out.mkdir(parents=True, exist_ok=True)
    path, table = out / f"{words['data']}.jsonl", tables[words["data"]]
    if form == "record":
        seeds = [int(seed) for seed in (words["seeds"] or "0,1,2,3").split(",")]
        best = sorted(table.trainings, key=lambda design: -table.valid(design))[: int(words["best"])]
        for k, seed in enumerate(seeds):
            record(words["data"], seed, None if k == 0 else set(best), path, quick)
    elif form == "supernets":
        for seed in (words["seeds"] or ",".join(map(str, range(10)))).split(","):
            for method in words["only"].split(",") if words["only"] else SUPERNETS:
                ask(words["data"], int(seed), method, path, quick)
    else:
        compare(words["data"], words["only"].split(",") if words["only"] else list(RULES), path, quick)


def record(data: str, seed: int, designs: set[str] | None, path: Path, quick: bool) -> None:
    """The short trainings of one seed, of some designs or of all; those that are not in the file yet."""
    lab = Lab(data, "default", seed, quick)
    steps = max(1, lab.config.search.select_steps // LOOKS)
    recipe = replace(recipe_of(lab.config), patience=2, validate_every=1, epochs=2 if quick else RANKINGS)
    done = {(row["hash"], row["seed"]) for row in read_lines(path) if row["kind"] == "training"}
    every = {key: c for key, c in designs_of(lab.space).items() if designs is None or key in designs}
    for key, choices in list(every.items())[: 2 if quick else None]:
        if (key, seed) in done:
            continue
        same = lab.space.fixed(choices), recipe, seed, lab.graph, lab.device
        _, fitted = train_model(lab.config, lab.data, *same, steps=steps)
        row = {"kind": "training", "data": data, "seed": seed, "hash": key, "steps": steps}
        row |= {"valid": [epoch.score for epoch in fitted.history]}
        add_lines(path, [row | {"seconds": [epoch.seconds for epoch in fitted.history]}])


def ask(data: str, seed: int, method: str, path: Path, quick: bool) -> None:
    """A supernet of a method: its mixture, and the score of every design with inherited weights."""
    done = {(row["method"], row["seed"]) for row in read_lines(path) if row["kind"] == "supernet"}
    if (method, seed) in done:
        return
    lab = Lab(data, method, seed, quick)
    searched = lab.run()
    trials = lab.trials(searched)
    designs = designs_of(lab.space).items()
    row = {"kind": "supernet", "data": data, "seed": seed, "method": method, "seconds": searched.seconds}
    row |= {"mixture": {slot: p.tolist() for slot, p in searched.mixture.items()}}
    row |= {"known": [lab.identity(design) for design in trials.known]}
    row |= {"inherited": {key: trials.inherited(lab.space, choices) for key, choices in designs}}
    add_lines(path, [row])


def compare(data: str, rules: list[str], path: Path, quick: bool) -> None:
    """One line a rule and method: regret over all supernets and seeds of trainings, seconds, and random
    search at three times the seconds (of trainings when the table was made)."""
    table = load_tables()[data]
    records = Records(table, read_lines(path))
    same = {"data": data, "command": measure.command_line(), "commit": measure.commit()}
    same |= {"processor": measure.processor()} | measure.versions()
    for name in rules:
        for method in records.methods:
            chosen = records.chosen(RULES[name], method)
            regrets = [table.regret(design) for design, _ in chosen]
            low, high = interval(regrets)
            seconds = statistics.fmean(seconds for _, seconds in chosen)
            row = {
                "name": f"selection/{data}/{name}/{method}",
                "value": statistics.fmean(regrets),
                "unit": "regret",
                "min": min(regrets),
                "max": max(regrets),
                "repeats": len(regrets),
                "low": low,
                "high": high,
                "top": statistics.fmean(table.rank(design) < 0.05 for design, _ in chosen),
                "seconds": seconds,
                "random_3": statistics.fmean(random_regrets(table, 3 * seconds, 0)),
            } | same
            row["tau"], row["tau_top"] = records.agreement(method)
            add_results(RESULTS, [row], not quick)


if __name__ == "__main__":
    main()
