"""The search space: its slots, what it refuses, and that its fingerprint sees every candidate."""

from dataclasses import replace

import pytest
import torch

from supernet.runtime import InputError
from supernet.space import SearchSpace

SPACE = SearchSpace(
    layers=2,
    aggregate=("sym", "mean"),
    convolve=("light", "skip", "gcn"),
    activation=("identity",),
    readout=("last", "mean"),
)


def test_slots_stand_in_order_of_computation():
    assert list(replace(SPACE, layers=1).candidates()) == [
        "features/user",
        "features/item",
        "layer1/user/interactions/aggregate",
        "layer1/user/convolve",
        "layer1/user/activation",
        "layer1/item/interactions/aggregate",
        "layer1/item/convolve",
        "layer1/item/activation",
        "readout",
        "score",
    ]


def test_tied_sides_share_their_slots():
    tied = replace(SPACE, layers=1, tie_sides=True)
    layer = [slot for slot in tied.candidates() if slot.startswith("layer")]
    assert layer == ["layer1/interactions/aggregate", "layer1/convolve", "layer1/activation"]
    assert tied.slot("convolve", 1, "user") == tied.slot("convolve", 1, "item")


TWO = ("interactions", "cooccurrence")


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_a_relation_has_slots_at_the_sides_it_arrives_at(tied):
    space = replace(SPACE, layers=1, relations=TWO, tie_sides=tied)
    layer = [slot for slot in space.candidates() if slot.endswith("aggregate")]
    assert layer == (
        ["layer1/interactions/aggregate", "layer1/cooccurrence/aggregate"]
        if tied
        else [
            "layer1/user/interactions/aggregate",
            "layer1/item/interactions/aggregate",
            "layer1/item/cooccurrence/aggregate",
        ]
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("none", "sym", "mean")),  # a search may drop it
        ({"aggregate": ("sum", "none")}, ("sum", "none")),
        ({"aggregate": ("sym",)}, ("sym",)),  # a fixed design has what it names
        ({"aggregate_of": {"cooccurrence": ["mean", "max"]}}, ("mean", "max")),
        ({"slots": {"layer1/item/cooccurrence/aggregate": ["sum"]}}, ("sum",)),
    ],
)
def test_candidates_of_another_relation(change, expected):
    found = replace(SPACE, relations=TWO, **change).candidates()
    assert found["layer1/item/cooccurrence/aggregate"] == expected
    assert found["layer1/item/interactions/aggregate"] == change.get("aggregate", SPACE.aggregate)


def test_fixing_keeps_the_relation():
    space = replace(SPACE, relations=TWO, aggregate_of={"cooccurrence": ("max", "sum")})
    choices = space.sample(torch.Generator().manual_seed(0))
    fixed = space.fixed(choices)
    assert {slot: names[0] for slot, names in fixed.candidates().items()} == choices
    assert fixed.relations == TWO


def test_size_counts_the_designs():
    assert SPACE.size() == (2 * 3) ** 4 * 2
    assert replace(SPACE, tie_sides=True).size() == (2 * 3) ** 2 * 2


def test_choices_are_the_slots_with_several_candidates():
    space = replace(SPACE, slots={"layer2/item/convolve": ("gcn",)})
    assert "layer2/item/convolve" not in space.choices()
    assert "layer2/user/convolve" in space.choices()
    assert not [slot for slot in space.choices() if "activation" in slot or slot == "score"]


def test_fixing_leaves_one_design():
    choices = SPACE.sample(torch.Generator().manual_seed(0))
    fixed = SPACE.fixed(choices)
    assert fixed.size() == 1
    assert {slot: names[0] for slot, names in fixed.candidates().items()} == choices


def test_samples_cover_every_candidate_of_every_slot():
    generator = torch.Generator().manual_seed(0)
    drawn = [SPACE.sample(generator) for _ in range(60)]
    for slot, names in SPACE.candidates().items():
        assert {design[slot] for design in drawn} == set(names), slot


def test_samples_are_uniform():
    generator = torch.Generator().manual_seed(0)
    counts = dict.fromkeys(SPACE.convolve, 0)
    for _ in range(300):
        counts[SPACE.sample(generator)["layer1/user/convolve"]] += 1
    assert all(70 < count < 130 for count in counts.values()), counts  # 100 ± 8 each


@pytest.mark.parametrize("kind", ["features", "aggregate", "convolve", "activation", "readout", "score"])
def test_the_fingerprint_changes_with_any_candidate_of_any_slot(kind):
    other = {
        "features": (),  # there is one feature only
        "aggregate": ("sum",),
        "convolve": ("gin",),
        "activation": ("relu",),
        "readout": ("max",),
        "score": ("cosine",),
    }[kind]
    changed = [
        replace(SPACE, slots={slot: (*names, *other)})
        for slot, names in SPACE.candidates().items()
        if kind in slot.split("/")
    ]
    marks = {SPACE.fingerprint(), *(space.fingerprint() for space in changed)}
    assert len(marks) == 1 + (len(changed) if other else 0)


def test_the_fingerprint_sees_order_layers_and_ties_but_not_spelling():
    marks = {
        space.fingerprint()
        for space in (
            SPACE,
            replace(SPACE, aggregate=("mean", "sym")),  # alphas are numbered in this order
            replace(SPACE, layers=3),
            replace(SPACE, tie_sides=True),
        )
    }
    assert len(marks) == 4
    spelled = replace(SPACE, slots={"readout": ["last", "mean"]})
    assert spelled.fingerprint() == SPACE.fingerprint()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 0}, "space.layers must be at least 1, found 0"),
        ({"aggregate": ("sym", "mode")}, "aggregate has an unknown candidate 'mode'; choose from: .*sym"),
        ({"convolve": ()}, "slot layer1/user/convolve has no candidate; choose from: .*light"),
        ({"readout": ("last", "last")}, "slot readout names a candidate twice: last, last"),
        ({"features": ("text",)}, "slot features/user: feature 'text': say which view, as text:NAME"),
        ({"features": ("words",)}, "slot features/user has an unknown candidate 'words'; choose from: id"),
        ({"features": ("id:minilm",)}, "slot features/user: feature 'id:minilm': id takes no name after it"),
        ({"slots": {"layer3/user/convolve": ("gcn",)}}, "no slot 'layer3/user/convolve'; the slots are: "),
        ({"slots": {"layer1/convolve": ("gcn",)}}, "no slot 'layer1/convolve'"),  # the space is not tied
        ({"slots": {"score": ("dott",)}}, "slot score has an unknown candidate 'dott'; choose from: dot"),
        ({"relations": ("interactions", "likes")}, "space.relations: unknown name .likes.; choose from: .*c"),
        ({"relations": ("interactions",) * 2}, "space.relations names a relation twice: inter"),
        ({"relations": ("cooccurrence",)}, r"space.relations=\['cooccurrence'\]: add interactions"),
        ({"relations": ()}, r"space.relations=\[\]: add interactions"),
        ({"aggregate_of": {"cooccurrence": ("sum",)}}, "has no relation 'cooccurrence'; its relations are"),
        ({"slots": {"layer1/user/cooccurrence/aggregate": ("sum",)}}, "no slot .layer1/user/cooccurrence"),
    ],
)  # fmt: skip
def test_mistakes_are_named(change, message):
    with pytest.raises(InputError, match=message):
        replace(SPACE, **change)


def design(**values):
    plain = {"layers": 2, "aggregate": ("sym",), "convolve": ("light",), "activation": ("identity",)}
    return SearchSpace(**plain | {"readout": ("mean",), "tie_sides": True} | values)


def test_candidates_are_spelled_in_one_way():
    space = design(aggregate=("sym", "sym(.40, 0.6)"), readout=("layer0( .2 )",))
    assert space.candidates()["layer1/interactions/aggregate"] == ("sym", "sym(0.4,0.6)")
    assert space.candidates()["readout"] == ("layer0",)
    with pytest.raises(InputError, match="names a candidate twice"):
        design(aggregate=("sym", "sym(.5,.5)"))


def test_numbers_that_a_candidate_does_not_take_name_the_slot():
    message = (
        r"space: slot layer1/interactions/aggregate: aggregator 'sym\(2,0\)': left of sym\(left, right\)"
    )
    with pytest.raises(InputError, match=message):
        design(aggregate=("sym(2,0)",))


def test_the_numbers_of_a_design_are_those_of_its_candidates():
    assert design(readout=("layer0(0.3)",)).scalars() == ("sym.left", "sym.right", "layer0.share")
    assert design(aggregate=("svd",)).scalars() == ()


def test_shifts_move_every_slot_from_where_it_is():
    slots = {"layer2/interactions/aggregate": ("sym(0.4,0.7)",)}
    moved = design(slots=slots, readout=("layer0",)).shifted({"sym.left": 0.05, "layer0.share": -0.5})
    found = {slot: names[0] for slot, names in moved.candidates().items()}
    assert found["layer1/interactions/aggregate"] == "sym(0.55,0.5)"
    assert found["layer2/interactions/aggregate"] == "sym(0.45,0.7)"
    assert found["readout"] == "layer0(0)"
    assert found["layer1/convolve"] == "light"


def test_no_shift_leaves_a_design_as_it_is():
    space = design(aggregate=("sym(0.4,0.7)",), readout=("layer0",))
    assert space.shifted({}).candidates() == space.candidates()
