"""Epochs of a search to which it may go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from supernet.search.averaging import copy_weights
from supernet.search.record import SearchEpoch

STATE = ("best", "before", "peak", "stopped", "still")


class KeptEpochs:
    """The best epoch, and the last one that was looked at before the eigenvalue rose, each with its number,
    mixture, alphas, score and eigenvalue.

    snapshot: which epoch is best and taken at the end: "mixture", whose mixture ranked best on valid, with
    its weights; "design", whose argmax did, with the weights of the end; "none", the last. stop: the search
    is to end where the eigenvalue of before over the present one falls below this share (0: never), and goes
    back to `before`. Paper: arXiv 1909.09656. patience: where the mixture ranked no better for so many epochs
    (0: never), alphas go back to the epoch where it was best, the peak, and are `still` from there on.
    """

    def __init__(self, snapshot: str, stop: float, patience: int) -> None:
        self.snapshot, self.stop, self.patience = snapshot, stop, patience
        self.best: dict[str, Any] | None = None
        self.before: dict[str, Any] | None = None
        self.peak: dict[str, Any] | None = None
        self.stopped = self.still = False

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
        if self.peak is None or record.score > self.peak["score"]:
            self.peak = {name: now[name] for name in ("epoch", "alphas")} | {"score": record.score}

    def go_still(self, epoch: int, alphas: Mapping[str, Tensor]) -> None:
        """Put the alphas back where the mixture has been worse for `patience` epochs."""
        if self.still or not self.patience or self.peak is None:
            return
        if epoch - self.peak["epoch"] >= self.patience:
            self.still = True
            copy_weights([self.peak["alphas"][slot] for slot in alphas], list(alphas.values()))

    @property
    def taken(self) -> dict[str, Any] | None:
        """The epoch whose mixture is taken; None is the last."""
        if self.stopped:
            return self.before
        return None if self.snapshot == "none" else self.best

    def forget(self) -> None:
        """Go back to no epoch before now: candidates of it were dropped."""
        self.best = self.before = self.peak = None

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors."""
        return {name: getattr(self, name) for name in STATE}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; other keys are passed over."""
        for name in STATE:
            setattr(self, name, state[name])
