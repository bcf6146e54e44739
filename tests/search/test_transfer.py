"""Alphas of another search by names, and its genotype as a design of the new space."""

import math

import pytest
import torch

from supernet.search.transfer import point_of, start_alphas, unmatched
from supernet.space import Genotype, SearchSpace


def space_of(aggregate=("sum", "mean", "sym"), readout=("last", "mean"), layers=1, **more):
    return SearchSpace(layers, aggregate, ("light",), ("identity",), readout, **more)


def genotype(space, **choices):
    chosen = {slot: choices.get(slot, names[0]) for slot, names in space.candidates().items()}
    return Genotype(chosen, space.layers, space.tie_sides, space.relations, space.fingerprint(), {}, {}, 0)


SLOT = "layer1/user/interactions/aggregate"


def test_the_same_space_takes_all_times_the_strength():
    known = {SLOT: {"sum": 0.3, "mean": -0.2, "sym": 1.0}, "readout": {"last": 0.5, "mean": 0.1}}
    found = start_alphas(space_of(), known, 2.0)
    assert found.keys() == known.keys()
    assert found[SLOT].tolist() == pytest.approx([0.6, -0.4, 2.0])
    assert found["readout"].tolist() == pytest.approx([1.0, 0.2])


def test_new_candidates_begin_at_the_mean_and_lost_ones_do_not_count():
    known = {SLOT: {"sym": 1.0, "max": 50.0, "sum": -0.5}, "layer9/user/convolve": {"light": 1.0, "gcn": 0.0}}
    found = start_alphas(space_of(("mean", "sum", "sym", "unit")), known, 1.0)
    assert found.keys() == {SLOT}
    assert found[SLOT].tolist() == pytest.approx([0.25, -0.5, 1.0, 0.25])


def test_the_mixture_of_what_both_have_is_the_others_among_them():
    known = {SLOT: {"sum": 0.3, "mean": -0.2, "sym": 1.0}}
    alpha = start_alphas(space_of(("sym", "none", "sum", "mean")), known, 1.0)[SLOT]
    p = alpha.softmax(0)[[2, 3, 0]]
    expected = torch.tensor([0.3, -0.2, 1.0]).softmax(0)
    torch.testing.assert_close(p / p.sum(), expected)


def test_one_candidate_in_common_says_nothing():
    assert start_alphas(space_of(("sum", "unit")), {SLOT: {"sum": 3.0, "mean": 0.0}}, 1.0) == {}


def test_a_dropped_candidate_begins_with_the_least_of_the_others():
    known = {SLOT: {"sum": -math.inf, "mean": -0.5, "sym": 1.0}}
    found = start_alphas(space_of(), known, 1.0)[SLOT]
    assert found.tolist() == pytest.approx([-0.5, -0.5, 1.0])
    assert start_alphas(space_of(), {SLOT: {"sum": -math.inf, "mean": -math.inf}}, 1.0) == {}


def test_what_begins_without_alphas_is_named():
    known = {SLOT: {"sum": 1.0, "sym": 0.0, "max": 2.0}, "readout": {"last": 0.5, "sum": 0.1}}
    assert unmatched(space_of(("sum", "unit", "sym", "mean")), known) == [
        f"{SLOT}: new candidates begin at the mean: unit, mean",
        "slots that begin at zero: layer1/item/interactions/aggregate, readout",
    ]
    assert unmatched(space_of(), start_known(space_of())) == []


def start_known(space):
    return {slot: dict.fromkeys(names, 0.0) for slot, names in space.choices().items()}


def test_a_genotype_of_the_same_space_is_a_point():
    space = space_of()
    other = genotype(space, readout="mean", **{SLOT: "sym"})
    assert point_of(space, other) == other.choices
    wider = space_of(("max", "sym", "sum", "mean"), ("sum", "mean", "last"))
    assert point_of(wider, other) == other.choices


@pytest.mark.parametrize(
    "space",
    [
        space_of(("sum", "mean")),
        space_of(layers=2),
        space_of(tie_sides=True),
        space_of(readout=("last", "sum")),
    ],
    ids=["candidate", "layers", "tied", "read-out"],
)
def test_what_the_new_space_lacks_makes_it_none(space):
    assert point_of(space, genotype(space_of(), readout="mean", **{SLOT: "sym"})) is None


def test_a_tuned_design_is_a_point_with_its_own_numbers():
    space = space_of(("unit", "sym(0.4,0.6)"))
    other = genotype(space_of(("sym",)), **{SLOT: "sym(0.43,0.5)"})
    assert point_of(space, other) is None
    assert point_of(space, other, numbers=False) == other.choices
    assert point_of(space_of(("unit",)), other, numbers=False) is None


def test_a_deeper_design_is_no_point_of_a_shallow_space():
    assert point_of(space_of(layers=1), genotype(space_of(layers=2))) is None


def test_a_relation_that_one_of_them_lacks_is_none():
    more = space_of(relations=("interactions", "cooccurrence"))
    slot = "layer1/item/cooccurrence/aggregate"
    assert point_of(more, genotype(space_of()))[slot] == "none"
    assert point_of(space_of(), genotype(more, **{slot: "none"})) == genotype(space_of()).choices
    assert point_of(space_of(), genotype(more, **{slot: "sym"})) is None
