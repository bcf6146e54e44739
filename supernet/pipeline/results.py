"""What derive.py found, as numbers, files and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from supernet.config import DeriveConfig, TrainConfig
from supernet.data.dataset import Dataset, UserItems
from supernet.evaluation.metrics import PerUser, evaluate
from supernet.evaluation.significance import Comparison, average_seeds, compare, holm
from supernet.pipeline.contenders import DERIVED, Contender, Trained
from supernet.report.table import Row, markdown, terminal
from supernet.runtime import atomic_path, versions, write_json, write_text
from supernet.space import Genotype

VERSION = 1


@dataclass(frozen=True)
class Result:
    """The test metrics of one model: metric → one value a seed; per-user values of every seed; seconds;
    recipe."""

    name: str
    metrics: dict[str, list[float]]
    per_user: tuple[PerUser, ...]
    seconds: float
    note: str
    recipe: dict[str, Any] | None
    epochs: list[int]

    @classmethod
    def of(
        cls,
        name: str,
        contender: Contender | None,
        trained: Sequence[Trained],
        test: UserItems,
        data: Dataset,
        ks: Sequence[int],
    ) -> Result:
        """Measure the lists of every seed on the test part."""
        users = (test.counts > 0).nonzero().flatten()
        measured = [evaluate(t.lists[users], users, test, data.n_items, ks=tuple(ks)) for t in trained]
        means = [m.means() for m in measured]
        tuning = contender.tuned.seconds if contender and contender.tuned else trained[0].tuning_seconds
        failures = [t.failure for t in trained if t.failure]
        note = trained[0].note if contender is None else contender.note
        return cls(
            name=name,
            metrics={metric: [m[metric] for m in means] for metric in means[0]},
            per_user=tuple(measured),
            seconds=sum(t.seconds for t in trained) / len(trained) + tuning,
            note=f"{note}; {failures[0]}" if failures else note,
            recipe=trained[0].settings if contender is None else asdict(contender.recipe),
            epochs=[t.epochs for t in trained],
        )

    @classmethod
    def mean(cls, name: str, results: Sequence[Result]) -> Result:
        """The mean over several models, seed by seed."""
        metrics = {
            metric: [
                float(np.mean(values)) for values in zip(*(r.metrics[metric] for r in results), strict=True)
            ]
            for metric in results[0].metrics
        }
        per_user = tuple(average_seeds(seed) for seed in zip(*(r.per_user for r in results), strict=True))
        seconds = sum(r.seconds for r in results) / len(results)
        return cls(name, metrics, per_user, seconds, results[0].note, results[0].recipe, results[0].epochs)


@dataclass(frozen=True)
class Verdict:
    """The derived model against each other one, p-values corrected by Holm; `beaten_by` are the significant
    losses."""

    comparisons: dict[str, Comparison]
    corrected: dict[str, float]
    wins: bool
    significant: bool
    beaten_by: list[str]
    sentence: str


def judge(results: Sequence[Result], metric: str) -> Verdict:
    """Compare the derived model with every other by paired tests over users (seeds averaged) on `metric`.

    Significant means both: Holm-corrected Wilcoxon p below .05, and a bootstrap interval without zero.
    """
    averaged = {r.name: average_seeds(r.per_user) for r in results}
    others = [r.name for r in results if r.name != DERIVED]
    found = {name: compare(averaged[DERIVED], averaged[name], metric) for name in others}
    corrected = dict(zip(others, holm([found[name].p for name in others]), strict=True))
    beaten = [n for n in others if found[n].high < 0 and corrected[n] < 0.05]
    ahead = [n for n in others if found[n].difference < 0]
    if not others:
        return Verdict({}, {}, True, False, [], "There is no other model to compare with.")
    best = max(others, key=lambda name: found[name].mean_b)
    one = found[best]
    gap = f"{metric} {one.mean_a:.4f} against {one.mean_b:.4f} of {best}, the best other"
    interval = f"95 % {one.low:+.4f} … {one.high:+.4f}"
    test = f"difference {one.difference:+.4f} ({interval}), Holm p = {corrected[best]:.2g}"
    if ahead:
        word = "significantly " if best in beaten else ""
        sentence = f"The derived model does NOT win: it is {word}behind {', '.join(ahead)}. {gap}; {test}."
    elif corrected[best] < 0.05 and one.low > 0:
        sentence = f"The derived model wins significantly: {gap}; {test}."
    else:
        sentence = (
            f"The derived model is ahead, but NOT beyond noise: {gap}; {test} "
            "(a win needs p < .05 over users and an interval without zero)."
        )
    significant = not ahead and corrected[best] < 0.05 and one.low > 0
    return Verdict(found, corrected, not ahead, significant, beaten, sentence)


def write_results(
    folder: Path,
    data: Dataset,
    run: TrainConfig,
    config: DeriveConfig,
    genotype: Genotype,
    results: Sequence[Result],
    verdict: Verdict,
    derived: Trained,
) -> None:
    """metrics.json, per_user.parquet, recommendations.parquet, results.md; and the table on the terminal."""
    write_json(folder / "metrics.json", _report(data, run, config, genotype, results, verdict))
    _write_per_user(folder / "per_user.parquet", data, results, config.seeds)
    _write_lists(folder / "recommendations.parquet", data, derived, config.top)
    searched = float(genotype.metrics.get("seconds", 0.0))
    rows = [
        Row(r.name, r.metrics, r.seconds + searched * (r.name == DERIVED), r.note, r.name == DERIVED)
        for r in results
    ]
    feet = [verdict.sentence, _protocol(run, config)]
    write_text(folder / "results.md", f"# {data.name}\n\n{markdown(rows, footnotes=feet)}\n")
    terminal(rows, footnotes=feet, title=f"{data.name}: test")
    _print_example(data, derived)


def _protocol(run: TrainConfig, config: DeriveConfig) -> str:
    refit = "refitted on train + alpha + valid" if config.refit else "trained on train alone"
    return (
        f"Split {run.split.method}, seed {run.seed}; {len(config.seeds)} training seeds; full ranking, items "
        f"known to the user left out; {refit}; loss {run.loss.name}, the same for all. Seconds: the "
        "derived model's search, tuning where a model has its own, and the mean of the trainings."
    )


def _report(
    data: Dataset,
    run: TrainConfig,
    config: DeriveConfig,
    genotype: Genotype,
    results: Sequence[Result],
    verdict: Verdict,
) -> dict[str, Any]:
    models = {
        r.name: {
            "metrics": r.metrics,
            "seconds": r.seconds,
            "note": r.note,
            "recipe": r.recipe,
            "epochs": r.epochs,
        }
        for r in results
    }
    return {
        "version": VERSION,
        "data": {"name": data.name, "users": data.n_users, "items": data.n_items, "notes": list(data.notes)},
        "protocol": _protocol(run, config),
        "genotype": genotype.hash,
        "search_seconds": genotype.metrics.get("seconds"),
        "seeds": list(config.seeds),
        "models": models,
        "comparisons": {name: asdict(c) for name, c in verdict.comparisons.items()},
        "holm_p": verdict.corrected,
        "derived_ahead": verdict.wins,
        "derived_wins": verdict.significant,
        "beaten_by": verdict.beaten_by,
        "verdict": verdict.sentence,
        "versions": versions(),
    }


def _write_per_user(path: Path, data: Dataset, results: Sequence[Result], seeds: Sequence[int]) -> None:
    tables = []
    for result in results:
        for seed, measured in zip(seeds, result.per_user, strict=False):
            n = len(measured.users)
            columns: Mapping[str, Any] = {
                "user": data.user_ids[measured.users.numpy()].astype(str),
                "model": np.repeat(result.name, n),
                "seed": np.repeat(seed, n),
                **{metric: values.numpy() for metric, values in measured.values.items()},
            }
            tables.append(pa.table(columns))
    with atomic_path(path) as temporary:
        pq.write_table(pa.concat_tables(tables), temporary)


def _write_lists(path: Path, data: Dataset, derived: Trained, top: int) -> None:
    lists = derived.lists[:, :top].numpy()
    user, rank = np.nonzero(lists >= 0)
    items = lists[user, rank]
    table = pa.table(
        {
            "user": data.user_ids[user].astype(str),
            "rank": rank + 1,
            "item": data.item_ids[items].astype(str),
            "title": data.titles[items].astype(str),
        }
    )
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def _print_example(data: Dataset, derived: Trained) -> None:
    items = [int(i) for i in derived.lists[0, :5] if i >= 0]
    titles = " · ".join(str(data.titles[i]) for i in items)
    print(f"For user {data.user_ids[0]}, for example: {titles}")
