"""A contender's own tuning: as many trials for every model."""

import logging
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

    bench = SimpleNamespace(run=run(), derive=derive, train=train, start_of=lambda name: None)
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
        run=run("loss.contrast=0.2"), derive=derive, train=train, start_of=lambda name: None
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
    bench = SimpleNamespace(run=run("loss.contrast=0.2"), derive=config)
    found = {c.name: c for c in choose(bench, GENOTYPE, None, None, logging.getLogger())}
    assert (found["ngcf"].recipe.contrast, found["gcn"].recipe.contrast) == (0.0, 0.2)
    assert (
        found["ngcf"].note == "the run's recipe; without the contrast, which its concat read-out cannot have"
    )
