"""Of a run's page: what was searched, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from supernet.report.markup import pairs, table
from supernet.report.signs import trains_alphas
from supernet.runtime import InputError
from supernet.space.slots import slot_kind
from supernet.training.losses import SHARED

CONFIG = "config.yaml"
"""What train.py was started with; a key that it lacks, as of an earlier release, is not told."""

TOLD = {
    True: "strategy relaxation temperature_start temperature_end temperature_schedule order objective select "
    "snapshot epochs warmup",
    False: "strategy evaluate budget seconds epochs select_pool",
}
"""Keys of search that have lines of their own, where alphas are trained and where they are not."""

Node = Mapping[str, Any]


def read_config(folder: Path) -> dict[str, Any]:
    """The config of a run, {} where it has none. Errors: InputError for a file that cannot be read."""
    path = folder / CONFIG
    if not path.is_file():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: a config is a mapping, found {type(found).__name__}")
    return found


def what_was_searched(config: Node, search: Node, genotype: Node) -> str:
    """The settings that matter, then the candidates of every slot."""
    size = 1
    for names in search["candidates"].values():
        size *= len(names)
    layers = "1 layer" if genotype["layers"] == 1 else f"{genotype['layers']} layers"
    space = f"{size:,} designs in {len(search['candidates'])} open slots, {layers}"
    rows = [("space", space), ("strategy", search["strategy"] + _advice(search.get("advisor")))]
    node = config.get("search") or {}
    rows += _of_loop(node) if trains_alphas(search) else _of_strategy(node)
    rows += _recipe(config, search.get("pretuned"))
    rows += _others(search)
    slots = table(["slot", "candidates"], _slots(search["candidates"], genotype["choices"]), ("candidates",))
    return f"<h2>What was searched</h2>{pairs(rows)}{slots}"


def _slots(candidates: Mapping[str, list[str]], choices: Mapping[str, str]) -> list[list[str]]:
    """Slot → candidates; slots of a kind that have the same are one line, a slot with one is fixed."""
    every: dict[str, tuple[str, ...]] = {slot: (name,) for slot, name in choices.items()}
    every |= {slot: tuple(names) for slot, names in candidates.items()}
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for slot, names in every.items():
        groups.setdefault((slot_kind(slot), names), []).append(slot)
    lines = []
    for (kind, names), slots in groups.items():
        whole = len(slots) > 1 and len(slots) == sum(slot_kind(slot) == kind for slot in every)
        told = f"every {kind} ({len(slots)} slots)" if whole else ", ".join(slots)
        lines.append([told, ", ".join(names) if len(names) > 1 else f"{names[0]} (fixed)"])
    return lines


def _of_loop(node: Node) -> Iterator[tuple[str, str]]:
    """The lines of a search that trains alphas."""
    if "relaxation" in node:
        yield "relaxation", node["relaxation"] + _schedule(node)
    for name, key in (("hypergradient", "order"), ("objective", "objective"), ("selection", "select")):
        if key in node:
            yield name, node[key]
    if "snapshot" in node:
        yield "taken at the end (snapshot)", node["snapshot"]
    if "epochs" in node:
        yield "epochs", f"{node['epochs']}" + (f", {node['warmup']} of warm-up" if "warmup" in node else "")


def _schedule(node: Node) -> str:
    if "temperature_start" not in node:
        return ""
    start, schedule = f", temperature {_plain(node['temperature_start'])}", node.get("temperature_schedule")
    if schedule == "constant" or "temperature_end" not in node:
        return start
    return f"{start} to {_plain(node['temperature_end'])}" + (f", {schedule}" if schedule else "")


def _of_strategy(node: Node) -> Iterator[tuple[str, str]]:
    """The lines of a search that asks for designs one by one."""
    if "evaluate" in node:
        yield "designs are scored (evaluate)", node["evaluate"]
    if "budget" in node:
        seconds = node.get("seconds")
        more = "" if seconds is None else f", none after {_plain(seconds)} s"
        yield "budget", f"{node['budget']} evaluations{more}"
    if "epochs" in node and node.get("evaluate") != "trained":
        yield "epochs", f"{node['epochs']} of the supernet"
    if "select_pool" in node:
        yield "selection", f"successive halving of the best {node['select_pool']}"


def _recipe(config: Node, tuned: Node | None) -> Iterator[tuple[str, str]]:
    """Loss, learning rate and size, those that were tuned before the search; and that they were."""
    tuned = tuned or {}
    loss, training = ({**(config.get(key) or {}), **tuned.get(key, {})} for key in ("loss", "training"))
    told = []
    if "name" in loss:
        at = loss["name"] in SHARED and "temperature" in loss
        told.append(loss["name"] + (f" at temperature {_plain(loss['temperature'])}" if at else ""))
    told += [f"lr {_plain(training['lr'])}"] if "lr" in training else []
    told += [f"batches of {training['batch_size']}"] if "batch_size" in training else []
    model = config.get("model") or {}
    told += [f"dim {model['dim']}"] if "dim" in model else []
    if told and config:
        yield "loss and recipe", ", ".join(told)
    if tuned:
        yield (
            "recipe tuned first",
            f"temperature {tuned['loss']['temperature']:.3g} and lr {tuned['training']['lr']:.3g}, the best "
            f"on valid of {len(tuned['trials'])} trainings of LightGCN",
        )


def _others(search: Node) -> Iterator[tuple[str, str]]:
    """The other keys of search that were changed; earlier releases did not write them down."""
    lines = TOLD[trains_alphas(search)].split()
    changed = [(key, *pair) for key, pair in search.get("changed", {}).items() if key not in lines]
    if changed:
        told = (f"search.{key}={_plain(value)} (default {_plain(usual)})" for key, value, usual in changed)
        yield "other keys that were changed", ", ".join(told)


def _advice(found: Node | None) -> str:
    if found is None:
        return ""
    model = f" {found['model']}" if found.get("model") else ""  # earlier releases did not tell it
    return f"{model}: {found['requests']} requests, {found['random']} designs drawn in place of invalid ones"


def _plain(value: object) -> str:
    if value is None:
        return "null"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
