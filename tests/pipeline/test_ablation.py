"""The models that tell what a source is worth: each computes something else than the derived one."""

import logging
from dataclasses import replace

import pytest
import torch

from benchmarks.source_lines import compared_with_itself, left_share
from supernet.config import load_space
from supernet.pipeline.ablation import VIEWS, ablations
from supernet.pipeline.contenders import DERIVED, Contender
from supernet.pipeline.stages import space_of
from supernet.search.selection import known_designs
from supernet.space import Genotype, identity_of
from supernet.training.recipe import Recipe

FEATURES = ("id", *(f"{kind}:{view}" for view in ("words", "image") for kind in ("sum", "gate")))
SPACE = replace(
    space_of(load_space("recommender")),
    relations=("interactions", "trust"),
    aggregate_of={"trust": ("none", "mean")},
    features=FEATURES,
)
BOTH = ("features/user", "features/item")
SKIPPING = {f"layer{k}/user/convolve": "skip" for k in (1, 2)}
OPENED = {"layer2/user/convolve": "light"}
TRUSTING = {f"layer{k}/user/trust/aggregate": "mean" for k in (1, 2)}


def rows(space=SPACE, **changed):
    design = known_designs(space, [space_of(load_space("lightgcn_pp"))])[0] | changed
    derived = Contender(DERIVED, space.fixed(design), Recipe(), "its own")
    found = ablations(derived, space, logging.getLogger())
    same = identity_of(space)
    assert len({same(one.choices) for one in [derived, *found]}) == 1 + len(found), "all compute differently"
    return {one.name: one.choices for one in found}


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, ["with text (words)", "with text (image)", "with trust"]),
        (TRUSTING, ["with text (words)", "with text (image)", "without trust"]),
        (TRUSTING | SKIPPING, ["with text (words)", "with text (image)", "with trust"]),
        (dict.fromkeys(BOTH, "gate:words"), ["without text", "with text (image) instead", "with trust"]),
        (
            dict(zip(BOTH, ("sum:words", "gate:image"), strict=True)),
            ["without text", "without text (words)", "without text (image)", "with trust"],
        ),
    ],
    ids=["none", "trust", "unread", "words", "both"],
)
def test_every_source_and_view_has_a_row_that_computes_something_else(changed, names):
    assert list(rows(**changed)) == [f"derived {name}" for name in names]


def test_one_view_is_the_texts():
    space = replace(SPACE, features=("id", "sum:words"))
    assert list(rows(space)) == ["derived with text", "derived with trust"]
    assert list(rows(space, **dict.fromkeys(BOTH, "sum:words"))) == [
        "derived without text",
        "derived with trust",
    ]


def test_a_source_that_no_layer_can_read_has_no_row_and_the_log_says_so(caplog):
    caplog.set_level(logging.INFO)
    assert list(rows(replace(SPACE, features=("id",)), **SKIPPING)) == ["derived with trust"]
    assert not caplog.messages
    closed = replace(
        SPACE,
        features=("id",),
        slots=dict.fromkeys(SKIPPING, ("skip",)),
    )
    derived = closed.fixed(closed.sample(torch.Generator().manual_seed(0)))
    contender = Contender(DERIVED, derived, Recipe(), "its own")
    assert ablations(contender, closed, logging.getLogger()) == []
    assert caplog.messages == [
        "ablate: no row for trust: no layer of the derived model can be made to read it"
    ]


def test_of_many_views_some_have_rows(caplog):
    caplog.set_level(logging.INFO)
    space = replace(SPACE, features=("id", *(f"sum:v{k}" for k in range(6))))
    assert len([name for name in rows(space) if "text" in name]) == VIEWS
    assert "no rows for the views v4, v5: the first 4 have one" in caplog.text


def test_a_model_that_computes_what_the_derived_one_does_is_no_evidence():
    derived = known_designs(SPACE, [space_of(load_space("lightgcn_pp"))])[0] | SKIPPING
    genotype = Genotype(derived, SPACE.layers, False, SPACE.relations, SPACE.fingerprint(), {}, {}, 0)
    models = {"derived": derived, "same": derived | TRUSTING, "other": derived | TRUSTING | OPENED}
    found = {"models": {name: {"choices": choices} for name, choices in models.items()}}
    assert compared_with_itself(found, "same", genotype)
    assert not compared_with_itself(found, "other", genotype)


def test_the_share_left_of_one_view_is_that_of_all_others():
    weights = {"id": 0.2, "sum:words": 0.3, "gate:image": 0.5}
    mixture = dict.fromkeys(BOTH, weights) | {"layer1/user/trust/aggregate": {"none": 0.9, "mean": 0.1}}
    genotype = Genotype({}, 1, False, SPACE.relations, "", {}, mixture, 0)
    shares = {
        "text": 0.2,
        "text (image)": 0.5,
        "text (image) instead": 0.5,
        "text (words)": 0.7,
        "trust": 0.9,
    }
    assert {source: left_share(genotype, source) for source in shares} == pytest.approx(shares)
