"""Keys that another key leaves without effect: they are refused where they are given, and not passed over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import MISSING, fields

from supernet.config.cold_checks import reads_views
from supernet.config.derive_schemas import DeriveConfig
from supernet.config.schemas import TrainConfig
from supernet.data.cold_splits import ITEMS, NONE, USERS
from supernet.data.graph import COOCCURRENCE, KNOWLEDGE, TEXT_KNN, TRUST
from supernet.runtime import InputError
from supernet.search.settings import ADVISOR, BILEVEL
from supernet.training.losses import READ_WITH, lacking
from supernet.training.recipe import Recipe

Row = tuple[str, bool, str]
"""A key, whether it is read, and what is to be set so that it is."""

OF_THE_LOOP = (
    "warmup",
    "alpha_lr",
    "alpha_batch_size",
    "alpha_every",
    "temperature_start",
    "temperature_end",
    "temperature_schedule",
    "settle",
)
"""Settings of search.strategy=bilevel that experiments set too; `search_checks.OF_ALPHAS` are the others."""

OF_RELATIONS = {
    "neighbours": (COOCCURRENCE, TEXT_KNN),
    "text_view": (TEXT_KNN,),
    "shrinkage": (COOCCURRENCE,),
    "trust_path": (TRUST,),
    "knowledge_path": (KNOWLEDGE,),
    "entities_path": (KNOWLEDGE,),
}
"""Settings of the graph, and the relations that read them."""

OF_NEW = {"neighbours": (ITEMS,), "text_view": (ITEMS, USERS)}
"""Those that baselines of new items or users read too, from the texts."""


def check_unread(config: TrainConfig, given: Collection[str] | None = None) -> None:
    """given: the keys that somebody set; None: all, those of presets and experiments too. Values that are the
    schema's own are never refused. Errors: InputError for a key that is set and that nothing reads."""
    _refuse(config, _rows(config), given)


def check_unread_derive(config: DeriveConfig) -> None:
    """As `check_unread`, for `derive.py`."""
    tunes = config.finetune.text != "none"
    keys = [f"finetune.{item.name}" for item in fields(config.finetune) if item.name != "text"]
    _refuse(config, ((key, tunes, "finetune.text=lora") for key in keys), None)


def unread(key: str, value: object, wanted: str) -> InputError:
    """The error for a key that is set where what it needs is not. wanted: that, in words."""
    return InputError(
        f"{key}={value} is read where {wanted} is set, and that is not so here: set it, or leave {key} out"
    )


def _rows(config: TrainConfig) -> Iterator[Row]:
    yield from _of_loss(config)
    loop, advised = config.search.strategy == BILEVEL, config.search.strategy == ADVISOR
    yield from ((f"search.{name}", loop, f"search.strategy={BILEVEL}") for name in OF_THE_LOOP)
    for item in fields(config.search.advisor):
        yield f"search.advisor.{item.name}", advised, f"search.strategy={ADVISOR}"
    for name, relations in OF_RELATIONS.items():
        there = any(relation in config.space.relations for relation in relations)
        new = bool(config.text.views) and config.split.cold in OF_NEW.get(name, ())
        yield f"graph.{name}", there or new, f"{' or '.join(relations)} in space.relations"
    yield "split.cold_share", config.split.cold != NONE, "split.cold=items|users"
    yield "split.cold_history", config.split.cold == USERS, "split.cold=users"
    yield "training.item_dropout", reads_views(config.space), "a view in space.features, such as sum:minilm,"
    if hasattr(config.data, "items_path"):
        for name in ("items_id", "title", "text"):
            yield f"data.{name}", config.data.items_path is not None, "data.items_path"


def _of_loss(config: TrainConfig) -> Iterator[Row]:
    loss = config.loss
    recipe = Recipe(loss=loss.name, sampling=loss.sampling, contrast=loss.contrast)
    for name in READ_WITH:
        wanted = lacking(name, recipe)
        none = name == "negatives" and loss.negatives == 0  # which is so, whatever reads it
        yield f"loss.{name}", none or not wanted, wanted


def _refuse(config: object, rows: Iterable[Row], given: Collection[str] | None) -> None:
    for key, read, wanted in rows:
        if read or (given is not None and key not in given):
            continue
        node, value = None, config
        for name in key.split("."):
            node, value = value, getattr(value, name)
        if value != _usual(node, key.rpartition(".")[2]):
            raise unread(key, value, wanted)


def _usual(node: object, name: str) -> object:
    """The default that the schema of a node has for a field."""
    (item,) = (item for item in fields(type(node)) if item.name == name)  # type: ignore[arg-type]
    return item.default if item.default_factory is MISSING else item.default_factory()
