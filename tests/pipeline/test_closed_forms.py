"""The choice of a closed form's settings: on valid, defaults first, within the budget, resumed."""

import logging
from dataclasses import replace

import optuna
import pytest
import torch
from optuna.storages.journal import JournalFileBackend, JournalStorage

from supernet.config import DeriveConfig, TrainConfig, load_train_config
from supernet.config.derive_schemas import TuningConfig
from supernet.evaluation.baselines import BASELINES, Baseline
from supernet.pipeline.bench import Bench
from supernet.pipeline.closed_forms import choose_settings
from supernet.pipeline.stages import load_data
from supernet.training.study import TuningSettings

BUDGET = TuningSettings(sampler="tpe", trials=4, seconds=None, pruning=True, startup=2, space={})
LOG = logging.getLogger("test")


@pytest.fixture(scope="module")
def run(finished) -> TrainConfig:
    return load_train_config(finished)


@pytest.fixture(scope="module")
def data(run):
    return load_data(run).without("test")  # whoever looks at test gets a KeyError


@pytest.fixture
def planted(monkeypatch, data):
    """A baseline whose scores are best for strength = 4, with the calls it got."""
    calls = []
    valid = torch.zeros(data.n_users, data.n_items)
    valid[data.parts["valid"].users, data.parts["valid"].items] = 1.0
    noise = torch.rand(valid.shape, generator=torch.Generator().manual_seed(0))

    def fit(train, n_users, n_items, strength=1):
        calls.append((train, strength))
        if strength == 3:
            raise FloatingPointError("diverged")
        return lambda users: (valid[users] + noise[users] / (0.1 if strength < 4 else 10)).clone()

    entry = Baseline(fit, {"strength": {"choices": [1, 2, 3, 4]}}, lambda n_items: "planted")
    monkeypatch.setitem(BASELINES._parts, "planted", entry)
    return calls


def choose(run, data, journal, **budget):
    return choose_settings("planted", run, data, replace(BUDGET, **budget), journal, 0, LOG)


def test_the_best_on_valid_is_chosen_and_fits_see_train_and_alpha_alone(planted, run, data, tmp_path):
    chosen = choose(run, data, tmp_path / "journal", trials=15)
    assert chosen.values == {"strength": 4}
    assert chosen.score == pytest.approx(1.0)
    train = data.pairs(["train", "alpha"])
    assert all(torch.equal(seen.items, train.items) for seen, _ in planted)
    assert all(torch.equal(seen.users, train.users) for seen, _ in planted)


def test_the_defaults_are_tried_first_and_trials_are_bounded(planted, run, data, tmp_path):
    chosen = choose(run, data, tmp_path / "journal", trials=1)
    assert [strength for _, strength in planted] == [1]
    assert (chosen.values, chosen.trials) == ({"strength": 1}, 1)
    none = choose(run, data, tmp_path / "other", trials=5, seconds=0.0)
    assert len(planted) == 1  # no trial starts after the bound
    assert (none.values, none.trials) == ({"strength": 1}, 0)


def test_a_tuning_that_was_stopped_goes_on(planted, run, data, tmp_path):
    choose(run, data, tmp_path / "journal", trials=2)
    choose(run, data, tmp_path / "journal", trials=5)
    study = optuna.load_study(
        study_name=None, storage=JournalStorage(JournalFileBackend(str(tmp_path / "journal")))
    )
    states = [trial.state.name for trial in study.trials]
    assert states.count("COMPLETE") == len([s for _, s in planted if s != 3]) >= 2
    fits = len(planted)
    again = choose(run, data, tmp_path / "journal", trials=states.count("COMPLETE"))
    assert len(planted) == fits
    assert again.seconds > 0


def test_no_trials_and_no_space_leave_the_defaults(planted, run, data, tmp_path):
    assert choose(run, data, tmp_path / "journal", trials=0).values == {"strength": 1}
    pop = choose_settings("pop", run, data, BUDGET, tmp_path / "journal", 0, LOG)
    assert (pop.values, pop.trials) == ({}, 0)
    assert not planted
    assert not (tmp_path / "journal").exists()


def test_a_fit_that_fails_is_a_row_and_not_the_end_of_the_run(planted, run, data, tmp_path, monkeypatch):
    entry = BASELINES["planted"]
    monkeypatch.setitem(BASELINES._parts, "planted", replace(entry, space={}, fit=_diverge))
    derive = DeriveConfig(tuning=_tuning(trials=0))
    trained = Bench(data, run, derive, torch.device("cpu")).closed_form(
        "planted", None, tmp_path / "journal", LOG
    )
    assert trained.failure == "no inverse"
    assert (trained.lists == -1).all()


def test_the_chosen_settings_are_fitted_to_all_that_is_known(planted, run, data, tmp_path):
    derive = DeriveConfig(tuning=_tuning(trials=15))
    trained = Bench(data, run, derive, torch.device("cpu")).closed_form(
        "planted", None, tmp_path / "journal", LOG
    )
    assert trained.settings == {"strength": 4}
    assert trained.note.startswith("planted; tuned: ")
    assert trained.tuning_seconds > 0
    last, strength = planted[-1]
    assert strength == 4
    assert torch.equal(last.items, data.pairs(["train", "alpha", "valid"]).items)


def test_what_is_left_untuned_has_its_default_settings_and_says_so(planted, run, data, tmp_path):
    derive = DeriveConfig(tuning=_tuning(trials=15), untuned=["planted"])
    bench = Bench(data, run, derive, torch.device("cpu"))
    trained = bench.closed_form("planted", None, tmp_path / "journal", LOG)
    assert (trained.settings, trained.note) == ({"strength": 1}, "planted; the default settings, untuned")
    assert len(planted) == 1, "it is fitted once"
    taken = bench.closed_form("planted", {"strength": 2}, tmp_path / "journal", LOG)
    assert (taken.settings, taken.note) == ({"strength": 2}, "planted"), "recipes of another run count"


def _diverge(train, n_users, n_items):
    raise FloatingPointError("no inverse")


def _tuning(trials):
    return TuningConfig(trials=trials, startup=4)
