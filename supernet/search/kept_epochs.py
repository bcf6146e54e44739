"""Epochs of a search whose mixture may be taken in place of the last one's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from supernet.search.record import SearchEpoch


class KeptEpochs:
    """The best epoch, and the last one that was looked at before the eigenvalue rose, each with its number,
    mixture, alphas, score and eigenvalue.

    snapshot: which epoch is best and taken at the end: "mixture", whose mixture ranked best on valid, with
    its weights; "design", whose argmax did, with the weights of the end; "none", the last. stop: the search
    is to end where the eigenvalue of before over the present one falls below this share (0: never), and goes
    back to `before`. Paper: arXiv 1909.09656
    """

    def __init__(self, snapshot: str, stop: float) -> None:
        self.snapshot, self.stop = snapshot, stop
        self.best: dict[str, Any] | None = None
        self.before: dict[str, Any] | None = None
        self.stopped = False

    def look(
        self,
        record: SearchEpoch,
        mixture: dict[str, Tensor],
        alphas: Mapping[str, Tensor],
        weights: Sequence[Tensor],
    ) -> None:
        """Keep an epoch where it is the best yet, or the eigenvalue has not risen since the one before."""
        whole = self.snapshot == "mixture"
        now = {
            "epoch": record.epoch,
            "mixture": mixture,
            "alphas": {slot: alpha.detach().clone() for slot, alpha in alphas.items()},
            "score": record.score if whole else record.derived_score,
            "eigenvalue": record.eigenvalue,
        }
        if self.best is None or now["score"] > self.best["score"]:
            kept = [weight.detach().clone() for weight in weights] if whole else []
            self.best = now | {"weights": kept}
        if self.stop and record.eigenvalue is not None:
            before = None if self.before is None else abs(self.before["eigenvalue"])
            self.stopped = before is not None and before < self.stop * abs(record.eigenvalue)
            self.before = self.before if self.stopped else now

    @property
    def taken(self) -> dict[str, Any] | None:
        """The epoch whose mixture is taken; None is the last."""
        if self.stopped:
            return self.before
        return None if self.snapshot == "none" else self.best

    def forget(self) -> None:
        """Go back to no epoch before now: candidates of it were dropped."""
        self.best = self.before = None

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors."""
        return {"best": self.best, "before": self.before, "stopped": self.stopped}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; other keys are passed over."""
        self.best, self.before, self.stopped = state["best"], state["before"], state["stopped"]
