"""Cold start: new items by their texts, or new users by what they touched, beside Pop and text-kNN.

    python benchmarks/cold.py data=amazon-games [side=items|users] [seeds=0] [run=FOLDER] [--quick]
        [train.KEY=VALUE …] [derive.KEY=VALUE …]

data: a folder of $SUPERNET_DATA with train.txt, test.txt and items.tsv. 10 % of the items (users) have no
train pair: half of them are for choices, half for the test (conf/experiment/cold-items.yaml and
cold-users.yaml). One search in FOLDER, where none has finished yet, and one derivation with a retraining a
seed. The models are printed one a JSON line, the value is Recall@20 of the new items among the new ones (of
the new users among all items); they are appended to benchmarks/results/cold.jsonl unless quick, the small
form that tests run.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.command import data_folder, derive, run_folder, search, words_of
from benchmarks.lines import add_results

RESULTS = measure.ROOT / "benchmarks" / "results" / "cold.jsonl"
USUAL = ("baselines=[pop,lightgcn]", "random_genotypes=0", "tuning.trials=3", "tune=[derived]")
QUICK = {
    "train": (
        "search.epochs=2", "search.select_steps=5", "search.select_pool=4", "training.epochs=2",
        "model.dim=8", "text=tfidf", "space.features=['sum:tfidf']",
    ),
    "derive": ("tuning.trials=1",),
}  # fmt: skip


def main() -> None:
    """Search, derive, print."""
    chosen = arguments(sys.argv[1:])
    folder, quick = run_folder(chosen, f"cold-{chosen['side']}-{chosen['data']}"), chosen["quick"] == "true"
    search(folder, *source(chosen), *(QUICK["train"] if quick else ()), *chosen["train"])
    more = [*USUAL, *(QUICK["derive"] if quick else ()), *chosen["derive"]]
    derive(folder, f"seeds=[{chosen['seeds']}]", *more)
    report(chosen, folder, quick)


def arguments(words: list[str]) -> dict:
    """KEY=VALUE words. Errors: SystemExit for one that is unknown or has no value."""
    keys = {"data": "", "side": "items", "seeds": "0", "run": "", "quick": "false"}
    found = words_of("cold.py", words, keys, ("train", "derive"))
    if not found["data"] or found["side"] not in ("items", "users"):
        sys.exit("cold.py: give data=NAME; side is items or users")
    return found


def source(chosen: dict) -> list[str]:
    """The overrides of train.py that choose a data set and who is new."""
    path = data_folder("cold.py", chosen["data"])
    return [f"experiment=cold-{chosen['side']}", f"data.path={path}"]


def report(chosen: dict, folder: Path, quick: bool) -> None:
    """One line a model that can rank new nodes."""
    whole = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    found = whole["cold"]
    same = {
        "data": chosen["data"],
        "side": chosen["side"],
        "told": found["told"],
        "command": measure.command_line(),
        "genotype": whole["genotype"],
        "commit": measure.commit(),
        "processor": measure.processor(),
    } | measure.versions()
    lines = [line(name, model, found, same) for name, model in found["models"].items() if model["metrics"]]
    add_results(RESULTS, lines, not quick)


def line(name: str, model: dict, found: dict, same: dict) -> dict:
    """Recall@20 as the value, the other means beside it; p of NDCG@20 against the derived model."""
    first = "cold" if same["side"] == "items" else "all"
    values = model["metrics"].get(f"{first}/recall@20", [])
    return {
        "name": f"cold/{same['data']}/{same['side']}/{name}",
        "value": statistics.fmean(values),
        "unit": f"{first} recall@20",
        "min": min(values),
        "max": max(values),
        "repeats": len(values),
        "metrics": {metric: statistics.fmean(seeds) for metric, seeds in model["metrics"].items()},
        "note": model["note"],
        "holm_p": found["holm_p"].get(name),
    } | same


if __name__ == "__main__":
    main()
