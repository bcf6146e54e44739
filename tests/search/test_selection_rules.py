"""Rules that ask the supernet, and successive halving, on scores that are known."""

from dataclasses import replace

import pytest
import torch

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.search.selection import SELECTIONS, Trials, halving, one_hot
from supernet.search.selection.inherited import certainty, without

SPACE = space_of(load_space("small"))
OPEN = SPACE.choices()
TARGET = {slot: len(names) - 1 for slot, names in OPEN.items()}


def even():
    return {slot: torch.full((len(names),), 1 / len(names)) for slot, names in OPEN.items()}


def weight_on_target(mixture):
    """The supernet ranks by how much of every slot is the last candidate."""
    return sum(float(p[TARGET[slot]]) for slot, p in mixture.items())


def trials(mixed=weight_on_target, train=None, history=(), **changes):
    generator = torch.Generator().manual_seed(0)
    made = Trials(train, mixed, generator, [], pool=5, steps=2, history=list(history))
    return replace(made, **changes)


@pytest.mark.parametrize("name", ["perturbation", "greedy"])
def test_the_candidate_that_the_ranking_needs_is_chosen_whatever_its_weight(name):
    mixture = {slot: torch.linspace(1, 0.1, len(names)) for slot, names in OPEN.items()}
    mixture = {slot: p / p.sum() for slot, p in mixture.items()}  # the last candidate has the least weight
    (design,) = SELECTIONS[name](SPACE, mixture, trials())
    assert design.keys() == SPACE.candidates().keys()
    assert all(design[slot] == OPEN[slot][TARGET[slot]] for slot in OPEN)


@pytest.mark.parametrize("name", ["perturbation", "greedy"])
def test_candidates_that_the_supernet_does_not_compute_are_not_judged(name):
    dropped = {slot: frozenset([TARGET[slot]]) for slot in OPEN}
    mixture = {slot: torch.ones(len(names)) for slot, names in OPEN.items()}
    for slot, p in mixture.items():
        p[TARGET[slot]] = 0.0
        mixture[slot] = p / p.sum()

    def mixed(mixture):
        assert all(float(p[TARGET[slot]]) == 0.0 for slot, p in mixture.items() if len(p) > 2)
        return 0.0

    (design,) = SELECTIONS[name](SPACE, mixture, trials(mixed, dropped=dropped))
    assert all(design[slot] != OPEN[slot][TARGET[slot]] for slot in OPEN)


@pytest.mark.parametrize("name", ["perturbation", "greedy"])
def test_slots_decided_earlier_are_decided_for_the_later(name):
    seen = []

    def mixed(mixture):
        seen.append(sum(float(p.max()) == 1.0 for p in mixture.values()))
        return weight_on_target(mixture)

    SELECTIONS[name](SPACE, even(), trials(mixed))
    sizes = sum(len(names) for names in OPEN.values())
    assert len(seen) == sizes
    assert max(seen) >= len(OPEN) - 1
    assert seen == sorted(seen)


def test_greedy_begins_with_the_slot_that_is_decided_and_has_not_changed():
    a, b, c = list(OPEN)[:3]
    decided, turned = one_hot(len(OPEN[a]), 0), one_hot(len(OPEN[b]), 0)
    mixture = even() | {a: 0.9 * decided + 0.1 / len(decided), b: 0.9 * turned + 0.1 / len(turned)}
    past = dict(mixture) | {b: 0.9 * one_hot(len(turned), 1) + 0.1 / len(turned)}
    given = trials(history=[past, mixture])
    assert certainty(a, mixture, given) > certainty(b, mixture, given) > certainty(c, mixture, given)
    assert certainty(c, mixture, given) == pytest.approx(0.0, abs=1e-6)
    assert certainty(a, mixture, trials()) == pytest.approx(certainty(a, mixture, given))


def test_a_mixture_without_a_candidate_keeps_the_shares_of_the_others():
    p = torch.tensor([0.5, 0.3, 0.2])
    torch.testing.assert_close(without(p, 0), torch.tensor([0.0, 0.6, 0.4]))
    torch.testing.assert_close(without(torch.tensor([0.0, 1.0, 0.0]), 1), torch.tensor([0.5, 0.0, 0.5]))


def test_inherited_scores_are_of_the_decided_mixture():
    design = {slot: names[0] for slot, names in SPACE.candidates().items()}
    assert trials().inherited(SPACE, design) == 0.0
    best = design | {slot: names[-1] for slot, names in OPEN.items()}
    assert trials().inherited(SPACE, best) == len(OPEN)


def test_sampled_keeps_the_best_paths_and_trains_them():
    trained = []

    def train(design, steps):
        trained.append((steps, tuple(design.values())))
        return sum(design[slot] == OPEN[slot][0] for slot in OPEN)  # training disagrees with the supernet

    known = [{slot: names[0] for slot, names in SPACE.candidates().items()}]
    chosen = SELECTIONS["sampled"](SPACE, even(), trials(train=train, known=known))
    assert chosen[0] == known[0], "what trains best wins, though the supernet ranks it last"
    first = [design for steps, design in trained if steps == 2]
    assert len(first) == 6
    slots = list(SPACE.candidates())
    agree = [sum(d[slots.index(s)] == OPEN[s][-1] for s in OPEN) for d in first[:5]]
    assert min(agree) > len(OPEN) / 3, "the pool is the best of forty paths"


def test_screened_trains_the_best_of_many_drawn_beside_what_is_known():
    asked, trained = [], []

    def mixed(mixture):
        asked.append({slot: OPEN[slot][int(p.argmax())] for slot, p in mixture.items()})
        return weight_on_target(mixture)

    def train(design, steps):
        trained.append((steps, design))
        return float(steps)

    known = [{slot: names[0] for slot, names in SPACE.candidates().items()}]
    SELECTIONS["screened"](SPACE, even(), trials(mixed, train, known=known, pool=5))
    first = [design for steps, design in trained if steps == 2]
    assert first[0] == known[0], "of even weights the largest is the first, which is known too"
    assert len(first) == 5
    drawn = asked[:8]  # two for each of the four places
    assert len({tuple(design.values()) for design in drawn}) == 8

    def on_target(designs):
        return sorted(sum(d[slot] == OPEN[slot][-1] for slot in OPEN) for d in designs)

    assert on_target(first[1:]) == on_target(drawn)[-4:]
    second = [design for steps, design in trained if steps == 6]
    assert second[:2] == first[:2], "two of five stay, each with two neighbours"
    assert len(second) == 6
    assert on_target(second[2:]) == on_target(asked[8:])[-4:]


def test_more_known_designs_than_places_are_all_trained():
    trained = []
    known = [SPACE.sample(torch.Generator().manual_seed(k)) for k in range(7)]

    def train(design, steps):
        trained.append((steps, tuple(design.values())))
        return 0.0

    SELECTIONS["screened"](SPACE, even(), trials(train=train, known=known, pool=3))
    first = {design for steps, design in trained if steps == 2}
    assert {tuple(design.values()) for design in known} < first
    assert len(first) == 8


def test_successive_halving_trains_thirds_three_times_as_long():
    pool = [{"a": str(k)} for k in range(10)]
    asked = []

    def train(design, steps):
        asked.append((int(design["a"]), steps))
        return -abs(int(design["a"]) - 4) + (0.5 if design["a"] == "5" and steps > 3 else 0)

    found = [int(design["a"]) for design in halving(pool, trials(train=train), 3)]
    assert found[:2] == [4, 5]
    assert sorted(found) == list(range(10))
    assert [len([1 for _, steps in asked if steps == s]) for s in (3, 9, 27)] == [10, 4, 2]


@pytest.mark.parametrize("name", ["rescored", "sampled", "screened"])
def test_a_candidate_that_was_dropped_is_not_drawn_again(name):
    slot = next(slot for slot, names in OPEN.items() if len(names) > 2)
    lost, seen = OPEN[slot][0], []

    def train(choices, steps):
        seen.append(choices[slot])
        return 0.0

    mixture = even()
    mixture[slot] = (torch.arange(len(OPEN[slot])) > 0) / (len(OPEN[slot]) - 1)
    looked = trials(train=train, dropped={slot: frozenset([0])}, known=[], pool=9, steps=3)
    SELECTIONS[name](SPACE, mixture, looked)
    assert seen
    assert lost not in seen


def test_what_is_screened_is_screened_by_score_less_cost():
    slot = next(iter(OPEN))
    dear, seen = OPEN[slot][0], []

    def train(choices, steps):
        seen.append(choices)
        return 0.0

    looked = trials(
        lambda mixture: 0.5, train=train, known=[], pool=9, steps=3,
        cost=lambda choices: float(choices[slot] == dear),
    )  # fmt: skip
    mixture = even()
    mixture[slot] = one_hot(len(OPEN[slot]), 1)
    SELECTIONS["screened"](SPACE, mixture, looked)
    assert sum(choices[slot] == dear for choices in seen[1:]) == 0
