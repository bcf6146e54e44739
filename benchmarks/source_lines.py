"""The lines of sources.py: what a source is worth to a derived model, and whether leaving it was right."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

from benchmarks import measure
from benchmarks.pairs import compared
from ops.registry import topic_of
from supernet.pipeline.contenders import ABLATION
from supernet.search.selection.sources import DROPPED, IDS, TEXT
from supernet.space.genotype import Genotype
from supernet.space.slots import slot_kind, slot_relation


def same_of(scenario: str, genotype: str) -> dict:
    """What stands in every line. scenario: a data set may have the same name, whose rows are others."""
    return {
        "data": scenario,
        "scenario": scenario,
        "protocol": "strict",
        "command": measure.command_line(),
        "genotype": genotype,
        "commit": measure.commit(),
        "processor": measure.processor(),
    } | measure.versions()


def search_line(scenario: str, folder: Path, beside: Path) -> dict:
    """The derived model of the search with the sources over that of the search without."""
    models = [json.loads((run / "metrics.json").read_text(encoding="utf-8")) for run in (folder, beside)]
    own, other = (model["models"]["derived"]["metrics"]["ndcg@20"] for model in models)
    ratios = [a / b for a, b in zip(own, other, strict=True)]
    one = compared(folder, beside, "ndcg@20")
    return {
        "name": f"sources/{scenario}/search",
        "value": statistics.fmean(ratios),
        "unit": "ndcg@20 with over without",
        "min": min(ratios),
        "max": max(ratios),
        "repeats": len(ratios),
        "with": one.mean_a,
        "without": one.mean_b,
        "gain": one.difference,
        "low": one.low,
        "high": one.high,
        "p": one.p,
        "seeds": models[0]["seeds"],
        "seconds": [model["search_seconds"] for model in models],
        "other_genotype": models[1]["genotype"],
    } | same_of(scenario, models[0]["genotype"])


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
    left = left_share(genotype, source)
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
        "left_share": left,
        "right": right(taken, gain, one["p"]),
        "seeds": found["seeds"],
    } | same


def right(taken: bool, gain: float, p: float) -> bool:
    """Whether taking or leaving a source was right, given what it adds."""
    return gain >= 0 if taken else not (gain > 0 and p < 0.05)


def left_share(genotype: Genotype, source: str) -> float | None:
    """The weight that the search gave at its end to not taking the source, the mean over its slots."""
    view = source.partition("(")[2].partition(")")[0]
    shares = [
        sum(weight for name, weight in weights.items() if leaves(name, source, view))
        for slot, weights in genotype.mixture.items()
        if of_source(slot, source)
    ]
    return statistics.fmean(shares) if shares else None


def leaves(name: str, source: str, view: str) -> bool:
    """Whether a candidate of a slot of the source does not take it; of one view of the texts, reads no
    such."""
    if of_text(source):
        return topic_of(name) != view if view else name == IDS
    return name == DROPPED


def of_source(slot: str, source: str) -> bool:
    """Whether the slot chooses what is taken of the source."""
    if of_text(source):
        return slot_kind(slot) == "features"
    return slot_kind(slot) == "aggregate" and slot_relation(slot) == source


def of_text(source: str) -> bool:
    """Whether it is the texts, or one view of them: "text (image)"."""
    return source.partition(" ")[0] == TEXT


def compared_with_itself(found: dict, name: str, genotype: Genotype) -> bool:
    """Whether the model `name` computes what the derived one does: it tells nothing of a source."""
    own, other = (replace(genotype, choices=found["models"][key]["choices"]) for key in ("derived", name))
    return own.hash == other.hash
