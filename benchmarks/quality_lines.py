"""The lines of quality.jsonl: one a model, and one of the verdict, which ends a run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from supernet.pipeline.contenders import DERIVED, NETWORK, RULED

SEARCHED = (DERIVED, RULED, NETWORK)
"""Models that cost the search too."""


def quality_lines(found: dict, same: dict) -> list[dict]:
    """The lines of a metrics.json; same: what stands in each of them."""
    verdict = {"name": f"quality/{same['data']}/verdict", "value": found["verdict"], "unit": "sentence"}
    verdict |= {key: found[key] for key in ("derived_ahead", "derived_wins", "beaten_by", "holm_p")}
    verdict["network_wins"] = found.get("network_wins")
    return [
        *(model_line(name, model, found, same) for name, model in found["models"].items()),
        verdict | same,
    ]


def model_line(name: str, model: dict, found: dict, same: dict) -> dict:
    """NDCG@20 as the value, the other means and the spread over seeds beside it; search_seconds: those of the
    seconds that are the search's; network_p: Holm's, of the derived model's network alone against this one,
    where it is fused."""
    values = model["metrics"]["ndcg@20"]
    searched = (found["search_seconds"] or 0.0) * (name in SEARCHED)
    return {
        "name": f"quality/{same['data']}/{name}",
        "value": statistics.fmean(values),
        "unit": "ndcg@20",
        "min": min(values),
        "max": max(values),
        "repeats": len(values),
        "sd": statistics.stdev(values) if len(values) > 1 else None,
        "seeds": found["seeds"][: len(values)],
        "metrics": means(model["metrics"]),
        "beyond": means(model["beyond"]),
        "cohorts": means(model["cohorts"]),
        "seconds": model["seconds"] + searched,
        "search_seconds": searched,
        "epochs": model["epochs"],
        "note": model["note"],
        "recipe": model["recipe"],
        "holm_p": found["holm_p"].get(name),
        "network_p": found.get("network", {}).get(name, {}).get("holm_p"),
    } | same


def means(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Metric → its mean over the seeds."""
    return {metric: statistics.fmean(per_seed) for metric, per_seed in values.items()}
