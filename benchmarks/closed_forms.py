"""Baselines without training on a published split: quality, seconds, peak memory, each in a fresh process.

    python benchmarks/closed_forms.py --data FOLDER [--only NAME,NAME] [--quick]

Paper protocol: fitted on train.txt as it is (with valid.txt, where there is one), with their default
settings, ranked on test.txt once; nothing is chosen. EASE takes an hour of one core and 7 GiB on Gowalla.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file's own folder would hide the packages

from benchmarks import measure
from supernet.evaluation.baselines import BASELINES
from supernet.evaluation.metrics import evaluate
from supernet.evaluation.ranking import top_items

K = 20


def main() -> None:
    """A process for each baseline."""

    def add(parser) -> None:
        parser.add_argument("--only", help="names, with commas between them")
        parser.add_argument("--case", help="the one baseline to fit in this process")

    chosen = measure.options(__doc__, add)
    if chosen.case:
        print(json.dumps(one(chosen.case, measure.Interactions(chosen.data))))
        return
    names = chosen.only.split(",") if chosen.only else list(BASELINES)
    for name in names[:2] if chosen.quick else names:
        same = ("--data", str(chosen.data), "--threads", str(chosen.threads))
        found = measure.fresh("closed_forms.py", *same, "--case", name)
        data = chosen.data.name
        measure.row(f"closed_forms/{data}/{name}", [found.pop("ndcg")], "ndcg@20", protocol="paper", **found)


def one(name: str, data: measure.Interactions) -> dict[str, object]:
    """Fit, rank, measure."""
    start = time.perf_counter()
    score = BASELINES[name](data.train, data.n_users, data.n_items)
    fitted = time.perf_counter()
    test = data.user_items(data.test)
    users = (test.counts > 0).nonzero().flatten()
    top = top_items(score, users, data.user_items(data.train), K)
    means = evaluate(top, users, test, data.n_items, ks=(K,)).means()
    return {
        "ndcg": means[f"ndcg@{K}"],
        "recall": means[f"recall@{K}"],
        "coverage": means[f"coverage@{K}"],
        "fit_seconds": fitted - start,
        "rank_seconds": time.perf_counter() - fitted,
        "peak_gib": measure.peak_memory() / 2**30,
        "settings": BASELINES[name].defaults,
        "note": BASELINES[name].note(data.n_items),
    }


if __name__ == "__main__":
    main()
