"""A contender's own tuning: as many trials for every model."""

import logging
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from supernet.config import load_space
from supernet.pipeline.choices import choose
from supernet.pipeline.stages import recipe_of, space_of
from supernet.pipeline.tuned import tuned
from supernet.training.fit import Fit
from tests.pipeline.test_choices import GENOTYPE, compose, run


@pytest.mark.parametrize("sampler", ["grid", "tpe", "random"])
def test_the_derived_model_has_no_more_trials_than_the_others(sampler, tmp_path):
    derive = compose("derive", "run=x", f"tuning={sampler}", "tuning.pruning=false", "tuning.trials=8")
    designs, count = [space_of(load_space(name)) for name in ("mf", "lightgcn", "gcn")], []

    def train(space, recipe, seed, watch, start):
        count[-1] += 1
        return None, Fit(1, 0.5, 1, 0.0, ())

    bench = SimpleNamespace(run=run(), derive=derive, train=train, start_of=lambda name: None, start=None)
    for name, own in (("lightgcn", designs[1:2]), ("derived", designs)):
        count.append(0)
        found = tuned(bench, name, own, tmp_path / "journal", 0, logging.getLogger())
        assert found.tuned.finished == count[-1]
    assert count == [8, 8]


@pytest.mark.parametrize("trials", [0, 3])
def test_a_concat_readout_is_trained_without_the_contrast_and_says_so(trials, tmp_path):
    """The run's space cannot have both, but a baseline may: ngcf."""
    derive = compose(
        "derive", "run=x", f"tuning.trials={trials}", "+tuning.space.contrast={choices: [0.0, 0.1]}"
    )
    recipes = []

    def train(space, recipe, seed, watch, start):
        recipes.append(recipe)
        return None, Fit(1, 0.5, 1, 0.0, ())

    bench = SimpleNamespace(
        run=run("loss.contrast=0.2"), derive=derive, train=train, start_of=lambda name: None, start=None
    )
    like = replace(recipe_of(bench.run), contrast=0.1)
    for name, contrasts in (("ngcf", {0.0}), ("lightgcn", {0.0, 0.1, 0.2})):
        recipes.clear()
        own = [space_of(load_space(name))]
        found = tuned(bench, name, own, tmp_path / "journal", 0, logging.getLogger(), like)
        assert {recipe.contrast for recipe in recipes} <= contrasts
        assert ("without the contrast" in found.note) == (name == "ngcf")
        assert name == "lightgcn" or found.recipe.contrast == 0.0
        assert len(recipes) == trials


def test_untuned_baselines_take_a_recipe_that_they_can_have(tmp_path):
    config = compose("derive", "run=x", "baselines=[ngcf,gcn]", "tune=[]", "random_genotypes=0")
    bench = SimpleNamespace(run=run("loss.contrast=0.2"), derive=config, start=None)
    found = {c.name: c for c in choose(bench, GENOTYPE, None, None, logging.getLogger())}
    assert (found["ngcf"].recipe.contrast, found["gcn"].recipe.contrast) == (0.0, 0.2)
    assert (
        found["ngcf"].note == "the run's recipe; without the contrast, which its concat read-out cannot have"
    )


def test_a_tuning_goes_on_for_so_many_seconds_and_ends_alike_when_asked_again(tmp_path, monkeypatch):
    """The trials that were made by the settings count, and their seconds."""
    derive = compose("derive", "run=x", "tuning=random", "tuning.pruning=false", "tuning.trials=3")
    recipes, clock = [], [0.0]
    monkeypatch.setattr("supernet.training.study.time.perf_counter", lambda: clock[0])

    def train(space, recipe, seed, watch, start):
        recipes.append(recipe)
        clock[0] += 10.0
        time.sleep(0.01)  # Optuna's own clock stops it, after a second
        return None, Fit(1, 0.5 + len(recipes) / 1e6, 1, 0.0, ())

    bench = SimpleNamespace(run=run(), derive=derive, train=train, start_of=lambda name: None, start=None)
    same = bench, "lightgcn", [space_of(load_space("lightgcn"))], tmp_path / "journal", 0, logging.getLogger()
    assert tuned(*same).tuned.finished == 3
    found = tuned(*same, seconds=31.0)
    assert found.tuned.finished == len(recipes) > 4
    assert recipes[:3] != recipes[3:6]
    assert found.note == f"tuned: {len(recipes)} random trials in the seconds of the derived model"
    made = len(recipes)
    assert tuned(*same, seconds=31.0).tuned.finished == made == len(recipes)
    assert tuned(*same, seconds=20.0).tuned.finished == made == len(recipes)


def test_numbers_of_lightgcn_pp_are_tuned_in_any_depth(tmp_path):
    derive, asked = compose("derive", "run=x", "tuning.trials=3", "tuning.sampler=random"), []

    def train(space, recipe, seed, watch, start):
        asked.append(space.fingerprint())
        return None, Fit(1, 0.5, 1, 0.0, ())

    bench = SimpleNamespace(run=run(), derive=derive, train=train, start_of=lambda name: None)
    for name, several in (("lightgcn_pp", True), ("lightgcn_pp(1)", True), ("lightgcn(1)", False)):
        asked.clear()
        own = [space_of(load_space(name))]
        tuned(bench, name, own, tmp_path / "journal", 0, logging.getLogger())
        assert (len(set(asked)) > 1) == several, name
