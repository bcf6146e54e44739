"""A contender's own tuning: as many trials for every model."""

import logging
from types import SimpleNamespace

import pytest

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.pipeline.tuned import tuned
from supernet.training.fit import Fit
from tests.pipeline.test_choices import compose, run


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
