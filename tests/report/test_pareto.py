"""The Pareto front of cost and score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernet.report.pareto import AXES, PARAMETERS, Point, pareto_figure, pareto_front

POINTS = st.lists(
    st.builds(Point, st.floats(0, 9), st.integers(0, 9), st.floats(0, 1), st.text(max_size=3)), max_size=30
)


@given(POINTS, st.sampled_from(sorted(AXES)))
def test_nothing_on_the_front_is_beaten_and_everything_else_is(points, cost):
    front = pareto_front(points, cost)
    for point in points:
        own = point.cost(cost), point.score
        beaten = [q for q in points if q.cost(cost) <= own[0] and q.score >= own[1]
                  and (q.cost(cost), q.score) != own]  # fmt: skip
        same = [q for q in front if (q.cost(cost), q.score) == own]
        assert (not beaten) == bool(same)
    costs, scores = [p.cost(cost) for p in front], [p.score for p in front]
    assert costs == sorted(set(costs))
    assert scores == sorted(set(scores))


def test_the_figure_names_the_designs_of_the_front():
    points = [Point(1, 0, 0.1, "cheap"), Point(5, 9, 0.3, "good"), Point(6, 3, 0.2, "neither")]
    ax = pareto_figure(points, "ndcg@20").axes[0]
    assert [text.get_text() for text in ax.texts] == ["cheap", "good"]
    assert len(ax.collections[0].get_offsets()) == 3
    assert "milliseconds" in ax.get_xlabel()
    with pytest.raises(ValueError, match="no design"):
        pareto_figure([], "ndcg@20")


def test_the_figure_is_over_parameters_where_these_are_asked_for():
    points = [Point(1, 9, 0.2, "fast"), Point(5, 3, 0.1, "small"), Point(6, 9, 0.3, "good")]
    ax = pareto_figure(points, "ndcg@20", cost=PARAMETERS).axes[0]
    assert [text.get_text() for text in ax.texts] == ["small", "good"]
    assert ax.get_xlabel() == AXES[PARAMETERS]
    assert [x for x, _ in ax.collections[0].get_offsets()] == [9, 3, 9]
    sizes = ax.collections[0].get_sizes()
    assert sizes[0] < sizes[1] < sizes[2], "by milliseconds"
