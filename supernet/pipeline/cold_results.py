"""What the new items or users of the test fold say of each model: a table, and paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from supernet.config.schemas import EvalConfig
from supernet.data.cold import COLD, Task, tasks_of
from supernet.data.dataset import Dataset
from supernet.data.graph import ITEM
from supernet.evaluation.metrics import PerUser, evaluate
from supernet.evaluation.significance import Comparison, average_seeds, compare, holm
from supernet.pipeline.cold import TEST
from supernet.pipeline.cold_baselines import NOTES
from supernet.pipeline.contenders import ABLATION, DERIVED, RULED, Contender, Trained
from supernet.report.table import Row, markdown, terminal

UNABLE = {
    "item": "reads ids and interactions alone: it cannot tell new items apart",
    "user": "reads ids alone: it cannot tell new users apart",
}
SHOWN = ("recall", "ndcg")


@dataclass(frozen=True)
class ColdResult:
    """One model on the new nodes: "cold/recall@20" → one value a seed, none of a model that cannot tell them
    apart; the per-user values of the first ranking."""

    name: str
    metrics: dict[str, list[float]]
    per_user: tuple[PerUser, ...]
    note: str


@dataclass(frozen=True)
class ColdFindings:
    """All models on the new nodes of one side; comparisons: the derived model with each other one."""

    side: str
    told: str
    k: int
    results: list[ColdResult]
    comparisons: dict[str, Comparison]
    corrected: dict[str, float]

    def rows(self) -> list[Row]:
        """The rows of the table."""
        return [Row(r.name, r.metrics, 0.0, r.note, r.name == DERIVED) for r in self.results]

    @property
    def columns(self) -> list[str]:
        """Metrics that the table shows."""
        names = dict.fromkeys(name for result in self.results for name in result.metrics)
        return [name for name in names if name.rpartition("/")[2] in {f"{m}@{self.k}" for m in SHOWN}]

    @property
    def sentences(self) -> list[str]:
        """What was ranked, and the derived model against each other one."""
        return [self.told, *(self._sentence(name) for name in self.comparisons)]

    def _sentence(self, name: str) -> str:
        one = self.comparisons[name]
        return (
            f"derived against {name}: {one.metric} {one.mean_a:.4f} and {one.mean_b:.4f}, difference "
            f"{one.difference:+.4f} (95 % {one.low:+.4f} … {one.high:+.4f}), "
            f"Holm p = {self.corrected[name]:.2g}."
        )

    def markdown(self) -> str:
        """A section of results.md."""
        table = markdown(self.rows(), self.columns, self.sentences, plain=True)
        return f"## New {self.side}s\n\n{table}"

    def print(self) -> None:
        """The table on the terminal."""
        columns, notes = self.columns, self.sentences
        terminal(self.rows(), columns, notes, title=f"new {self.side}s: test", seconds=False)

    def report(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "side": self.side,
            "told": self.told,
            "models": {r.name: {"metrics": r.metrics, "note": r.note} for r in self.results},
            "comparisons": {name: asdict(one) for name, one in self.comparisons.items()},
            "holm_p": self.corrected,
        }


def open_cold(
    data: Dataset,
    contenders: Sequence[Contender],
    outcomes: Mapping[str, Sequence[Trained]],
    baselines: Mapping[str, Mapping[str, Tensor]],
    settings: EvalConfig,
) -> ColdFindings | None:
    """Look at the test fold of the new nodes, once, after every choice; None where there are none."""
    if data.cold is None:
        return None
    tasks, side = tasks_of(data, TEST), data.cold.side
    results = []
    for contender in contenders:
        lists = [trained.cold for trained in outcomes[contender.name] if trained.cold is not None]
        note = "" if lists else UNABLE[side]
        note = "its network alone" if lists and contender.fusion is not None else note
        results.append(_measured(contender.name, lists, note, tasks, settings.ks))
        ruled = [trained.cold_ruled for trained in outcomes[contender.name] if trained.cold_ruled is not None]
        if ruled:
            results.append(_measured(RULED, ruled, "under rules", tasks, settings.ks))
    for name, by_ranking in baselines.items():
        results.append(_measured(name, [by_ranking], NOTES[side][name], tasks, settings.ks))
    return _compared(side, _told(data), results, next(iter(tasks)), settings.metric)


def _measured(
    name: str,
    seeds: Sequence[Mapping[str, Tensor]],
    note: str,
    tasks: Mapping[str, Task],
    ks: Sequence[int],
) -> ColdResult:
    metrics: dict[str, list[float]] = {}
    first: list[PerUser] = []
    for lists in seeds:
        for ranking, task in tasks.items():
            if ranking not in lists:
                continue
            users = task.wanted.counts.nonzero().flatten()
            found = evaluate(lists[ranking][users], users, task.wanted, task.n_items, ks)
            for metric, value in found.means().items():
                metrics.setdefault(f"{ranking}/{metric}", []).append(value)
            if ranking == next(iter(tasks)):
                first.append(found)
    return ColdResult(name, metrics, tuple(first), note)


def _compared(side: str, told: str, results: list[ColdResult], ranking: str, metric: str) -> ColdFindings:
    averaged = {r.name: average_seeds(r.per_user) for r in results if r.per_user}
    others = [name for name in averaged if name != DERIVED and not name.startswith(ABLATION)]
    found = {n: compare(averaged[DERIVED], averaged[n], metric) for n in others if DERIVED in averaged}
    corrected = dict(zip(found, holm([one.p for one in found.values()]), strict=True))
    return ColdFindings(side, told, int(metric.split("@")[1]), results, found, corrected)


def _told(data: Dataset) -> str:
    assert data.cold is not None
    fold = data.cold.folds[TEST]
    pairs, count = fold.wanted.users.numel(), len(fold.ids)
    if data.cold.side != ITEM:
        return (
            f"{count:,} new users, folded in by {fold.given.users.numel():,} of their pairs; {pairs:,} pairs "
            "are to be found among all items but those."
        )
    return (
        f"{count:,} new items without a train pair; {pairs:,} pairs are to be found: {COLD}, among the new "
        "items; all, among known ones too, the user's own left out."
    )
