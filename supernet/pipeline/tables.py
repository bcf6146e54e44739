"""The tables of derive.py: the result, what lies beyond accuracy, and the cohorts."""

from __future__ import annotations

from collections.abc import Sequence

from supernet.pipeline.contenders import DERIVED, NETWORK, RULED
from supernet.pipeline.results import Result
from supernet.pipeline.yardstick import Yardstick
from supernet.report.table import Row, markdown

BEYOND_NOTE = (
    "Of the lists of users with a test item. Coverage: share of the items in any of them; Gini: 0 where all "
    "items are listed equally often, towards 1 where few are; popularity: interactions of a listed item; "
    "novelty: bits, −log₂ of the share of users who know a listed item; tail share: of a list; diversity: "
    "1 − Jaccard similarity of the words of two items of a list. Of none of them more is better in itself."
)
COHORT_NOTE = (
    "Users by their interactions before the test, mean over users; items by theirs, recall of all test pairs "
    "of the cohort together. Head and tail have 20 % of the interactions each."
)


def result_rows(results: Sequence[Result], searched: float) -> list[Row]:
    """The rows of the result table; `searched`: seconds of the search, which the derived model and its
    network alone cost too."""
    return [
        Row(
            r.name,
            r.metrics,
            r.seconds + searched * (r.name in (DERIVED, RULED, NETWORK)),
            r.note,
            r.name == DERIVED,
        )
        for r in results
    ]


def beyond_tables(results: Sequence[Result], yardstick: Yardstick, metric: str) -> str:
    """Beyond accuracy; `metric` by cohort of users and recall by cohort of items; all at the cut-off of
    `metric`."""
    at = "@" + metric.split("@")[1]
    rows = [Row(r.name, r.metrics | r.beyond | r.cohorts, 0.0, highlight=r.name == DERIVED) for r in results]
    beyond = [f"coverage{at}", *(name for name in results[0].beyond if name.endswith(at))]
    cohorts = [f"{cohort.name}/{metric}" for cohort in yardstick.user_groups]
    cohorts += [f"{cohort.name}/recall{at}" for cohort in yardstick.item_groups]
    known = [name for name in cohorts if name in results[0].cohorts]  # a cohort may have no test pair
    first = markdown(rows, beyond, [BEYOND_NOTE], plain=True)
    second = markdown(rows, known, [*yardstick.sentences(), COHORT_NOTE], plain=True)
    return f"## Beyond accuracy\n\n{first}\n## Cohorts\n\n{second}"
