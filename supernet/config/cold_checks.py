"""The checks of what is held out as new items or users, and of what must agree with it."""

from __future__ import annotations

from supernet.config.loss_checks import known
from supernet.config.schemas import TrainConfig
from supernet.data.cold_splits import NONE, SIDES
from supernet.runtime import InputError


def check_cold(config: TrainConfig) -> None:
    """Names, shares, and who may be validated on. Errors: InputError, with what to set."""
    split = config.split
    known("split.cold", split.cold, SIDES)
    for name in ("cold_share", "cold_history"):
        share = getattr(split, name)
        if not 0 < share < 1:
            raise InputError(f"split.{name} must lie between 0 and 1, found {share}")
    if config.eval.cold and split.cold == NONE:
        raise InputError(
            "eval.cold=true validates on new items or users, and split.cold=none holds none out; set "
            "split.cold=items or users, or eval.cold=false"
        )
