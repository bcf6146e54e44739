"""Quality: search, derivation and every baseline on one data set, as the two command lines do them.

    python benchmarks/quality.py data=gowalla [protocol=strict|paper] [seeds=0,1,2,3,4] [--quick]
        [run=FOLDER] [only=search] [train.KEY=VALUE …] [derive.KEY=VALUE …]

data: ml-100k, or a folder of $SUPERNET_DATA with an experiment of that name. strict searches (in FOLDER,
where no search has finished yet), tunes on valid, retrains once a seed and opens the test part once. paper
takes the genotype and the recipes of the strict run in FOLDER (its metrics.json, or recipes.json where
derive.open_test=false left its test part closed), trains on the published train file for the epochs chosen
there, and derives in FOLDER-paper. What a kill left in FOLDER is gone on with, and what has ended there is
reported, if it was begun with the same words. Large data have bounds (quality_models.py), which derive.KEY
changes: a model is tuned for ten minutes, EASE has its default settings, and lightgcn_bpr is left out
(benchmarks/reproduction.py trains it). --quick is the small form that tests run. Models are printed one a
JSON line, the verdict last; they are appended to benchmarks/results/quality.jsonl unless quick.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.command import data_folder, derive, run_folder, search, words_of
from benchmarks.lines import add_results
from benchmarks.quality_lines import quality_lines
from benchmarks.quality_models import QUICK, baselines, listed, sizes, tuning

RESULTS = measure.ROOT / "benchmarks" / "results" / "quality.jsonl"
FILES = {"ml-1m": "interactions.tsv"}
"""Of a folder whose reader wants one file."""


def main() -> None:
    """Search, derive, print."""
    chosen = arguments(sys.argv[1:])
    folder, quick = run_folder(chosen, f"quality-{chosen['data']}"), chosen["quick"] == "true"
    search(folder, *source(chosen["data"]), *(QUICK["train"] if quick else ()), *chosen["train"])
    if chosen["only"] == "search":
        return
    size = sizes(folder)
    if chosen["protocol"] == "paper":
        strict, folder = folder, folder.with_name(f"{folder.name}-paper")
        recipes = copied(strict, folder)
        more = ["protocol=paper", f"recipes={recipes}", "tune=[]", "tuning.trials=0"]
    else:
        more = [*tuning(chosen["data"], *size), *(QUICK["strict"] if quick else ())]
    usual = [f"baselines={listed(baselines(*size))}", f"seeds=[{chosen['seeds']}]"]
    derive(folder, *usual, *more, *(QUICK["derive"] if quick else ()), *chosen["derive"])
    if (folder / "metrics.json").is_file():  # else derive.open_test=false
        report(chosen, folder, quick)


def arguments(words: list[str]) -> dict:
    """KEY=VALUE words. Errors: SystemExit for one that is unknown or has no value."""
    keys = {
        "data": "",
        "protocol": "strict",
        "seeds": "0,1,2,3,4",
        "quick": "false",
        "run": "",
        "only": "",
    }
    found = words_of("quality.py", words, keys, ("train", "derive"))
    if (
        not found["data"]
        or found["protocol"] not in ("strict", "paper")
        or found["only"] not in ("", "search")
    ):
        sys.exit("quality.py: give data=NAME; protocol is strict or paper, only is search")
    return found


def source(name: str) -> list[str]:
    """The overrides of train.py that choose a data set."""
    if name == "ml-100k":
        return [f"experiment={name}"]
    path = data_folder("quality.py", name) / FILES.get(name, "")
    return [f"experiment={name}", f"data.path={path}"]


def copied(strict: Path, folder: Path) -> Path:
    """The search of a strict run, to be derived again; returns the file of its recipes. Errors: SystemExit
    where there is none, or `folder` has the derivation of another search."""
    found = [strict / name for name in ("metrics.json", "recipes.json") if (strict / name).is_file()]
    if not found:
        sys.exit(f"quality.py: {strict / 'metrics.json'}: no such file; run protocol=strict first")
    here, there = (genotype_of(path) for path in (folder / "metrics.json", found[0]))
    if here not in (None, there):
        sys.exit(
            f"quality.py: {folder / 'metrics.json'}: genotype is {here}, and {there} in {found[0]}; "
            f"move {folder} away, to derive anew"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.yaml", "genotype.json", "checkpoint.pt"):
        if (strict / name).is_file():
            shutil.copyfile(strict / name, folder / name)
    return found[0]


def genotype_of(path: Path) -> str | None:
    """The design that a metrics.json or recipes.json is of, None where there is no file."""
    return json.loads(path.read_text(encoding="utf-8"))["genotype"] if path.is_file() else None


def report(chosen: dict, folder: Path, quick: bool) -> None:
    """One line a model, and one of the verdict."""
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    same = {
        "data": chosen["data"],
        "protocol": chosen["protocol"],
        "command": measure.command_line(),
        "genotype": found["genotype"],
        "commit": measure.commit(),
        "processor": measure.processor(),
    } | measure.versions()
    add_results(RESULTS, quality_lines(found, same), not quick)


if __name__ == "__main__":
    main()
