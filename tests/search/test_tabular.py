"""The reader of the tabular benchmark, on a table made by hand; and that the shipped one is whole."""

import json
from itertools import product

import pytest

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.runtime import InputError
from supernet.search.tabular import SPACE, Table, Training, load_tables, save_tables
from supernet.space import identity_of


def training(name, temperature, seed, valid, test, seconds=1.0, data="toy"):
    choices = json.dumps({"readout": name})
    return Training(data, name, choices, temperature, 0.01, seed, valid, test, test / 2, 3, seconds, 10)


ROWS = [
    training("a", 0.1, 0, 0.20, 0.40),
    training("a", 0.3, 0, 0.25, 0.30, 2.0),  # best on valid
    training("a", 0.3, 1, 0.15, 0.50, 5.0),
    training("b", 0.1, 0, 0.22, 0.42, 3.0),
    training("b", 0.3, 0, 0.10, 0.90),  # better on test, which nobody may look at
    training("c", 0.1, 0, 0.01, 0.05),
]


@pytest.fixture
def table():
    return Table(ROWS)


def test_a_designs_recipe_is_chosen_on_valid_and_its_value_is_over_the_seeds(table):
    assert table.valid("a") == pytest.approx(0.20)
    assert table.test("a") == pytest.approx(0.40)
    assert table.test("b") == pytest.approx(0.42)
    assert table.seconds("a") == 3.0, "all trainings of the first seed"


def test_regret_and_rank_are_on_test(table):
    assert table.top == pytest.approx(0.42)
    assert table.regret("b") == 0.0
    assert table.regret("a") == pytest.approx(1 - 0.40 / 0.42)
    assert [table.rank(name) for name in "bac"] == pytest.approx([0, 1 / 3, 2 / 3])
    assert table.choices("a") == {"readout": "a"}


def test_a_design_that_was_not_trained_is_refused(table):
    with pytest.raises(InputError, match=r"the table of toy has no design zzz; search in space=tabular"):
        table.valid("zzz")


def test_tables_are_written_and_read_back(tmp_path, table):
    other = [training("a", 0.1, 0, 0.5, 0.6, data="other")]
    save_tables([*ROWS, *other], tmp_path / "t.parquet")
    found = load_tables(tmp_path / "t.parquet")
    assert list(found) == ["toy", "other"]
    assert found["toy"].trainings == table.trainings
    (tmp_path / "t.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"t\.parquet: not a table of trainings"):
        load_tables(tmp_path / "t.parquet")


def test_every_design_of_the_space_is_in_the_shipped_table_with_three_seeds_of_its_best_recipe():
    space, tables = space_of(load_space(SPACE)), load_tables()
    identity = identity_of(space)
    slots = space.candidates()
    every = {identity(dict(zip(slots, names, strict=True))) for names in product(*slots.values())}
    assert len(every) == 240
    assert tables.keys() == {"ml-100k", "lastfm"}
    for name, found in tables.items():
        assert found.trainings.keys() == every, name
        assert {identity(dict(found.choices(key))) for key in every} == every, name
        for key, rows in found.best.items():
            assert [row.seed for row in rows] == [0, 1, 2], (name, key)
