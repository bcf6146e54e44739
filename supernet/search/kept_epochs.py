"""Epochs of a search to which it may go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from supernet.search.averaging import copy_weights
from supernet.search.record import SearchEpoch

STATE = ("best", "peak", "looks", "stopped", "frozen")

WINDOW = 2
"""Looks at the eigenvalue whose sizes are averaged: one is of a single batch."""


class KeptEpochs:
    """Epochs with their number, mixture and alphas: the `peak`, whose mixture ranked best on valid; the
    `best`, whose argmax did; and the last ones whose eigenvalue was looked at, two windows of `looks`.

    snapshot: which is taken at the end: "mixture", the peak with its weights; "design", the best with the
    weights of the end; "none", the last epoch. stop: the search is to end where the eigenvalue's mean size in
    the `WINDOW` looks of before over that in the last falls below this share (0: never), and goes back to
    the last epoch of before. Paper: arXiv 1909.09656, whose windows are of five epochs.
    drop: where a mixture ranks worse than the peak by more than this share of its score (0: never), alphas
    go back to the peak and are frozen from there on; frozen: the number of that epoch, 0 for none.
    Scores are less the expected cost, where the search weighs any.
    """

    def __init__(self, snapshot: str, stop: float, drop: float) -> None:
        self.snapshot, self.stop, self.drop = snapshot, stop, drop
        self.best: dict[str, Any] | None = None
        self.peak: dict[str, Any] | None = None
        self.looks: list[dict[str, Any]] = []
        self.stopped, self.frozen = False, 0

    def look(
        self,
        record: SearchEpoch,
        mixture: dict[str, Tensor],
        alphas: Mapping[str, Tensor],
        weights: Sequence[Tensor],
    ) -> None:
        """Keep an epoch where it is the best yet, or its eigenvalue was looked at, which is not asked for any
        more once alphas are frozen, as it is theirs."""
        now = {
            "epoch": record.epoch,
            "mixture": mixture,
            "alphas": {slot: alpha.detach().clone() for slot, alpha in alphas.items()},
            "score": record.score,
            "worth": record.score - record.cost,
            "derived_worth": record.derived_score - record.derived_cost,
            "eigenvalue": record.eigenvalue,
        }
        if self.peak is None or now["worth"] > self.peak["worth"]:
            kept = weights if self.snapshot == "mixture" else []
            self.peak = now | {"weights": [weight.detach().clone() for weight in kept]}
        if self.best is None or now["derived_worth"] > self.best["derived_worth"]:
            self.best = now
        if self.stop and record.eigenvalue is not None and not self.frozen:
            self.looks = [*self.looks, now][-2 * WINDOW :]
            sizes = [abs(look["eigenvalue"]) for look in self.looks]
            before, last = sum(sizes[:-WINDOW]), sum(sizes[-WINDOW:])
            self.stopped = len(sizes) == 2 * WINDOW and before < self.stop * last

    def freeze(self, record: SearchEpoch, alphas: Mapping[str, Tensor]) -> None:
        """Put the alphas back to the peak where the mixture of this epoch is `drop` of its score below it."""
        if self.stopped or self.frozen or not self.drop or self.peak is None:
            return
        if record.score - record.cost < self.peak["worth"] - self.drop * self.peak["score"]:
            self.frozen = record.epoch
            copy_weights([self.peak["alphas"][slot] for slot in alphas], list(alphas.values()))

    @property
    def taken(self) -> dict[str, Any] | None:
        """The epoch that is taken at the end; None is the last."""
        return taken_of(self.state_dict(), self.snapshot)

    def forget(self) -> None:
        """Go back to no epoch before now: candidates of it were dropped."""
        self.best, self.peak, self.looks = None, None, []

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors."""
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; other keys are passed over."""
        for name in STATE:
            setattr(self, name, state[name])


def taken_of(state: Mapping[str, Any], snapshot: str) -> dict[str, Any] | None:
    """The epoch that a search with this state takes at its end; None is the last."""
    if state["stopped"]:
        found = state["looks"][-1 - WINDOW]
    else:
        found = {"none": None, "design": state["best"], "mixture": state["peak"]}[snapshot]
    return found if found is None else dict(found)
