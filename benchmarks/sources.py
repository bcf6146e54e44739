"""What texts and relations are worth: searches with them among the candidates, and the derived model with and
without each.

    python benchmarks/sources.py scenario=social [seeds=0,1,2,3,4] [run=FOLDER] [plain=true] [--quick]
        [train.KEY=VALUE …] [derive.KEY=VALUE …]

scenario: a key of SCENARIOS; its data are in $SUPERNET_DATA. train.py searches (in FOLDER, where no search
has finished yet). derive.py tunes the derived model and LightGCN alike, retrains them, and with the recipe of
the derived model retrains it without each source that it takes and with each that it leaves. Strict protocol.
One JSON line a source: NDCG@20 on test of the derived model with and without it over the same seeds, the
paired test, the share that the alphas gave to leaving it, and whether the choice, and the alphas alone, were
right. plain=true also searches without any of these sources (in FOLDER-plain), derives that with the same
budget and seeds, and adds a line of the one derived model against the other, sources/SCENARIO/search.
Appended to benchmarks/results/sources.jsonl unless quick; the models as quality.py's rows, which tell the
scenario, to quality.jsonl.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.command import data_folder, derive, run_folder, search, words_of
from benchmarks.lines import add_results
from benchmarks.quality_lines import quality_lines
from benchmarks.quality_models import QUICK
from benchmarks.source_lines import compared_with_itself, same_of, search_line, source_line
from supernet.pipeline.contenders import RULED
from supernet.space.genotype import Genotype

RESULTS = measure.ROOT / "benchmarks" / "results" / "sources.jsonl"

TITLES = "space.features=[id,'sum:minilm','gate:minilm','concat:minilm','text:minilm']"
ALIKE = "[none,mean,sym,unit]"
SCENARIOS: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "social": (
        "lastfm",
        {"data.path": ""},
        (
            "experiment=social",
            "space.relations=[interactions,trust,cooccurrence]",
            f"+space.aggregate_of.cooccurrence={ALIKE}",
        ),
    ),
    "content": (
        "ml-1m",
        {
            "data.path": "interactions.tsv",
            "data.items_path": "items.tsv",
            "graph.knowledge_path": "kg.tsv",
            "graph.entities_path": "item2entity.tsv",
        },
        ("experiment=content",),
    ),
    "e-commerce": ("amazon-games", {"data.path": ""}, ("experiment=e-commerce",)),
    "toys": ("amazon-toys", {"data.path": ""}, ("experiment=e-commerce",)),
    "ml-100k": (
        "",
        {},
        (
            "experiment=ml-100k",
            "text=minilm",
            TITLES,
            "space.relations=[interactions,cooccurrence,text_knn]",
            f"+space.aggregate_of.cooccurrence={ALIKE}",
            f"+space.aggregate_of.text_knn={ALIKE}",
        ),
    ),
}
"""Name → folder in $SUPERNET_DATA, the keys that name files in it, and the other overrides of train.py."""

PLAIN = {
    "social": "lastfm",
    "content": "ml-1m",
    "e-commerce": "amazon-games",
    "toys": "amazon-games",
    "ml-100k": "ml-100k",
}
"""Scenario → the experiment that searches the same data without any of its sources."""

DERIVE = (
    "ablate=true",
    "baselines=[pop,lightgcn,lightgcn_pp]",
    "tune=[derived,lightgcn]",
    "tuning.trials=6",
    "epochs_once=true",
    "random_genotypes=0",
    "fuse=[]",
)


def main() -> None:
    """Search, derive, print."""
    keys = {"scenario": "", "seeds": "0,1,2,3,4", "run": "", "plain": "false", "quick": "false"}
    found = words_of("sources.py", sys.argv[1:], keys, ("train", "derive"))
    if found["scenario"] not in SCENARIOS:
        sys.exit(f"sources.py: give scenario=NAME, one of {', '.join(SCENARIOS)}")
    folder, quick = run_folder(found, f"sources-{found['scenario']}"), found["quick"] == "true"
    search(folder, *source(found["scenario"]), *(QUICK["train"] if quick else ()), *found["train"])
    more = ("tuning.trials=1", "tune=[derived]", "baselines=[pop]") if quick else ()
    derive(folder, f"seeds=[{found['seeds']}]", *DERIVE, *more, *found["derive"])
    report(found["scenario"], folder, quick)
    if found["plain"] == "true":
        beside = folder.with_name(f"{folder.name}-plain")
        search(beside, *plain(found["scenario"]), *(QUICK["train"] if quick else ()), *found["train"])
        alone = ("ablate=false", "baselines=[pop]")
        seeds = f"seeds=[{found['seeds']}]"
        derive(beside, seeds, *DERIVE, *more, *alone, *found["derive"])
        add_results(RESULTS, [search_line(found["scenario"], folder, beside)], not quick)


def source(scenario: str) -> list[str]:
    """The overrides of train.py that choose the data set and the space."""
    name, files, overrides = SCENARIOS[scenario]
    where = data_folder("sources.py", name) if name else Path()
    return [*overrides, *(f"{key}={where / file}" for key, file in files.items())]


def plain(scenario: str) -> list[str]:
    """The overrides of train.py that search the same data without the scenario's sources."""
    name, files, _ = SCENARIOS[scenario]
    where = [f"data.path={data_folder('sources.py', name) / files['data.path']}"] if name else []
    return [f"experiment={PLAIN[scenario]}", *where]


def report(scenario: str, folder: Path, quick: bool) -> None:
    """A line for each source, and those of the models."""
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    genotype = Genotype.load(folder / "genotype.json")
    same = same_of(scenario, found["genotype"])
    lines = [
        source_line(name, comparison, genotype, found, same)
        for name, comparison in found["ablations"].items()
        if name != RULED and not compared_with_itself(found, name, genotype)
    ]
    add_results(RESULTS, lines, not quick)
    add_results(RESULTS.with_name("quality.jsonl"), quality_lines(found, same), not quick)


if __name__ == "__main__":
    main()
