import pytest

from ops.activation import ACTIVATIONS
from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from ops.readout import READOUTS
from ops.registry import Registry
from ops.score import SCORES

ALL = [AGGREGATORS, CONVOLUTIONS, ACTIVATIONS, READOUTS, SCORES]
PARTS = [pytest.param(r, name, id=f"{r.kind}-{name}") for r in ALL for name in r]


def test_holds_what_was_registered_in_order():
    table = Registry("colour")
    assert table.register("red")(1) == 1
    table.register("blue")(2)
    assert (table["red"], table["blue"]) == (1, 2)
    assert list(table) == ["red", "blue"]
    assert len(table) == 2
    assert "red" in table
    assert "green" not in table


def test_registering_a_name_twice_raises_and_keeps_the_first():
    table = Registry("colour")
    table.register("red")(1)
    with pytest.raises(ValueError, match="colour 'red' is registered twice"):
        table.register("red")(2)
    assert table["red"] == 1


@pytest.mark.parametrize("registry", ALL, ids=lambda r: r.kind)
def test_an_unknown_name_lists_the_choices(registry):
    with pytest.raises(LookupError, match=f"unknown {registry.kind} 'nonsense'") as error:
        registry["nonsense"]
    assert ", ".join(registry) in str(error.value)


@pytest.mark.parametrize("registry", ALL, ids=lambda r: r.kind)
def test_no_part_replaces_a_registered_one(registry):
    for name in registry:
        with pytest.raises(ValueError, match="registered twice"):
            registry.register(name)(object())


@pytest.mark.parametrize(("registry", "name"), PARTS)
def test_every_part_documents_its_shapes(registry, name):
    assert "Shapes:" in registry[name].__doc__


@pytest.mark.parametrize(
    ("registry", "name"), [p for p in PARTS if p.values[0] in (AGGREGATORS, CONVOLUTIONS)]
)
def test_every_graph_operator_names_its_source(registry, name):
    assert any(word in registry[name].__doc__ for word in ("Paper:", "Papers:", "Source:"))
