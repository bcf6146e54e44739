"""Quality: search, derivation and every baseline on one data set, as the two command lines do them.

    python benchmarks/quality.py data=gowalla [protocol=strict|paper] [seeds=0,1,2,3,4] [--quick]
        [run=FOLDER] [only=search] [train.KEY=VALUE …] [derive.KEY=VALUE …]

data: ml-100k, or a folder of $SUPERNET_DATA with an experiment of that name. strict searches (in FOLDER,
where no search has finished yet), tunes on valid, retrains once a seed and opens the test part once. paper
takes the genotype and the recipes of the strict run in FOLDER (its metrics.json, or recipes.json where
derive.open_test=false left its test part closed), trains on the published train file for the epochs chosen
there, and derives in FOLDER-paper. --quick is the small form that tests run. Models are printed
one a JSON line, the verdict last; they are appended to benchmarks/results/quality.jsonl unless quick.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.command import data_folder, run, search, words_of
from benchmarks.lines import add_results

RESULTS = measure.ROOT / "benchmarks" / "results" / "quality.jsonl"
FILES = {"ml-1m": "interactions.tsv"}
"""Of a folder whose reader wants one file."""

CLOSED = ("pop", "item_knn", "user_knn", "ease", "slim", "gf_cf", "cheby_cf")
TRAINED = ("mf", "lightgcn", "lightgcn_pp", "gcn", "graphsage", "gat", "ngcf", "gin")
PUBLISHED = ("lightgcn_bpr",)
ITEM_NORM = "+tuning.space.item_norm={low: 0.5, high: 1.0}"
CORRECTION = "+tuning.space.correction={choices: [0.0, 0.25, 0.5]}"
TUNING = ("tuning.trials=8", "epochs_once=true", "once_below=0.9", ITEM_NORM)
"""Of every trained model alike."""

UNIFORM = ("ml-100k", "ml-1m")
"""Experiments whose negatives are drawn uniformly; others take those of the batch, whose popularity there is
a correction for."""

QUICK = {
    "train": ("search.epochs=2", "search.select_steps=5", "search.select_pool=4", "training.epochs=2"),
    "derive": ("random_genotypes=1", "baselines=[pop,item_knn,gf_cf,mf,lightgcn]"),
    "strict": ("tuning.trials=1", "fuse=[gf_cf]"),
}


def main() -> None:
    """Search, derive, print."""
    chosen = arguments(sys.argv[1:])
    folder = Path(chosen["run"] or f"runs/quality-{chosen['data']}")
    quick = chosen["quick"] == "true"
    search(folder, *source(chosen["data"]), *(QUICK["train"] if quick else ()), *chosen["train"])
    if chosen["only"] == "search":
        return
    if chosen["protocol"] == "paper":
        strict, folder = folder, folder.with_name(f"{folder.name}-paper")
        recipes = copied(strict, folder)
        more = ["protocol=paper", f"recipes={recipes}", "tune=[]", "tuning.trials=0"]
    else:
        more = [f"tune=[{','.join(['derived', *TRAINED])}]", *TUNING]
        more += [] if chosen["data"] in UNIFORM else [CORRECTION]
        more += QUICK["strict"] if quick else ()
    derive(chosen, folder, more, quick)
    if not (folder / "metrics.json").is_file():
        return  # derive.open_test=false
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


def derive(chosen: dict, folder: Path, more: list[str], quick: bool) -> None:
    """derive.py with every baseline."""
    baselines = [*CLOSED, *TRAINED, *PUBLISHED]
    usual = [
        f"baselines=[{','.join(baselines)}]",
        f"seeds=[{chosen['seeds']}]",
        *more,
    ]
    run("derive.py", f"run={folder}", *usual, *(QUICK["derive"] if quick else ()), *chosen["derive"])


def copied(strict: Path, folder: Path) -> Path:
    """The search of a strict run, to be derived again; returns the file of its recipes."""
    found = [strict / name for name in ("metrics.json", "recipes.json") if (strict / name).is_file()]
    if not found:
        sys.exit(f"quality.py: {strict / 'metrics.json'}: no such file; run protocol=strict first")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.yaml", "genotype.json", "checkpoint.pt"):
        if (strict / name).is_file():
            shutil.copyfile(strict / name, folder / name)
    return found[0]


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
    lines = [model_line(name, model, found, same) for name, model in found["models"].items()]
    lines.append(
        {"name": f"quality/{chosen['data']}/verdict", "value": found["verdict"], "unit": "sentence"}
        | {key: found[key] for key in ("derived_ahead", "derived_wins", "beaten_by", "holm_p")}
        | same
    )
    add_results(RESULTS, lines, not quick)


def model_line(name: str, model: dict, found: dict, same: dict) -> dict:
    """NDCG@20 as the value, the other means and the spread over seeds beside it."""
    values = model["metrics"]["ndcg@20"]
    seconds = model["seconds"] + (found["search_seconds"] or 0.0) * (name == "derived")
    return {
        "name": f"quality/{same['data']}/{name}",
        "value": statistics.fmean(values),
        "unit": "ndcg@20",
        "min": min(values),
        "max": max(values),
        "repeats": len(values),
        "sd": statistics.stdev(values) if len(values) > 1 else None,
        "seeds": found["seeds"][: len(values)],
        "metrics": {metric: statistics.fmean(per_seed) for metric, per_seed in model["metrics"].items()},
        "seconds": seconds,
        "epochs": model["epochs"],
        "note": model["note"],
        "recipe": model["recipe"],
        "holm_p": found["holm_p"].get(name),
    } | same


if __name__ == "__main__":
    main()
