import inspect
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.activation import ACTIVATIONS
from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from ops.readout import READOUTS
from ops.registry import Registry, Scalar, written
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


class Paint:
    SCALARS: ClassVar = {"shade": Scalar(0.5, 0.0, 1.0), "coats": Scalar(2, 1, 3, whole=True)}

    def __init__(self, wall, shade=0.5, coats=2):
        self.found = wall, shade, coats


@pytest.fixture
def colours():
    table = Registry("colour")
    table.register("red")(Paint)
    table.register("blue")(list)
    return table


@pytest.mark.parametrize("text", ["red(.25, 3)", "red( 0.250 ,3.0)", " red(25e-2,3)"])
def test_a_name_may_carry_the_numbers_of_its_part(text, colours):
    assert colours[text]("wall").found == ("wall", 0.25, 3)
    assert colours.scalars(text) == {"shade": 0.25, "coats": 3}
    assert colours.spelled(text) == "red(0.25,3)"
    assert text in colours


def test_defaults_are_not_spelled_out(colours):
    assert colours.spelled("red(.5,2)") == colours.spelled("red") == "red"
    assert colours.scalars("red") == {"shade": 0.5, "coats": 2}
    assert colours["red"] is Paint


@given(shade=st.floats(0, 1), coats=st.integers(1, 3))
def test_what_is_written_is_read_back(shade, coats):
    table = Registry("colour")
    table.register("red")(Paint)
    found = table.scalars(written("red", {"shade": shade, "coats": coats}))
    assert found == {"shade": pytest.approx(shade, rel=1e-5), "coats": coats}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("red(0.5)", r"red\(shade, coats\) takes 2, found 1"),
        ("red(1.5,2)", r"shade of red\(shade, coats\) must be a number in \[0, 1\], found '1.5'"),
        ("red(nan,2)", "found 'nan'"),
        ("red(dark,2)", "found 'dark'"),
        ("red(0.5,2.5)", r"coats .* must be a whole number in \[1, 3\], found '2.5'"),
        ("blue(1)", "blue takes no numbers; write blue"),
        ("green(1)", r"unknown colour 'green\(1\)'; choose from: red, blue"),
        ("red(0.5,2", r"unknown colour 'red\(0.5,2'"),
    ],
)
def test_numbers_a_part_does_not_take_raise(text, message, colours):
    with pytest.raises(LookupError, match=message):
        colours[text]


@pytest.mark.parametrize(("registry", "name"), PARTS)
def test_scalars_are_arguments_with_these_defaults(registry, name):
    for key, scalar in registry.bounds(name).items():
        assert inspect.signature(registry[name]).parameters[key].default == scalar.default
        assert scalar.low <= scalar.default <= scalar.high


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
