"""Recipes taken over from another, strict run: what was chosen on its valid part, model by model."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from supernet.config import TrainConfig, published_names
from supernet.pipeline.contenders import Contender, Fusion, Trained
from supernet.runtime import InputError, write_json
from supernet.training.recipe import Recipe

VERSION = 3
"""Of metrics.json and recipes.json."""

FILE = "recipes.json"
"""Written by `derive.py open_test=false`."""


@dataclass(frozen=True)
class Taken:
    """The recipe of one model, the epochs its trainings chose (their mean, rounded, over the seeds), and its
    design, whose numbers were tuned with the recipe; its fusion with a closed form, if any; whether the
    recipe was another model's there."""

    recipe: Recipe
    epochs: int
    choices: Mapping[str, str]
    fusion: Fusion | None
    lent: bool = False


@dataclass(frozen=True)
class Recipes:
    """The models of one metrics.json or recipes.json by name; `loss` is the run's, which all models share."""

    path: Path
    models: Mapping[str, Any]
    loss: str

    @property
    def note(self) -> str:
        """Where a recipe is from, for the tables."""
        return f"recipe of {self.path.parent.name or '.'}/{self.path.name}"

    def of(self, name: str) -> Taken:
        """The recipe of the model `name`. Errors: InputError for a model or a field that is missing."""
        trained = [
            key for key, model in self.models.items() if isinstance(model, dict) and model.get("choices")
        ]
        if name not in trained:
            raise InputError(
                f"{self.path}: no recipe of {name!r}, only of {', '.join(trained) or 'no model'}; leave it "
                "out of baselines, or derive the other run with it"
            )
        model, where = self.models[name], f"{self.path}: {name}"
        recipe = _recipe(model["recipe"], where)
        if recipe.loss != self.loss and name not in published_names():
            raise InputError(f"{where}: the recipe's loss is {recipe.loss}, this run's {self.loss}")
        lent = bool(model.get("lent"))  # files of earlier releases do not tell
        return Taken(recipe, _epochs(model, where), _choices(model, where), _fusion(model, where), lent)

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of the closed form `name`. Errors: InputError where it is missing."""
        found = self.models.get(name)
        if not isinstance(found, dict) or not isinstance(found.get("recipe"), dict):
            raise InputError(
                f"{self.path}: no settings of {name!r}; leave it out of baselines, or derive the other run "
                "with it"
            )
        return dict(found["recipe"])


def write_recipes(
    folder: Path,
    run: TrainConfig,
    genotype: str,
    contenders: Sequence[Contender],
    outcomes: Mapping[str, Sequence[Trained]],
) -> Path:
    """What was chosen, model by model, into recipes.json: all that `read_recipes` reads, and no metric."""
    by_name = {contender.name: contender for contender in contenders}
    models = {name: _chosen(by_name.get(name), trained) for name, trained in outcomes.items()}
    raw = {"version": VERSION, "protocol": {"name": "strict"}, "run": origin(run), "genotype": genotype}
    write_json(folder / FILE, raw | {"models": models})
    return folder / FILE


def _chosen(contender: Contender | None, trained: Sequence[Trained]) -> dict[str, Any]:
    fusion = None if contender is None else contender.fusion
    return {
        "recipe": trained[0].settings if contender is None else asdict(contender.recipe),
        "epochs": [one.epochs for one in trained],
        "choices": None if contender is None else contender.choices,
        "fusion": None if fusion is None else asdict(fusion),
        "lent": contender is not None and contender.lent,
    }


def read_recipes(path: Path, run: TrainConfig, genotype: str) -> Recipes:
    """The recipes of a metrics.json or recipes.json, for `run` and its genotype (its hash).

    A recipe may come only from where nothing was chosen on this run's test part: a strict run on the same
    data and split. Errors: InputError otherwise, and for a file that is none or of another version.
    """
    raw = _read(path)
    name = raw.get("protocol", {}).get("name")
    if name != "strict":
        raise InputError(f"{path}: its protocol is {name!r}; take recipes from a strict run")
    here = json.loads(json.dumps(origin(run)))
    for key, value in here.items():
        there = raw.get("run", {}).get(key)
        if there != value:
            raise InputError(
                f"{path}: {key} is {there}, and {value} here: a recipe chosen on other parts may have seen "
                "this test part; derive a run on the same data and split"
            )
    if raw.get("genotype") != genotype:
        raise InputError(
            f"{path}: it derived genotype {raw.get('genotype')}, this run has {genotype}; take recipes from "
            "a strict derivation of the same genotype (copy the run folder before deriving)"
        )
    return Recipes(path, raw.get("models", {}), run.loss.name)


def origin(run: TrainConfig) -> dict[str, Any]:
    """What decides the test part, as JSON: data and split; where the files give the test part, no seed."""
    split = asdict(run.split)
    if run.split.cold == "none":
        split = {key: value for key, value in split.items() if not key.startswith("cold")}
        if run.split.method == "given":
            return {"data": asdict(run.data), "split": {"method": "given"}, "seed": None}
    return {"data": asdict(run.data), "split": split, "seed": run.seed}


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"recipes={path}: {reason}; give the metrics.json or recipes.json of a strict run"
        ) from None
    found = raw.get("version") if isinstance(raw, dict) else None
    if found != VERSION:
        raise InputError(f"{path}: field 'version' is {found!r}; this release reads version {VERSION}")
    return raw


ADDED = ("item_dropout",)
"""Fields that files of earlier releases lack, whose default is what those did."""


def _recipe(raw: Mapping[str, Any], where: str) -> Recipe:
    known: dict[str, Any] = {item.name: item.default for item in fields(Recipe)}
    raw = {key: known[key] for key in ADDED} | dict(raw)
    for word, names in (("lacks", known.keys() - raw.keys()), ("has the unknown", raw.keys() - known.keys())):
        if names:
            raise InputError(f"{where}: the recipe {word} {', '.join(sorted(names))}")
    for key, default in known.items():
        if default is MISSING or default is None:
            continue
        kinds = (int, float) if isinstance(default, float) else (type(default),)
        if type(raw[key]) not in kinds:
            raise InputError(f"{where}: the recipe's {key} is {raw[key]!r}; give a {type(default).__name__}")
    return Recipe(**raw)


def _choices(model: Mapping[str, Any], where: str) -> dict[str, str]:
    choices = model.get("choices")
    if not isinstance(choices, dict) or not all(isinstance(name, str) for name in choices.values()):
        raise InputError(f"{where}: choices are {choices!r}; a design is slot → candidate")
    return choices


def _fusion(model: Mapping[str, Any], where: str) -> Fusion | None:
    found = model.get("fusion")
    if found is None:
        return None
    if not isinstance(found, dict) or found.keys() != {item.name for item in fields(Fusion)}:
        raise InputError(f"{where}: fusion is {found!r}; it has a name, a share and settings")
    return Fusion(**found)


def _epochs(model: Mapping[str, Any], where: str) -> int:
    epochs = model.get("epochs")
    if not isinstance(epochs, list) or not epochs or any(type(e) is not int or e < 1 for e in epochs):
        raise InputError(f"{where}: epochs are {epochs!r}; a training failed, or the file is damaged")
    return max(1, round(statistics.fmean(epochs)))
