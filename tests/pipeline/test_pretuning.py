"""The recipe that LightGCN chooses before a search: what is tried, what is taken, and who reads it."""

import json
import logging
from types import SimpleNamespace

import pytest
import torch

from supernet.config import load_train_config, typed
from supernet.pipeline import pretuning, search
from supernet.pipeline.pretuning import pretuned
from supernet.runtime import InputError

from .test_methods_run import Killed, composed, killed, result, run

ASKED = ["loss.temperature=0.2", "search.pretune_temperatures=[0.5,2]", "search.pretune_lrs=[1,3]"]
LOG = logging.getLogger("pretuning")


@pytest.fixture
def choose(clicks, small, tmp_path, monkeypatch):
    """(score of a recipe, overrides) → what is chosen, and the recipes that were trained, in order."""

    def chosen(score, *overrides):
        asked = []

        def trained(config, data, space, recipe, *rest):
            asked.append((round(recipe.temperature, 4), round(recipe.lr, 4)))
            return None, SimpleNamespace(best_score=score(recipe), best_epoch=1, seconds=2.0)

        monkeypatch.setattr(pretuning, "train_model", trained)
        config = typed(composed(clicks, small, tmp_path / "run", ["training.lr=0.01", *overrides]))
        found, trials = pretuned(config, None, None, torch.device("cpu"), LOG)
        assert [(round(trial.temperature, 4), round(trial.lr, 4)) for trial in trials] == asked
        return found, asked

    return chosen


def test_the_best_temperature_comes_first_and_the_learning_rate_at_it(choose):
    config, asked = choose(
        lambda recipe: -((recipe.temperature - 0.4) ** 2) - (recipe.lr - 0.03) ** 2, *ASKED
    )
    assert asked == [(0.2, 0.01), (0.1, 0.01), (0.4, 0.01), (0.4, 0.03)], "each once"
    assert (config.loss.temperature, config.training.lr) == pytest.approx((0.4, 0.03))
    assert config.loss.positive_temperature == pytest.approx(0.4), "bsl's goes with it"


def test_the_recipe_stays_where_nothing_is_better(choose):
    config, asked = choose(lambda recipe: 0.5, *ASKED)
    assert len(asked) == 4
    assert (config.loss.temperature, config.training.lr) == (0.2, 0.01)


def test_learning_rates_alone_are_compared_with_the_recipes_own(choose):
    config, asked = choose(lambda recipe: recipe.lr, "search.pretune_lrs=[0.5]", "loss=bpr")
    assert [lr for _, lr in asked] == [0.01, 0.005]
    assert config.training.lr == 0.01


def test_nothing_is_trained_where_nothing_is_asked_for(choose):
    config, asked = choose(lambda recipe: 1.0)
    assert asked == []
    assert config.training.lr == 0.01


def test_a_recipe_that_diverges_is_not_taken(choose):
    def score(recipe):
        if recipe.temperature > 0.3:
            raise FloatingPointError
        return 0.1

    assert choose(score, *ASKED[:2])[0].loss.temperature == 0.2


def test_the_run_is_searched_and_derived_with_the_chosen_recipe(clicks, small, tmp_path, monkeypatch):
    """It is written down once: a search that is killed later takes it as it is."""
    real, recipes = search.Search, []
    monkeypatch.setattr(search, "Search", lambda *rest: recipes.append(rest[3]) or real(*rest))
    whole = run(clicks, small, tmp_path / "whole", ASKED)
    found = json.loads((whole / "pretuned.json").read_text())
    assert [trial["temperature"] for trial in found["trials"]] == pytest.approx(
        [0.2, 0.1, 0.4, found["loss"]["temperature"]]
    )
    best = max(found["trials"], key=lambda trial: trial["score"])
    config = load_train_config(whole)
    for recipe in (recipes[0], config.loss):
        assert recipe.temperature == best["temperature"] == found["loss"]["temperature"]
    assert recipes[0].lr == config.training.lr == best["lr"] == found["training"]["lr"]
    with monkeypatch.context() as patch:
        killed(patch, search, "make_model", 1)
        with pytest.raises(Killed):
            run(clicks, small, tmp_path / "killed", ASKED)
    monkeypatch.setattr(pretuning, "train_model", None)
    folder = search.run_search(load_train_config(tmp_path / "killed"), "", tmp_path / "killed")
    assert result(folder) == result(whole)
    assert recipes[-1] == recipes[0]
    spent = sum(trial["seconds"] for trial in json.loads((folder / "pretuned.json").read_text())["trials"])
    assert json.loads((folder / "genotype.json").read_text())["metrics"]["seconds"] > spent
    told = json.loads((folder / "search.json").read_text())["pretuned"]
    assert told["loss"]["temperature"] == found["loss"]["temperature"]


def test_a_file_that_is_no_recipe_is_named(clicks, small, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("")
    (folder / "pretuned.json").write_text('{"loss": {}}')
    with pytest.raises(
        InputError, match=r"pretuned\.json: cannot be read: KeyError\('training'\); search anew"
    ):
        load_train_config(folder)
