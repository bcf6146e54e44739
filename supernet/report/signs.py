"""What is to be distrusted in a finished search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOOP = "bilevel"
"""The strategy that trains alphas; what is said of a mixture holds there alone."""

DECIDED = 0.5
"""Entropy (1: undecided) above which a mixture is called undecided."""


def trains_alphas(search: Mapping[str, Any]) -> bool:
    """Whether the mixture of a search.json is one that was learnt."""
    return bool(search["strategy"] == LOOP)


def taken(search: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The epochs up to the one whose mixture was taken: a search may go back."""
    epochs: list[Mapping[str, Any]] = search["epochs"]
    return epochs[: search["taken"]] if search.get("taken") else epochs


def not_looked_at(search: Mapping[str, Any]) -> list[str]:
    """What the search has not measured of the signs of collapse, in sentences."""
    epochs = search["epochs"]
    if not epochs:
        return ["There was no supernet, so nothing but the design could be looked at."]
    if trains_alphas(search) and all(epoch["eigenvalue"] is None for epoch in epochs):
        return ["The dominant eigenvalue was not measured (search.eigenvalue_every=1 does)."]
    return []


def signs_of_collapse(search: Mapping[str, Any], genotype: Mapping[str, Any]) -> list[str]:
    """What is to be distrusted, in sentences; none where nothing is seen. Of the mixture nothing is said
    where another strategy chose, whose alphas are even from first to last."""
    found, epochs = [], taken(search)
    if epochs and trains_alphas(search):
        found += _of_alphas(epochs, search["metric"])
    if epochs and epochs[-1]["cosine"] and epochs[-1]["cosine"][-1] > 0.9:
        cosine = epochs[-1]["cosine"][-1]
        found.append(f"The last layer is over-smoothed: its mean cosine is {cosine:.2f}.")
    idle = [slot for slot, name in genotype["choices"].items() if _idle(slot, name)]
    if idle:
        slots = ", ".join(idle)
        found.append(
            f"These slots pass on nothing new: {slots}. Where that is depth left out, it is no harm."
        )
    return found


def _of_alphas(epochs: list[Mapping[str, Any]], metric: str) -> list[str]:
    found, last = [], epochs[-1]
    if last["entropy"] > DECIDED:
        found.append(
            f"The mixture is undecided: its entropy is {last['entropy']:.2f} of 1 at the end, so its "
            "argmax is close to a draw."
        )
    if last["score"] > 0 and abs(last["gap"]) > 0.02 * last["score"]:
        found.append(
            f"The gap is {last['gap']:+.4f} {metric} ({last['gap'] / last['score']:+.0%}): the argmax "
            "with inherited weights does not rank as the mixture does."
        )
    eigenvalues = [e["eigenvalue"] for e in epochs if e["eigenvalue"] is not None]
    if len(eigenvalues) > 1 and abs(eigenvalues[-1]) > 1.5 * abs(eigenvalues[0]):
        found.append(
            f"The dominant eigenvalue rose from {eigenvalues[0]:.3g} to {eigenvalues[-1]:.3g}: a sign "
            "that goes before a collapse."
        )
    return found


def _idle(slot: str, name: str) -> bool:
    return (slot.endswith("aggregate") and name == "none") or (slot.endswith("convolve") and name == "skip")
