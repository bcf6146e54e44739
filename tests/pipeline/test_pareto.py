"""Which designs the picture of cost and score shows, and what is said where it shows none."""

import logging

import pytest

from supernet.pipeline.pareto import INHERITED, TRAINED, draw_pareto, points_of, scored_designs
from supernet.report.pareto import Point
from supernet.search.costs import Costs
from supernet.search.explanation import Explanation
from supernet.space import SearchSpace
from supernet.space.judged import ShortTraining

SPACE = SearchSpace(1, ("sym",), ("light", "gcn"), ("identity",), ("last", "mean"), tie_sides=True)
CHOSEN = {slot: names[0] for slot, names in SPACE.candidates().items()}
OTHER = CHOSEN | {"readout": "mean"}
COSTS = Costs(
    {"layer1/convolve": [1.0, 3.0], "readout": [0.5, 2.0]}, {"layer1/convolve": [0, 16], "readout": [0, 1]}
)
TOLD = Explanation(
    0.3, 0.2, {"layer1/convolve": {"light": 0.2, "gcn": 0.1}, "readout": {"last": 0.2, "mean": 0.25}}
)


def test_a_design_counts_with_its_longest_training():
    rows = [
        ShortTraining(CHOSEN, 15, 0.3, 1.0),
        ShortTraining(OTHER, 5, 0.2, 1.0),
        ShortTraining(CHOSEN, 5, 0.1, 1.0),
    ]
    designs, how = scored_designs(rows, TOLD, CHOSEN)
    assert how == TRAINED
    assert sorted(score for _, score in designs) == [0.2, 0.3]


def test_without_trainings_the_chosen_design_and_its_neighbours_are_shown():
    designs, how = scored_designs([], TOLD, CHOSEN)
    assert how == INHERITED
    assert points_of(designs, SPACE, COSTS) == [
        Point(1.5, 0, 0.2, "light, last"),
        Point(3.5, 16, 0.1, "gcn, last"),
        Point(3.0, 1, 0.25, "light, mean"),
    ]


@pytest.mark.parametrize(("costs", "words"), [(None, []), (COSTS, ["no design was scored"])])
def test_the_log_says_why_there_is_no_picture_where_costs_are_weighed(tmp_path, caplog, costs, words):
    designs, how = scored_designs([], None, CHOSEN)
    with caplog.at_level(logging.INFO):
        draw_pareto(SPACE, costs, designs, "ndcg@20", how, tmp_path, None, logging.getLogger("test"))
    assert [word in record.getMessage() for record, word in zip(caplog.records, words, strict=True)] == [
        True for _ in words
    ]
    assert not list(tmp_path.iterdir())
