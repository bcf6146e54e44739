"""Tuning proper: which values are tried first, what is passed on, what a space may hold."""

import datetime
import re
from dataclasses import replace

import optuna
import pytest

from supernet.runtime import InputError
from supernet.training import study
from supernet.training.fit import Epoch, Fit
from supernet.training.recipe import Recipe
from supernet.training.study import TuningSettings
from supernet.training.tuning import Point, tune
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

    def train(point, watch):
        recipe, _, shifts = point
        score = 1.0 - abs(recipe.temperature - 0.3) - abs(shifts.get("sym.left", 0.0) + 0.04)
        tried.append(point)
        watch(Epoch(1, 0.0, score, score, 0.0))
        return Fit(1, score, 1, 0.0, ())

    return train


def test_the_first_trial_is_the_recipe_and_the_design_as_they_are(objective, tried, tmp_path):
    recipe = Recipe(temperature=0.2)
    tune(objective, [Point(recipe)], settings(), "derived", tmp_path / "journal", seed=0)
    assert len(tried) == 6
    assert tried[0] == (recipe, 0, {"sym.left": 0.0})


def test_the_best_shifts_come_back_beside_the_recipe(objective, tried, tmp_path):
    best = tune(objective, [Point(Recipe())], settings(trials=12), "derived", tmp_path / "journal", seed=0)
    scores = [1.0 - abs(r.temperature - 0.3) - abs(s["sym.left"] + 0.04) for r, _, s in tried]
    recipe, _, shifts = tried[scores.index(max(scores))]
    assert (best.point, best.score) == ((recipe, 0, shifts), max(scores))
    assert recipe.temperature != Recipe().temperature
    assert shifts["sym.left"] != 0.0


@pytest.mark.parametrize("loss", ["bsl", "softmax"])
def test_the_temperature_of_positives_goes_with_that_of_negatives(loss, objective, tried, tmp_path):
    """The authors' ratio of the two is what bsl is tuned at, unless somebody opens both."""
    recipe = Recipe(loss=loss, temperature=0.2, positive_temperature=0.18)
    best = tune(objective, [Point(recipe)], settings(), "derived", tmp_path / "journal", seed=0).point
    assert tried[0].recipe == recipe, "to the bit"
    assert len({point.recipe.temperature for point in tried}) > 3
    for own in (*(point.recipe for point in tried), best.recipe):
        ratio = 0.9 * own.temperature if loss == "bsl" else 0.18
        assert own.positive_temperature == pytest.approx(ratio)
    both = {"temperature": {"choices": [0.4]}, "positive_temperature": {"choices": [0.1]}}
    tune(objective, [Point(recipe)], settings(space=both, trials=1), "both", tmp_path / "journal", seed=0)
    assert (tried[-1].recipe.temperature, tried[-1].recipe.positive_temperature) == (0.4, 0.1)


def test_a_grid_walks_shifts_too(objective, tried, tmp_path):
    space = {"temperature": {"choices": [0.2, 0.3]}, "sym.left": {"choices": [-0.05, 0.0, 0.05]}}
    tune(
        objective,
        [Point(Recipe())],
        settings(sampler="grid", space=space),
        "derived",
        tmp_path / "journal",
        seed=0,
    )
    assert len(tried) == 6
    assert {(r.temperature, s["sym.left"]) for r, _, s in tried} == {
        (t, s) for t in (0.2, 0.3) for s in (-0.05, 0.0, 0.05)
    }


def test_points_named_first_are_tried_in_order_and_once(objective, tried, tmp_path):
    first = [
        Point(Recipe(temperature=0.2)),
        Point(Recipe(temperature=0.4), 1),
        Point(Recipe(temperature=0.4), 1),
    ]
    space = settings().of(("sym.left",), designs=3)
    best = tune(objective, first, replace(space, trials=2), "derived", tmp_path / "journal", seed=0)
    assert [(p.recipe.temperature, p.design) for p in tried] == [(0.2, 0), (0.4, 1)]
    assert best.point.recipe.temperature == pytest.approx(0.2)
    tune(objective, first, replace(space, trials=9), "derived", tmp_path / "journal", seed=0)
    assert len(tried) == 9, "those of the first call count, and the first points are not tried again"
    assert {p.design for p in tried} == {0, 1, 2}
    assert all(p[::2] not in [q[::2] for q in tried[:2]] for p in tried[2:])


class Clock:
    """Of which every trial takes ten seconds."""

    def __init__(self, objective):
        self.now, self.objective = 1000.0, objective

    def perf_counter(self):
        return self.now

    def train(self, point, watch):
        self.now += 10.0
        return self.objective(point, watch)


@pytest.fixture
def clock(objective, monkeypatch):
    """The clock of the tunings and of Optuna's own bound."""
    found = Clock(objective)
    monkeypatch.setattr(study.time, "perf_counter", found.perf_counter)
    real = optuna.study.Study.optimize

    def bounded(self, function, n_trials, timeout, catch):
        ends = None if timeout is None else found.now + timeout

        def stopping(trial):
            value = function(trial)
            if ends is not None and found.now >= ends:
                self.stop()
            return value

        real(self, stopping, n_trials=n_trials, catch=catch)

    monkeypatch.setattr(optuna.study.Study, "optimize", bounded)
    return found


def test_seconds_that_were_spent_before_a_kill_count(clock, tried, tmp_path):
    budget, same = settings(trials=9, seconds=35.0), (tmp_path / "journal", 0)
    start = [Point(Recipe())]

    def dies(point, watch):
        if len(tried) == 2:
            raise KeyboardInterrupt
        return clock.train(point, watch)

    with pytest.raises(KeyboardInterrupt):
        tune(dies, start, budget, "derived", *same)
    clock.now += 5000.0
    best = tune(clock.train, start, budget, "derived", *same)
    assert len(tried) == 4, "two before and two after"
    assert (best.finished, best.seconds) == (4, 40.0), "the killed one and the pause are not known"
    again = tune(clock.train, start, budget, "derived", *same)
    assert (len(tried), again) == (4, best), "a budget that is spent is not spent again"
    tune(clock.train, start, settings(trials=9, seconds=45.0), "derived", *same)
    assert len(tried) == 5, "a larger one is"


def test_a_diverged_trial_costs_its_seconds(clock, tried, tmp_path):
    def train(point, watch):
        fitted = clock.train(point, watch)
        if len(tried) == 2:
            raise FloatingPointError
        return fitted

    best = tune(
        train, [Point(Recipe())], settings(trials=9, seconds=30.0), "derived", tmp_path / "journal", 0
    )
    assert (len(tried), best.finished, best.seconds) == (3, 2, 30.0)


GRID = {"temperature": {"choices": [0.2, 0.3]}, "sym.left": {"choices": [-0.05, 0.0, 0.05]}}


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
@pytest.mark.parametrize("diverges", [0, 3, 5])
@pytest.mark.parametrize("dies", [0, 2, 5])
def test_killed_and_resumed_there_are_as_many_trials_as_never_stopped(
    objective, tried, tmp_path, sampler, diverges, dies
):
    """Those that diverged count, the one that was killed does not; of a grid every point is tried."""
    budget = settings(sampler=sampler, space=GRID, trials=6)
    runs, deaths = [], []

    def train(point, watch):
        runs.append(point)
        if len(tried) + len(deaths) == dies and not deaths:
            deaths.append(point)
            raise KeyboardInterrupt
        found = objective(point, watch)
        if len(tried) == diverges + 1:
            raise FloatingPointError
        return found

    start = [Point(Recipe(temperature=0.2))]
    with pytest.raises(KeyboardInterrupt):
        tune(train, start, budget, "derived", tmp_path / "journal", seed=0)
    best = tune(train, start, budget, "derived", tmp_path / "journal", seed=0)
    assert (len(tried), best.finished + best.pruned) == (6, 5)
    if sampler == "grid":
        assert len({(recipe.temperature, shifts["sym.left"]) for recipe, _, shifts in tried}) == 6
    tune(train, start, budget, "derived", tmp_path / "journal", seed=0)
    assert len(tried) == 6


def test_trials_of_an_earlier_release_count_by_their_dates():
    begun = datetime.datetime(2026, 1, 1)
    trial = optuna.trial.create_trial(value=0.5)
    trial.datetime_start, trial.datetime_complete = begun, begun + datetime.timedelta(seconds=12)
    older = optuna.create_study()
    older.add_trial(trial)
    assert study.seconds_of(older) == 12.0


def test_a_killed_first_trial_is_tried_again(objective, tried, tmp_path):
    def killed(point, watch):
        raise KeyboardInterrupt

    first = [Point(Recipe(temperature=0.2)), Point(Recipe(temperature=0.4))]
    with pytest.raises(KeyboardInterrupt):
        tune(killed, first, settings(), "derived", tmp_path / "journal", seed=0)
    tune(objective, first, settings(), "derived", tmp_path / "journal", seed=0)
    assert sorted(p.recipe.temperature for p in tried[:2]) == [0.2, 0.4]
    assert len(tried) == 6


def test_several_designs_are_a_key_of_the_space():
    assert settings().of(("sym.left",), designs=2).space == {
        "temperature": SPACE["temperature"],
        "sym.left": SPACE["sym.left"],
        "design": {"choices": [0, 1]},
    }
    assert settings().of(("sym.left",), Recipe(loss="bpr")).space == {"sym.left": SPACE["sym.left"]}


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
