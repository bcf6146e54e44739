"""Strategies on a table of scores that is known: what they ask for, what they learn, and that they repeat."""

import sys
from itertools import islice

import pytest
import torch

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.runtime import InputError
from supernet.search.explore import Budget, Evaluation, History, explore, ordered
from supernet.search.strategies import STRATEGIES
from supernet.search.strategies.evolution import POPULATION
from supernet.space import identity_of

SPACE = space_of(load_space("small"))
CHAT = None
TARGET = SPACE.sample(torch.Generator().manual_seed(99))


def agreement(choices):
    """Share of the slots that are as in the one best design."""
    return sum(choices[slot] == TARGET[slot] for slot in SPACE.choices()) / len(SPACE.choices())


@pytest.fixture(autouse=True)
def endpoint(request):
    """Where an adviser is asked, one that answers by a rule."""
    if "name" in request.fixturenames and request.getfixturevalue("name") == "advisor":
        monkeypatch = request.getfixturevalue("monkeypatch")
        monkeypatch.setattr(sys.modules[__name__], "CHAT", request.getfixturevalue("chat"))


def made(name, seed=0):
    if name == "advisor":
        CHAT.restart(seed)
    return STRATEGIES[name](SPACE, torch.Generator().manual_seed(seed))


def run(name, evaluations, seed=0, **options):
    return explore(made(name, seed), agreement, identity_of(SPACE), Budget(evaluations), **options)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_design_asked_for_is_a_point_of_the_space(name):
    strategy = made(name)
    for _ in range(30):
        choices = strategy.ask()
        assert choices.keys() == SPACE.candidates().keys()
        assert all(choices[slot] in names for slot, names in SPACE.candidates().items())
        strategy.tell(choices, agreement(choices))


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_the_same_seed_and_scores_give_the_same_designs(name):
    one, two, other = run(name, 30), run(name, 30), run(name, 30, seed=1)
    assert [row.choices for row in one] == [row.choices for row in two]
    assert [row.choices for row in one] != [row.choices for row in other]


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "random"])
def test_what_learns_is_better_than_random_search(name):
    """Means of ten seeds, on a landscape that rewards each right slot."""
    rows = {n: [run(n, 120, seed)[-1].best for seed in range(10)] for n in ("random", name)}
    means = {n: sum(values) / len(values) for n, values in rows.items()}
    assert means[name] > means["random"] + 0.05


def test_random_search_draws_all_candidates_alike():
    strategy = made("random")
    drawn = [strategy.ask()["layer1/user/convolve"] for _ in range(800)]
    names = SPACE.choices()["layer1/user/convolve"]
    for name in names:
        assert drawn.count(name) / 800 == pytest.approx(1 / len(names), abs=0.06)


def test_a_child_of_one_parent_differs_from_it_and_the_oldest_leaves():
    strategy = made("evolution")
    parent = SPACE.sample(torch.Generator().manual_seed(3))
    for _ in range(POPULATION):
        strategy.tell(parent, 1.0)
    for _ in range(20):
        child = strategy.ask()
        assert child != parent
        assert sum(child[slot] == parent[slot] for slot in SPACE.choices()) >= len(SPACE.choices()) / 2
    strategy.tell(child, 0.0)
    assert len(strategy.population) == POPULATION
    assert strategy.population[-1][0] == child


def test_a_policy_that_is_always_rewarded_for_one_design_settles_on_it():
    strategy = made("reinforce")
    for _ in range(400):
        choices = strategy.ask()
        strategy.tell(choices, agreement(choices))
    p = {slot: logits.detach().softmax(0) for slot, logits in strategy.logits.items()}
    names = SPACE.choices()
    right = [float(p[slot][names[slot].index(TARGET[slot])]) for slot in names]
    assert sum(right) / len(right) > 0.8


def test_the_curve_is_the_best_so_far_and_a_known_design_costs_nothing():
    ticks = iter(range(1000))
    seen = []

    def evaluate(choices):
        seen.append(identity_of(SPACE)(choices))
        return agreement(choices)

    rows = explore(
        made("reinforce"), evaluate, identity_of(SPACE), Budget(300), clock=lambda: float(next(ticks))
    )
    assert len(rows) == 300
    assert [row.best for row in rows] == [max(r.score for r in rows[: k + 1]) for k in range(300)]
    assert len(seen) == len(set(seen)) == sum(not row.repeated for row in rows)
    assert [row.seconds for row in rows] == [float(k + 1) for k in range(300)]


def test_no_evaluation_starts_after_the_seconds_are_spent():
    ticks = iter(range(1000))
    budget = Budget(100, seconds=5.0)
    rows = explore(made("random"), agreement, identity_of(SPACE), budget, clock=lambda: float(next(ticks)))
    assert len(rows) == 5


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_a_killed_search_goes_on_as_if_it_had_not_been(name, tmp_path):
    whole = run(name, 40)
    path = tmp_path / "evaluations.jsonl"
    run(name, 25, history=History(path))
    path.write_text(path.read_text() + '{"choices": {"lay')  # killed while writing
    rows = run(name, 40, history=History(path))
    assert [(r.choices, r.score, r.best) for r in rows] == [(r.choices, r.score, r.best) for r in whole]
    assert len(History(path).rows) == 40
    with pytest.raises(InputError, match="it is of another search"):
        run(name, 41, seed=7, history=History(path))


def test_a_damaged_history_names_its_line(tmp_path):
    path = tmp_path / "evaluations.jsonl"
    run("random", 2, history=History(path))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "nonsense", lines[1]]) + "\n")
    with pytest.raises(InputError, match=r"evaluations\.jsonl, line 2: not an evaluation"):
        History(path)


def test_designs_are_ordered_by_score_each_once():
    draws = [SPACE.sample(torch.Generator().manual_seed(k)) for k in range(3)]
    scores = [(0, 0.2), (1, 0.9), (0, 0.2), (2, 0.2)]
    rows = [Evaluation(draws[k], score, 0.9, 0.0) for k, score in scores]
    assert ordered(rows, identity_of(SPACE)) == [draws[1], draws[0], draws[2]]
    assert list(islice(ordered([], identity_of(SPACE)), 1)) == []


def test_a_strategy_is_told_scores_less_costs_and_the_rows_hold_the_scores():
    told, strategy = [], made("random")
    tell = strategy.tell
    strategy.tell = lambda choices, value: (told.append(value), tell(choices, value))
    slot, names = next(iter(SPACE.choices().items()))

    def cost(choices):
        return float(choices[slot] == names[0])

    rows = explore(strategy, lambda c: 0.5, identity_of(SPACE), Budget(12), cost=cost)
    assert {row.score for row in rows} == {0.5}
    assert told == [0.5 - cost(row.choices) for row in rows]
    assert set(told) == {0.5, -0.5}
    best = ordered(rows, identity_of(SPACE), cost)
    assert [cost(choices) for choices in best] == sorted(cost(choices) for choices in best)
