"""What texts and relations are worth: searches with them among the candidates, and the derived model with and
without each.

    python benchmarks/sources.py scenario=social [seeds=0,1,2,3,4] [run=FOLDER] [--quick]
        [train.KEY=VALUE …] [derive.KEY=VALUE …]

scenario: a key of SCENARIOS; its data are in $SUPERNET_DATA. train.py searches (in FOLDER, where no search
has finished yet). derive.py tunes the derived model and LightGCN alike, retrains them, and with the recipe of
the derived model retrains it without each source that it takes and with each that it leaves. Strict protocol.
One JSON line a source: NDCG@20 on test of the derived model with and without it over the same seeds, the
paired test, the share that the search gave to leaving it, and whether the choice was right. Appended to
benchmarks/results/sources.jsonl unless quick; the models as quality.py's rows, to quality.jsonl.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from benchmarks.command import data_folder, run, search, words_of
from benchmarks.quality import QUICK, model_line
from supernet.pipeline.contenders import ABLATION, RULED
from supernet.search.selection.sources import DROPPED, TEXT
from supernet.space.genotype import Genotype
from supernet.space.slots import slot_kind, slot_relation

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
    keys = {"scenario": "", "seeds": "0,1,2,3,4", "run": "", "quick": "false"}
    found = words_of("sources.py", sys.argv[1:], keys, ("train", "derive"))
    if found["scenario"] not in SCENARIOS:
        sys.exit(f"sources.py: give scenario=NAME, one of {', '.join(SCENARIOS)}")
    folder = Path(found["run"] or f"runs/sources-{found['scenario']}")
    quick = found["quick"] == "true"
    search(folder, *source(found["scenario"]), *(QUICK["train"] if quick else ()), *found["train"])
    more = ("tuning.trials=1", "tune=[derived]", "baselines=[pop]") if quick else ()
    run("derive.py", f"run={folder}", f"seeds=[{found['seeds']}]", *DERIVE, *more, *found["derive"])
    report(found["scenario"], folder, quick)


def source(scenario: str) -> list[str]:
    """The overrides of train.py that choose the data set and the space."""
    name, files, overrides = SCENARIOS[scenario]
    where = data_folder("sources.py", name) if name else Path()
    return [*overrides, *(f"{key}={where / file}" for key, file in files.items())]


def report(scenario: str, folder: Path, quick: bool) -> None:
    """A line for each source, and those of the models."""
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    genotype = Genotype.load(folder / "genotype.json")
    same = {
        "data": scenario,
        "protocol": "strict",
        "command": measure.command_line(),
        "genotype": found["genotype"],
        "commit": measure.commit(),
        "processor": measure.processor(),
    } | measure.versions()
    lines = [
        source_line(name, comparison, genotype, found, same)
        for name, comparison in found["ablations"].items()
        if name != RULED
    ]
    models = [model_line(name, model, found, same) for name, model in found["models"].items()]
    models.append(
        {"name": f"quality/{scenario}/verdict", "value": found["verdict"], "unit": "sentence"}
        | {key: found[key] for key in ("derived_ahead", "derived_wins", "beaten_by", "holm_p")}
        | same
    )
    texts = ["".join(json.dumps(row) + "\n" for row in rows) for rows in (lines, models)]
    print("".join(texts), end="", flush=True)
    for path, text in zip((RESULTS, RESULTS.with_name("quality.jsonl")), texts, strict=True):
        if not quick:
            with path.open("a", encoding="utf-8") as file:
                file.write(text)


def source_line(name: str, one: dict, genotype: Genotype, found: dict, same: dict) -> dict:
    """NDCG@20 with the source over without it as the value: one minus it is what the source adds.

    right: a source that is taken must not lower the mean of the test, and one that is left must not raise it
    beyond noise (p < .05, Wilcoxon over users with the seeds averaged).
    """
    source, taken = name.removeprefix(f"{ABLATION}out ").removeprefix(f"{ABLATION} "), "without" in name
    own, other = (found["models"][key]["metrics"]["ndcg@20"] for key in ("derived", name))
    with_it, without = (own, other) if taken else (other, own)
    ratios = [a / b for a, b in zip(with_it, without, strict=True)]
    gain = one["difference"] if taken else -one["difference"]
    return {
        "name": f"sources/{same['data']}/{source}",
        "value": statistics.fmean(ratios),
        "unit": "ndcg@20 with over without",
        "min": min(ratios),
        "max": max(ratios),
        "repeats": len(ratios),
        "taken": taken,
        "with": statistics.fmean(with_it),
        "without": statistics.fmean(without),
        "gain": gain,
        "p": one["p"],
        "left_share": left_share(genotype, source),
        "right": gain >= 0 if taken else not (gain > 0 and one["p"] < 0.05),
        "seeds": found["seeds"],
    } | same


def left_share(genotype: Genotype, source: str) -> float | None:
    """The weight that the search gave at its end to not taking the source, the mean over its slots."""
    shares = [
        sum(
            weight for name, weight in weights.items() if name == DROPPED or (source == TEXT and name == "id")
        )
        for slot, weights in genotype.mixture.items()
        if of_source(slot, source)
    ]
    return statistics.fmean(shares) if shares else None


def of_source(slot: str, source: str) -> bool:
    """Whether the slot chooses what is taken of the source."""
    if source == TEXT:
        return slot_kind(slot) == "features"
    return slot_kind(slot) == "aggregate" and slot_relation(slot) == source


if __name__ == "__main__":
    main()
