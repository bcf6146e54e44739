"""Which designs the picture of cost and score shows, and what is said where it shows none."""

import logging
from types import SimpleNamespace

import pytest

from supernet.pipeline.pareto import INHERITED, TRAINED, cost_drawn, draw_pareto, points_of, scored_designs
from supernet.report.pareto import MILLISECONDS, PARAMETERS, Point
from supernet.search.costs import Costs
from supernet.search.explanation import Explanation
from supernet.search.settings import SearchSettings
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


@pytest.mark.parametrize(
    ("weights", "drawn"), [((0.5, 0.0), MILLISECONDS), ((0.0, 0.5), PARAMETERS), ((0.5, 0.5), MILLISECONDS)]
)
def test_the_picture_is_over_the_cost_that_is_weighed(tmp_path, weights, drawn):
    settings, tags = SearchSettings(cost_weight=weights[0], parameter_weight=weights[1]), []
    board = SimpleNamespace(figure=lambda tag, figure, step: tags.append((tag, figure.axes[0].get_xlabel())))
    designs, how = scored_designs([], TOLD, CHOSEN)
    log = logging.getLogger("test")
    draw_pareto(SPACE, COSTS, cost_drawn(settings), designs, "ndcg@20", how, tmp_path, board, log)
    ((tag, label),) = tags
    assert tag == f"score over {drawn}"
    assert label.startswith(drawn)
    assert (tmp_path / "pareto.png").stat().st_size > 0


@pytest.mark.parametrize(("costs", "words"), [(None, []), (COSTS, ["no design was scored"])])
def test_the_log_says_why_there_is_no_picture_where_costs_are_weighed(tmp_path, caplog, costs, words):
    designs, how = scored_designs([], None, CHOSEN)
    with caplog.at_level(logging.INFO):
        log = logging.getLogger("test")
        draw_pareto(SPACE, costs, MILLISECONDS, designs, "ndcg@20", how, tmp_path, None, log)
    assert [word in record.getMessage() for record, word in zip(caplog.records, words, strict=True)] == [
        True for _ in words
    ]
    assert not list(tmp_path.iterdir())
