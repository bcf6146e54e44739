"""Transfer: a search, and a derived model, begun with another domain's run against the same from nothing.

    python benchmarks/transfer.py data=amazon-toys source=amazon-beauty [seeds=0,1] [epochs=10] [run=FOLDER]
        [--quick] [train.KEY=VALUE …] [init.KEY=VALUE …]

data, source: folders of $SUPERNET_DATA, or paths, in the LightGCN format; users are shared where both have a
users.txt. The source is searched and derived once, seed 0; then every seed searches `data` twice, from
nothing and with init_from. train.KEY is of all searches, init.KEY of those with init_from; --quick is the
small form that tests run. The test part of `data` stays closed.

A JSON line a seed and stage, with two anytime curves, {"epoch", "seconds", "ndcg@20"} on valid:

    search    the mixture: begun with the source's users, projectors and alphas, against from nothing
    derived   the design found from nothing, trained for `epochs`: begun with the source's derived model
    design    the design found with init_from, trained from nothing
    genotype  the source's design, trained from nothing: what it is worth without a search

"nothing" of the last three is the design found from nothing, trained from nothing; "gain" is the difference
at equal epochs, and the value of the line that at the last. Nothing is chosen by these curves.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.command import data_folder, derive, run_folder, search, words_of
from supernet.config import DeriveConfig, arguments, load_train_config
from supernet.pipeline.bench import Bench
from supernet.pipeline.stages import load_data, recipe_of, space_of
from supernet.pipeline.start import Start
from supernet.pipeline.texts import load_beside
from supernet.pipeline.transfer import derived_start, fitted
from supernet.runtime import set_up
from supernet.search.transfer import point_of
from supernet.space import Genotype, SearchSpace

METRIC = "ndcg@20"
USUAL = (
    "experiment=amazon-games",
    "text=minilm",
    "space.features=[id,'sum:minilm']",
    "text.probe=false",
    "search.explain=false",
)
"""Of every search: that of the Amazon sets, with the texts of items, whose projectors can be shared."""
QUICK = (
    "text=none",
    "space.features=[id]",
    "model.dim=8",
    "search.epochs=2",
    "search.warmup=1",
    "search.select_steps=5",
    "search.select_pool=3",
    "training.batch_size=256",
    "training.epochs=2",
)
DERIVE = ("tuning.trials=0", "tune=[]", "baselines=[]", "random_genotypes=0", "fuse=[]", "ablate=false",
          "seeds=[0]")  # fmt: skip

Curve = list[dict[str, float]]


def main() -> None:
    """The source once, then every seed."""
    chosen = arguments_of(sys.argv[1:])
    folder = run_folder(chosen, f"transfer-{folder_of(chosen['data']).name}")
    source = folder / f"source-{folder_of(chosen['source']).name}"
    searched(source, chosen["source"], chosen, ["seed=0"])
    derive(source, *DERIVE, *(word for word in chosen["train"] if word.startswith("runtime.")))
    for seed in chosen["seeds"].split(","):
        init = [f"init_from={source}", *(f"init.{word}" for word in chosen["init"])]
        runs = [folder / f"{start}-{seed}" for start in ("nothing", "init")]
        for where, more in zip(runs, ([], init), strict=True):
            searched(where, chosen["data"], chosen, [f"seed={seed}", *more])
        curves = [search_curve(where) for where in runs]
        told = json.loads((runs[1] / "init.json").read_text(encoding="utf-8"))["taken"]
        row(chosen, "search", seed, *curves, taken=told)
        trained(chosen, runs, source, seed)


def arguments_of(words: list[str]) -> dict:
    """KEY=VALUE words. Errors: SystemExit for one that is unknown, and without data or source."""
    keys = {"data": "", "source": "", "seeds": "0,1", "epochs": "10", "run": "", "quick": "false"}
    found = words_of("transfer.py", words, keys, ("train", "init"))
    if not found["data"] or not found["source"]:
        sys.exit("transfer.py: give data=NAME and source=NAME, such as data=amazon-toys source=amazon-beauty")
    return found


def folder_of(name: str) -> Path:
    """A path, or a folder of $SUPERNET_DATA."""
    return Path(name) if Path(name).is_dir() else data_folder("transfer.py", name)


def searched(folder: Path, data: str, chosen: dict, more: list[str]) -> None:
    """The search of `data` in `folder`, to its end."""
    usual = [*USUAL, *(QUICK if chosen["quick"] == "true" else ()), *chosen["train"]]
    search(folder, f"data.path={folder_of(data)}", *usual, *more)


def search_curve(folder: Path) -> Curve:
    """Of the mixture on valid, from search.json; seconds since the beginning."""
    found, seconds = [], 0.0
    for record in json.loads((folder / "search.json").read_text(encoding="utf-8"))["epochs"]:
        seconds += record["seconds"]
        found.append({"epoch": record["epoch"], "seconds": seconds, METRIC: record["score"]})
    return found


def trained(chosen: dict, runs: list[Path], source: Path, seed: str) -> None:
    """The rows of trainings, all against the design that was found from nothing, trained from nothing."""
    run, log = load_train_config(runs[0]), logging.getLogger("transfer")
    init = load_train_config(runs[1]).init
    device = set_up(**arguments(run.runtime))
    derive = DeriveConfig(run=str(runs[0]), init_from=str(source), init=init, tune=[])
    data = load_data(run)
    design = Genotype.load(runs[0] / "genotype.json").designs()[0]
    start, told = derived_start(derive, run, [design], data.user_ids)
    sealed = data.without("test")
    beside = load_beside(run, sealed, run.space.relations, device, log, probe=False)
    bench = Bench(sealed, run, derive, device, beside, start=fitted(start, beside.views, log))
    epochs = int(chosen["epochs"])
    nothing, begun = (training_curve(bench, design, epochs, int(seed), s) for s in (None, bench.start))
    row(chosen, "derived", seed, nothing, begun, taken=told)
    space = space_of(run.space)
    others = {
        "design": Genotype.load(runs[1] / "genotype.json"),
        "genotype": Genotype.load(source / "genotype.json"),
    }
    for stage, genotype in others.items():
        point = point_of(space, genotype)
        if point is None:
            print(f"transfer: {stage}: no design of this space", file=sys.stderr)
            continue
        same = point == choices_of(design)
        curve = nothing if same else training_curve(bench, space.fixed(point), epochs, int(seed), None)
        row(chosen, stage, seed, nothing, curve, same_design=same)


def training_curve(bench: Bench, design: SearchSpace, epochs: int, seed: int, start: Start | None) -> Curve:
    """Valid after every epoch; nothing is chosen by it."""
    recipe = replace(recipe_of(bench.run), epochs=epochs, validate_every=1, patience=epochs)
    history = bench.train(design, recipe, seed, start=start)[1].history
    return [{"epoch": one.epoch, "seconds": one.seconds, METRIC: one.score} for one in history]


def choices_of(design: SearchSpace) -> dict[str, str]:
    """Slot → its only candidate."""
    return {slot: names[0] for slot, names in design.candidates().items()}


def row(chosen: dict, stage: str, seed: str, nothing: Curve, init: Curve, **more: object) -> None:
    """One JSON line, the gain at the last epoch its value."""
    gain = [b[METRIC] - a[METRIC] for a, b in zip(nothing, init, strict=True)]
    measure.row(
        f"transfer/{folder_of(chosen['data']).name}/{stage}",
        gain[-1:],
        METRIC,
        data=folder_of(chosen["data"]).name,
        source=folder_of(chosen["source"]).name,
        stage=stage,
        seed=int(seed),
        train=chosen["train"],
        init_options=chosen["init"],
        gain=gain,
        nothing=nothing,
        init=init,
        **more,
    )


if __name__ == "__main__":
    main()
