"""What derive.py leaves: metrics.json, results.md, two parquet files, and the table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from supernet.config import DeriveConfig, TrainConfig
from supernet.data.dataset import Dataset
from supernet.evaluation.rules import Bound
from supernet.pipeline.cold_results import ColdFindings
from supernet.pipeline.contenders import Trained
from supernet.pipeline.protocol import PROTOCOLS, setting
from supernet.pipeline.recipes import VERSION, origin
from supernet.pipeline.results import Result
from supernet.pipeline.ruled import pack_rules, rules_report, rules_section, rules_sentence
from supernet.pipeline.tables import beyond_tables, result_rows
from supernet.pipeline.verdict import Verdict, ablation_sentences
from supernet.pipeline.yardstick import Yardstick
from supernet.report.table import markdown, terminal
from supernet.runtime import atomic_path, versions, write_json, write_text
from supernet.space import Genotype


@dataclass(frozen=True)
class Findings:
    """What the files tell: the data and configs, the design searched, the results of all models and the
    verdict on them, what they were measured with, the derived model's first training, the rules for its
    lists, and what the new nodes say, where there are some."""

    data: Dataset
    run: TrainConfig
    config: DeriveConfig
    genotype: Genotype
    results: Sequence[Result]
    verdict: Verdict
    yardstick: Yardstick
    derived: Trained
    rules: Bound | None = None
    cold: ColdFindings | None = None

    @property
    def recommended(self) -> Tensor:
        """What is recommended, (N_users, top): the derived model's lists, under the rules where there are."""
        lists = self.derived.lists if self.derived.ruled is None else self.derived.ruled
        return lists[:, : self.config.top]


def write_results(folder: Path, found: Findings) -> None:
    """per_user.parquet, recommendations.parquet, results.md; at last metrics.json, by which the run counts as
    derived; and the table on the terminal."""
    data, run, config, results, verdict = found.data, found.run, found.config, found.results, found.verdict
    _write_per_user(folder / "per_user.parquet", data, results, config)
    _write_lists(folder / "recommendations.parquet", found)
    rows = result_rows(results, float(found.genotype.metrics.get("seconds", 0.0)))
    flag, seen = PROTOCOLS[config.protocol], setting(run, config)
    sources = ablation_sentences(verdict)
    ruled = [] if found.rules is None else [rules_sentence(found.rules, found.derived)]
    table = markdown(rows, footnotes=[verdict.sentence, *_warnings(verdict), *sources, *ruled, flag, seen])
    head = f"# {data.name} ({config.protocol} protocol)\n\n**{flag}**\n"
    more = beyond_tables(results, found.yardstick, run.eval.metric)
    if found.rules is not None:
        pack_rules(folder, found.rules)
        more = f"{rules_section(found.rules, found.derived)}\n{more}"
    more += "" if found.cold is None else f"\n{found.cold.markdown()}"
    write_text(folder / "results.md", f"{head}\n{table}\n{more}\n")
    write_json(folder / "metrics.json", _report(found))
    title = f"{data.name}: test, {config.protocol} protocol"
    terminal(rows, footnotes=[verdict.sentence, *sources, *ruled, flag, seen], title=title)
    if found.cold is not None:
        found.cold.print()
    _print_example(data, found.recommended)


def _warnings(verdict: Verdict) -> list[str]:
    return [f"WARNING: {defeat.sentence}." for defeat in verdict.beaten_by]


def _report(found: Findings) -> dict[str, Any]:
    data, run, config, verdict = found.data, found.run, found.config, found.verdict
    return {
        "version": VERSION,
        "data": {"name": data.name, "users": data.n_users, "items": data.n_items, "notes": list(data.notes)},
        "protocol": {"name": config.protocol, "sentence": PROTOCOLS[config.protocol]},
        "setting": setting(run, config),
        "run": origin(run),
        "recipes": config.recipes,
        "init_from": config.init_from,
        "genotype": found.genotype.hash,
        "search_seconds": found.genotype.metrics.get("seconds"),
        "seeds": list(config.seeds),
        "models": {result.name: result.report() for result in found.results},
        "cohorts": found.yardstick.report(),
        "cold": None if found.cold is None else found.cold.report(),
        "comparisons": {
            name: asdict(comparison) | {"seeds": asdict(verdict.seeds[name])}
            for name, comparison in verdict.comparisons.items()
        },
        "ablations": {name: asdict(comparison) for name, comparison in verdict.ablations.items()},
        "network": {
            name: asdict(comparison)
            | {"holm_p": verdict.network_p[name], "seeds": asdict(verdict.network_seeds[name])}
            for name, comparison in verdict.network.items()
        },
        "rules": None if found.rules is None else rules_report(found.rules, found.derived),
        "holm_p": verdict.corrected,
        "derived_ahead": verdict.wins,
        "derived_wins": verdict.significant,
        "network_wins": verdict.network_wins,
        "beaten_by": [asdict(defeat) for defeat in verdict.beaten_by],
        "warnings": [defeat.sentence for defeat in verdict.beaten_by],
        "verdict": verdict.sentence,
        "versions": versions(),
    }


def _write_per_user(path: Path, data: Dataset, results: Sequence[Result], config: DeriveConfig) -> None:
    tables = []
    for result in results:
        for place, measured in zip(result.places, result.per_user, strict=True):
            seed = config.seeds[place]
            n = len(measured.users)
            columns: Mapping[str, Any] = {
                "user": data.user_ids[measured.users.numpy()].astype(str),
                "model": np.repeat(result.name, n),
                "seed": np.repeat(seed, n),
                "protocol": np.repeat(config.protocol, n),
                **{metric: values.numpy() for metric, values in measured.values.items()},
            }
            tables.append(pa.table(columns))
    _write_table(path, pa.concat_tables(tables), config.protocol)


def _write_lists(path: Path, found: Findings) -> None:
    data, config, lists = found.data, found.config, found.recommended.numpy()
    user, rank = np.nonzero(lists >= 0)
    items = lists[user, rank]
    table = pa.table(
        {
            "user": data.user_ids[user].astype(str),
            "rank": rank + 1,
            "item": data.item_ids[items].astype(str),
            "title": data.titles[items].astype(str),
            "protocol": np.repeat(config.protocol, len(items)),
        }
    )
    _write_table(
        path, table, config.protocol, {} if found.rules is None else {"rules": found.rules.book.text}
    )


def _write_table(path: Path, table: pa.Table, protocol: str, more: Mapping[str, str] | None = None) -> None:
    flagged = table.replace_schema_metadata({"protocol": PROTOCOLS[protocol], **(more or {})})
    with atomic_path(path) as temporary:
        pq.write_table(flagged, temporary)


def _print_example(data: Dataset, lists: Tensor) -> None:
    items = [int(i) for i in lists[0, :5] if i >= 0]
    titles = " · ".join(str(data.titles[i]) for i in items)
    print(f"For user {data.user_ids[0]}, for example: {titles}")
