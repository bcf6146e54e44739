"""The Pareto front of cost and score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernet.report.pareto import Point, pareto_figure, pareto_front

POINTS = st.lists(
    st.builds(Point, st.floats(0, 9), st.integers(0, 9), st.floats(0, 1), st.text(max_size=3)), max_size=30
)


@given(POINTS)
def test_nothing_on_the_front_is_beaten_and_everything_else_is(points):
    front = pareto_front(points)
    for point in points:
        beaten = [q for q in points if q.milliseconds <= point.milliseconds and q.score >= point.score
                  and (q.milliseconds, q.score) != (point.milliseconds, point.score)]  # fmt: skip
        same = [q for q in front if (q.milliseconds, q.score) == (point.milliseconds, point.score)]
        assert (not beaten) == bool(same)
    costs, scores = [p.milliseconds for p in front], [p.score for p in front]
    assert costs == sorted(set(costs))
    assert scores == sorted(set(scores))


def test_the_figure_names_the_designs_of_the_front():
    points = [Point(1, 0, 0.1, "cheap"), Point(5, 9, 0.3, "good"), Point(6, 3, 0.2, "neither")]
    ax = pareto_figure(points, "ndcg@20").axes[0]
    assert [text.get_text() for text in ax.texts] == ["cheap", "good"]
    assert len(ax.collections[0].get_offsets()) == 3
    with pytest.raises(ValueError, match="no design"):
        pareto_figure([], "ndcg@20")
