"""The checks that types cannot do: names against the registries, ranges."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from typing import Any

from supernet.config.cold_checks import check_cold
from supernet.config.derive_schemas import DeriveConfig
from supernet.config.init_checks import check_init
from supernet.config.loss_checks import check_loss, known
from supernet.config.registry import SCHEMAS
from supernet.config.schemas import TrainConfig
from supernet.config.search_checks import check_search
from supernet.config.text_checks import check_relations, check_text
from supernet.config.tree import depth_of, published_names, space_names
from supernet.config.unread import check_unread, check_unread_derive
from supernet.data.readers import READERS
from supernet.data.splits import SPLITS
from supernet.evaluation.baselines import BASELINES
from supernet.evaluation.metrics import METRICS
from supernet.runtime import InputError
from supernet.search.selection import SELECTIONS

POSITIVE = {
    "model": ("dim",),
    "loss": ("temperature", "positive_temperature", "candidates", "contrast_temperature"),
    "graph": ("neighbours",),
    "training": ("lr", "batch_size", "epochs", "patience", "validate_every"),
    "search": (
        "epochs",
        "alpha_batch_size",
        "alpha_every",
        "alpha_lr",
        "select_pool",
        "select_steps",
        "select_seeds",
        "temperature_start",
        "temperature_end",
        "pretrain_epochs",
        "budget",
        "advisor.batch",
        "advisor.timeout",
        "advisor.tries",
    ),
    "eval": ("memory_mib",),
}
NOT_NEGATIVE = {
    "loss": (
        "negatives",
        "popularity",
        "correction",
        "negative_weight",
        "uniformity",
        "contrast",
        "noise",
        "contrast_layer",
    ),
    "graph": ("shrinkage",),
    "training": ("l2",),
    "search": (
        "warmup",
        "settle",
        "checkpoint_every",
        "alpha_noise_scale",
        "cost_weight",
        "parameter_weight",
        "idle",
        "beta",
        "zero_one",
        "auxiliary_skip",
        "eigenvalue_every",
    ),
    "data": ("min_user", "min_item"),
}


def validate(config: TrainConfig, given: Collection[str] | None = None) -> None:
    """Names and ranges that types cannot say, and keys without effect among those that were `given` (None:
    any that is not at its default). Errors: InputError, with the key, the value and the choices."""
    finite(config)
    known("data.reader", config.data.reader, READERS)
    if not isinstance(config.data, SCHEMAS["data"][config.data.reader]):
        raise InputError(
            f"data.reader={config.data.reader} needs keys of its own; choose it by data={config.data.reader}"
        )
    known("split.method", config.split.method, SPLITS)
    check_cold(config)
    check_search(config)
    check_init(config)
    check_text(
        config.text, [*config.space.features, *(n for names in config.space.slots.values() for n in names)]
    )
    check_relations(config.space.relations, config.graph, config.text.views)
    known("ops.backend", config.ops.backend, ("auto", "torch", "scatter"))
    _metric("eval.metric", config.eval.metric, config.eval.ks)
    for keys, strictly in ((POSITIVE, True), (NOT_NEGATIVE, False)):
        for group, names in keys.items():
            for name in names:
                _at_least(config, f"{group}.{name}", 0, strictly)
    _sizes(config)
    check_loss(config)
    for name in ("dropout", "edge_dropout", "item_dropout"):
        rate = getattr(config.training, name)
        if not 0 <= rate < 1:
            raise InputError(f"training.{name} must lie in [0, 1), found {rate}")
    check_unread(config, given)


def _sizes(config: TrainConfig) -> None:
    """Counts, and keys that must agree."""
    for key in ("seed", "runtime.threads"):
        _at_least(config, key, 0)
    if config.eval.users is not None:
        _at_least(config, "eval.users", 0, strictly=True)
    if not config.eval.ks or min(config.eval.ks) < 1:
        raise InputError(f"eval.ks must be one or more numbers above 0, found {list(config.eval.ks)}")
    if config.training.validate_every > config.training.epochs:
        raise InputError(
            f"training.validate_every={config.training.validate_every} is more than "
            f"training.epochs={config.training.epochs}: no epoch would be validated"
        )


def validate_derive(config: DeriveConfig) -> None:
    """As `validate`, for `derive.py`."""
    finite(config)
    check_init(config)
    for seed in config.seeds:
        if seed < 0:
            raise InputError(f"seeds must be at least 0, found {seed}")
    if len(set(config.baselines)) < len(config.baselines):
        raise InputError(f"baselines: a name occurs twice in {list(config.baselines)}")
    for key in ("fuse", "untuned"):
        for name in getattr(config, key):
            known(key, name, tuple(BASELINES))
    _at_least(config, "designs", 1)
    if not 0 <= config.once_below <= 1:
        raise InputError(f"once_below must lie in [0, 1], found {config.once_below}")
    _at_least(config, "runtime.threads", 0)
    _at_least(config, "tuning.startup", 0)
    if config.tuning.seconds is not None:
        _at_least(config, "tuning.seconds", 0, strictly=True)
    if not config.seeds or len(set(config.seeds)) < len(config.seeds):
        raise InputError(f"seeds must be one or more different numbers, found {config.seeds}")
    _at_least(config, "top", 0, strictly=True)
    _at_least(config, "random_genotypes", 0)
    _at_least(config, "tuning.trials", 0)
    _at_least(config, "epochs", 0)
    _finetune(config)
    _names(config)
    _protocol(config)


def _names(config: DeriveConfig) -> None:
    if config.select is not None:
        known("select", config.select, SELECTIONS)
    known("tuning.sampler", config.tuning.sampler, ("tpe", "random", "grid"))
    known("ops.backend", config.ops.backend, ("auto", "torch", "scatter"))
    known("protocol", config.protocol, ("strict", "paper"))
    for name in config.tune:
        known("tune", depth_of(name)[0], ("all", "derived", "random", *space_names(), *published_names()))


def _finetune(config: DeriveConfig) -> None:
    known("finetune.text", config.finetune.text, ("none", "lora"))
    for key in ("layers", "rank", "epochs", "lr"):
        _at_least(config, f"finetune.{key}", 0, strictly=True)
    _at_least(config, "finetune.batch", 2)
    if config.finetune.text != "none" and config.protocol == "paper":
        raise InputError(
            "finetune.text=lora chooses an epoch by the valid part, which protocol=paper does not have; set "
            "finetune.text=none"
        )
    check_unread_derive(config)
    if config.finetune.text == "lora" and importlib.util.find_spec("peft") is None:
        raise InputError("finetune.text=lora needs the package peft: pip install 'supernet[lora]'")


def _protocol(config: DeriveConfig) -> None:
    """What a protocol excludes: nothing that was asked for is passed over in silence."""
    if config.protocol == "strict" and config.epochs:
        raise InputError(
            f"epochs={config.epochs} is of protocol=paper; the strict protocol chooses them by the valid part"
        )
    if config.protocol == "paper" and not config.epochs and config.recipes is None:
        raise InputError(
            "protocol=paper has no valid part to choose the epochs by; give epochs=<number>, or "
            "recipes=<metrics.json of a strict run>"
        )
    if config.protocol == "paper" and not config.open_test:
        raise InputError("open_test=false is of protocol=strict; paper chooses nothing, it only tests")
    if config.protocol == "paper" and not config.refit:
        raise InputError("refit=false is of protocol=strict; paper trains on train + alpha + valid")
    if config.equal_seconds and not config.tuning.trials:
        raise InputError("equal_seconds=true gives a baseline more tuning, and tuning.trials=0 tunes nothing")
    if config.equal_seconds and config.tuning.sampler == "grid":
        raise InputError("equal_seconds=true needs a sampler that can go on; set tuning=tpe or tuning=random")
    if config.protocol == "paper" or config.recipes is not None:
        _nothing_chosen(config)


def _nothing_chosen(config: DeriveConfig) -> None:
    """What a derivation that tunes nothing does not read. Errors: InputError for a key of it that is set."""
    paper, usual = config.protocol == "paper", DeriveConfig()
    reason = "recipes are taken over" if config.recipes else "protocol=paper has no valid part to tune on"
    if config.tuning.trials:
        raise InputError(f"tuning.trials={config.tuning.trials}, but {reason}; set tuning.trials=0")
    if config.tune and config.tune != usual.tune:
        raise InputError(f"tune={list(config.tune)}, but {reason}, and no model is tuned: leave tune out")
    if config.fuse and config.fuse != usual.fuse:
        todo = (
            "leave fuse out, or set fuse=[] to drop that of the recipes" if config.recipes else "leave it out"
        )
        raise InputError(f"fuse={list(config.fuse)}, but {reason}, and no fusion is chosen: {todo}")
    for key in ("designs", "once_below", *(("epochs_once",) if paper else ())):
        value = getattr(config, key)
        if value != getattr(usual, key):
            why = "the epochs are fixed" if key == "epochs_once" else f"no tuning reads {key}"
            raise InputError(f"{key}={value}, but {reason}, and {why}: leave {key} out")


def finite(config: object, path: str = "") -> None:
    """Errors: InputError for a number anywhere in the config that is NaN or infinite."""
    for item in fields(config):  # type: ignore[arg-type]
        value = getattr(config, item.name)
        if is_dataclass(value):
            finite(value, f"{path}{item.name}.")
        elif isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{path}{item.name} must be a finite number, found {value}")


def _metric(key: str, value: str, ks: list[int]) -> None:
    choices = [f"{name}@{k}" for name in METRICS for k in ks]
    known(key, value, choices)


def _at_least(config: object, key: str, bound: float, strictly: bool = False) -> None:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    if value < bound or (strictly and value == bound):
        raise InputError(f"{key} must be {'more than' if strictly else 'at least'} {bound}, found {value}")
