"""The checks of what is held out as new items or users, and of what must agree with it."""

from __future__ import annotations

from ops.registry import topic_of
from supernet.config.loss_checks import known
from supernet.config.schemas import SpaceConfig, TrainConfig
from supernet.data.cold_splits import ITEMS, NONE, SIDES
from supernet.data.graph import TEXT_KNN
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
    if split.cold != NONE and getattr(config.data, "undirected", False):
        raise InputError(
            f"split.cold={split.cold} with data.undirected=true: new people would be new users and new items "
            "at once, which is not made yet; leave one of the two"
        )
    if config.eval.cold and split.cold == ITEMS and not reads_views(config.space):
        raise InputError(
            "eval.cold=true validates on new items, and no design of the space reads texts, so none tells "
            "them apart; set eval.cold=false, or let space.features read a view, such as sum:minilm"
        )


def reads_views(space: SpaceConfig) -> bool:
    """Whether some design of the space reads what is known of items beside their ids."""
    names = [*space.features, *(name for slot in space.slots.values() for name in slot)]
    return any(topic_of(name) for name in names if name) or TEXT_KNN in space.relations
