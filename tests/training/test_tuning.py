"""Tuning proper: which values are tried first, what is passed on, what a space may hold."""

import re

import pytest

from supernet.runtime import InputError
from supernet.training.fit import Epoch, Fit
from supernet.training.recipe import Recipe
from supernet.training.tuning import TuningSettings, tune
from supernet.training.tuning_space import check_space

SPACE = {"temperature": {"low": 0.1, "high": 0.5}, "sym.left": {"low": -0.1, "high": 0.1}}


def settings(**changes):
    values = {"sampler": "tpe", "trials": 6, "seconds": None, "pruning": False, "startup": 3, "space": SPACE}
    return TuningSettings(**values | changes)


@pytest.fixture
def tried():
    return []


@pytest.fixture
def objective(tried):
    """Best at temperature .3 and a shift of −.04."""

    def train(recipe, shifts, watch):
        score = 1.0 - abs(recipe.temperature - 0.3) - abs(shifts.get("sym.left", 0.0) + 0.04)
        tried.append((recipe, dict(shifts)))
        watch(Epoch(1, 0.0, score, score, 0.0))
        return Fit(1, score, 1, 0.0, ())

    return train


def test_the_first_trial_is_the_recipe_and_the_design_as_they_are(objective, tried, tmp_path):
    recipe = Recipe(temperature=0.2)
    tune(objective, recipe, settings(), "derived", tmp_path / "journal", seed=0)
    assert len(tried) == 6
    assert tried[0] == (recipe, {"sym.left": 0.0})


def test_the_best_shifts_come_back_beside_the_recipe(objective, tried, tmp_path):
    best = tune(objective, Recipe(), settings(trials=12), "derived", tmp_path / "journal", seed=0)
    scores = [1.0 - abs(r.temperature - 0.3) - abs(s["sym.left"] + 0.04) for r, s in tried]
    recipe, shifts = tried[scores.index(max(scores))]
    assert (best.recipe, best.shifts, best.score) == (recipe, shifts, max(scores))
    assert best.recipe.temperature != Recipe().temperature
    assert shifts["sym.left"] != 0.0


def test_a_grid_walks_shifts_too(objective, tried, tmp_path):
    space = {"temperature": {"choices": [0.2, 0.3]}, "sym.left": {"choices": [-0.05, 0.0, 0.05]}}
    tune(objective, Recipe(), settings(sampler="grid", space=space), "derived", tmp_path / "journal", seed=0)
    assert len(tried) == 6
    assert {(r.temperature, s["sym.left"]) for r, s in tried} == {
        (t, s) for t in (0.2, 0.3) for s in (-0.05, 0.0, 0.05)
    }


def test_a_design_is_asked_for_the_numbers_it_has():
    assert settings().of(("unit.left",)).space.keys() == {"temperature"}
    assert settings().of(("sym.left", "sym.right")).space == SPACE


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"sym.middle": {"low": 0, "high": 0.1}}, "no candidate has a number 'sym.middle'; choose from: "),
        ({"svd.rank": {"low": 0, "high": 5}}, "no candidate has a number 'svd.rank'"),
        ({"sym.left": {"low": 0.1, "high": -0.1}}, "low and high, finite and without log"),
        ({"sym.left": {"low": 0.1, "high": 0.2, "log": True}}, "without log"),
        ({"sym.left": {"low": 0.1, "high": float("inf")}}, "finite"),
        ({"sym.left": {"choices": []}}, "choices"),
    ],
)
def test_a_shift_that_cannot_be_is_refused(space, message):
    with pytest.raises(InputError, match=re.escape(message)):
        check_space(space, "tpe")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"item_norm": {"low": 0.5, "high": 1.5}}, "item_norm: values must lie in [0, 1], found [0.5, 1.5]"),
        ({"item_norm": {"choices": [0.5, 2.0]}}, "item_norm: values must lie in [0, 1], found [0.5, 2.0]"),
        ({"edge_dropout": {"choices": [1.0]}}, "edge_dropout: values must lie in [0, 1), found [1.0]"),
    ],
)
def test_shares_lie_between_0_and_1(space, message):
    with pytest.raises(InputError, match=re.escape(message)):
        check_space(space, "tpe")


def test_shares_may_be_tuned():
    check_space({"item_norm": {"low": 0.0, "high": 1.0}}, "tpe")
    check_space({"item_norm": {"choices": [0.5, 1.0]}, "edge_dropout": {"choices": [0.0, 0.9]}}, "grid")
