"""What a design takes beside ids and interactions, and the design without it or with it."""

from dataclasses import replace

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.search.selection import enriched, known_designs, sources, takes, with_source, without
from supernet.search.selection.sources import exchanged
from supernet.space import identity_of

SPACE = replace(
    space_of(load_space("recommender")),
    relations=("interactions", "trust", "knowledge", "cooccurrence"),
    aggregate_of={"trust": ("none", "mean"), "knowledge": ("relational",), "cooccurrence": ("none", "unit")},
    features=("id", "sum:a", "gate:a"),
)


def design():
    space = replace(SPACE, aggregate_of=SPACE.aggregate_of | {"knowledge": ("none", "relational")})
    return known_designs(space, [space_of(load_space("lightgcn_pp"))])[0]


def test_sources_are_what_a_design_can_take_and_leave():
    assert sources(SPACE) == ["text", "trust", "cooccurrence"], "knowledge cannot be left out"
    assert sources(replace(SPACE, features=("sum:a", "gate:a"))) == ["trust", "cooccurrence"]
    assert sources(space_of(load_space("recommender"))) == []


def test_a_source_is_added_and_taken_away_again():
    for source in ("text", "trust", "cooccurrence"):
        before = design()
        assert not takes(SPACE, before, source)
        (added,) = with_source(SPACE, before, source)
        assert takes(SPACE, added, source)
        assert [s for s in ("text", "trust", "cooccurrence") if takes(SPACE, added, s)] == [source]
        assert without(added, source) == before


def test_the_relation_has_the_aggregator_of_the_interactions_where_it_can():
    before = design()
    assert before["layer1/user/interactions/aggregate"] == "unit"
    (added,) = with_source(SPACE, before, "cooccurrence")
    assert {added[f"layer{k}/item/cooccurrence/aggregate"] for k in (1, 2)} == {"unit"}
    (added,) = with_source(SPACE, before, "trust")
    assert {added[f"layer{k}/user/trust/aggregate"] for k in (1, 2)} == {"mean"}


def test_a_known_design_is_judged_with_every_further_source():
    space = replace(
        space_of(load_space("recommender")),
        relations=("interactions", "trust", "knowledge"),
        aggregate_of={"trust": ("none", "mean", "unit"), "knowledge": ("none", "relational")},
        features=("id", "sum:a", "gate:a", "sum:b"),
    )
    design = known_designs(space, [space_of(load_space("lightgcn_pp"))])[0]
    assert design["layer1/user/trust/aggregate"] == "none"
    found = enriched(space, design)
    changed = [{slot: d[slot] for slot in d if d[slot] != design[slot]} for d in found]
    layers = (1, 2)
    assert changed == [
        dict.fromkeys(("features/user", "features/item"), "sum:a"),
        dict.fromkeys(("features/user", "features/item"), "sum:b"),
        {f"layer{k}/user/trust/aggregate": "unit" for k in layers},
        {f"layer{k}/item/knowledge/aggregate": "relational" for k in layers},
    ]
    assert enriched(space_of(load_space("recommender")), design) == []


def test_texts_that_no_candidate_sums_are_added_by_the_first_that_reads_each_view():
    space = replace(SPACE, features=("id", "gate:a", "text:a", "text:b"))
    added = with_source(space, design(), "text")
    assert [one["features/item"] for one in added] == ["gate:a", "text:b"]


def skipping(space, aggregate):
    """LightGCN++ whose users skip every layer, with an aggregator of trust that no convolution reads."""
    found = known_designs(space, [space_of(load_space("lightgcn_pp"))])[0]
    changed = {f"layer{k}/user/convolve": "skip" for k in (1, 2)}
    return found | changed | {f"layer{k}/user/trust/aggregate": aggregate for k in (1, 2)}


SOCIAL = replace(
    space_of(load_space("recommender")),
    relations=("interactions", "trust"),
    aggregate_of={"trust": ("none", "mean")},
)


def test_a_message_that_no_convolution_reads_is_not_taken():
    assert takes(SOCIAL, skipping(SOCIAL, "mean") | {"layer2/user/convolve": "light"}, "trust")
    assert not takes(SOCIAL, skipping(SOCIAL, "mean"), "trust")


def test_a_source_is_added_where_its_message_is_read_and_for_no_other():
    before = skipping(SOCIAL, "mean")
    (added,) = with_source(SOCIAL, before, "trust")
    assert identity_of(SOCIAL)(added) != identity_of(SOCIAL)(before)
    changed = {slot: name for slot, name in added.items() if name != before[slot]}
    assert changed.pop("layer1/user/convolve") == "residual", "the first that keeps the node itself"
    assert changed == {"layer1/user/interactions/aggregate": "none"}
    assert identity_of(SOCIAL)(without(added, "trust")) != identity_of(SOCIAL)(before), "a layer is opened"


def test_a_source_that_no_layer_can_read_is_not_added():
    with_interactions = replace(SOCIAL, aggregate_of=SOCIAL.aggregate_of | {"interactions": ("unit",)})
    closed = replace(SOCIAL, slots={f"layer{k}/user/convolve": ("skip",) for k in (1, 2)})
    for space in (with_interactions, closed):
        assert with_source(space, skipping(SOCIAL, "mean"), "trust") == []


def test_a_view_takes_the_place_of_another_joined_alike():
    space = replace(SPACE, features=("id", "sum:a", "gate:a", "text:b", "gate:b"))
    before = design() | {"features/item": "gate:a"}
    assert exchanged(space, before, "b") == before | {"features/item": "gate:b"}
    before |= {"features/item": "sum:a"}
    assert exchanged(space, before, "b") == before | {"features/item": "text:b"}
    assert [one["features/item"] for one in with_source(space, design(), "text")] == ["sum:a", "text:b"]
