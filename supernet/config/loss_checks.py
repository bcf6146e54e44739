"""The checks of the loss node, and of what must agree with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ops.registry import Registry
from supernet.config.schemas import LossConfig, SpaceConfig, TrainConfig
from supernet.runtime import InputError
from supernet.training.losses import LOSSES, SAMPLINGS, SHARED, SOLE


def known(key: str, value: str, choices: Registry[Any] | Iterable[str]) -> None:
    """Errors: InputError where `value` is not one of `choices`, which the message lists."""
    if value not in choices:
        raise InputError(f"{key}: unknown name {value!r}; choose from: {', '.join(choices)}")


def check_loss(config: TrainConfig) -> None:
    """Names, shares, and fields of the loss that must agree. Errors: InputError, with what to set."""
    loss = config.loss
    known("loss.name", loss.name, LOSSES)
    known("loss.similarity", loss.similarity, ("cosine", "score"))
    known("loss.sampling", loss.sampling, SAMPLINGS)
    for name in ("item_norm", "hard"):
        share = getattr(loss, name)
        if not 0 <= share <= 1:
            raise InputError(f"loss.{name} must lie in [0, 1], found {share}")
    _negatives(loss)
    _sampling(loss)
    if loss.name not in SHARED and loss.correction:
        raise InputError(
            f"loss.correction is of the softmax losses, found {loss.correction} with loss.name={loss.name}; "
            "set loss.correction=0"
        )
    if loss.contrast:
        _contrast(loss, config.space)
    _score(loss, config.space.slots.get("score", config.space.score))


def _negatives(loss: LossConfig) -> None:
    found = f"found negatives={loss.negatives}, in_batch={loss.in_batch}"
    if loss.name in SOLE:
        if loss.in_batch or loss.negatives:
            raise InputError(
                f"loss: {loss.name} has no negatives; set loss.negatives=0 and loss.in_batch=false, {found}"
            )
    elif loss.name in SHARED:
        if not loss.in_batch and loss.negatives < 1 and loss.sampling != "all":
            raise InputError(
                f"loss: {loss.name} needs negatives; set loss.in_batch=true or loss.negatives above 0"
            )
    elif loss.in_batch or loss.negatives < 1:
        raise InputError(f"loss: {loss.name} takes loss.negatives above 0 and loss.in_batch=false, {found}")


def _sampling(loss: LossConfig) -> None:
    if loss.sampling == "all" and (loss.name not in SHARED or loss.in_batch):
        raise InputError(
            f"loss.sampling=all is for {' and '.join(SHARED)} with loss.in_batch=false, found loss.name="
            f"{loss.name}, in_batch={loss.in_batch}"
        )
    if loss.sampling in ("popularity", "hard") and loss.negatives < 1:
        raise InputError(
            f"loss.sampling={loss.sampling} needs loss.negatives above 0, found {loss.negatives}; or set "
            "loss.sampling=uniform"
        )


def _contrast(loss: LossConfig, space: SpaceConfig) -> None:
    if loss.contrast_layer > space.layers:
        raise InputError(
            f"loss.contrast_layer={loss.contrast_layer} is more than space.layers={space.layers}; set it "
            "to at most that"
        )
    readouts = space.slots.get("readout", space.readout)
    if "concat" in readouts:
        raise InputError(
            f"loss.contrast={loss.contrast} sets final vectors against a layer's, and concat makes them "
            f"wider; leave it out of space.readout={list(readouts)} or set loss.contrast=0"
        )


def _score(loss: LossConfig, scores: list[str]) -> None:
    if loss.item_norm != 1 and "mlp" in scores:
        raise InputError(
            f"loss.item_norm={loss.item_norm} is for the dot and cosine scores, found space.score="
            f"{list(scores)}; set loss.item_norm=1 or leave mlp out"
        )
    if loss.sampling == "all" and (len(scores) > 1 or "mlp" in scores):
        raise InputError(
            f"loss.sampling=all needs a score that is one product, found space.score={list(scores)}; set "
            "space.score=[dot] or [cosine]"
        )
    if loss.name in SOLE and (len(scores) > 1 or "mlp" in scores):
        raise InputError(
            f"loss.name={loss.name} trains no score slot, found space.score={list(scores)}; set "
            "space.score=[dot] or [cosine]"
        )
