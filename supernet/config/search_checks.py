"""The checks of the search node: names, ranges, and keys that must agree."""

from __future__ import annotations

from ops.mixture import NORMS
from supernet.config.load import arguments
from supernet.config.loss_checks import known
from supernet.config.schemas import TrainConfig
from supernet.config.unread import unread
from supernet.endpoint import check_endpoint
from supernet.features import FEATURES
from supernet.runtime import InputError
from supernet.search.hypergradients import HYPERGRADIENTS
from supernet.search.objectives import OBJECTIVES
from supernet.search.relaxations import NOISES, RELAXATIONS, SCHEDULES
from supernet.search.selection import BY_TRAINING, SELECTIONS
from supernet.search.settings import (
    ADVISOR,
    BILEVEL,
    COSTS,
    EVALUATIONS,
    FREEZES,
    SNAPSHOTS,
    TEMPERATURES,
    AdvisorSettings,
    SearchSettings,
)
from supernet.search.strategies import STRATEGIES
from supernet.space import SearchSpace
from supernet.training.losses import SHARED


def check_search(config: TrainConfig) -> None:
    """Errors: InputError, with the key, the value and the choices."""
    search: SearchSettings = config.search
    known("search.strategy", search.strategy, (BILEVEL, *STRATEGIES))
    known("search.evaluate", search.evaluate, EVALUATIONS)
    known("search.relaxation", search.relaxation, RELAXATIONS)
    known("search.temperature_schedule", search.temperature_schedule, SCHEDULES)
    known("search.alpha_noise", search.alpha_noise, NOISES)
    known("search.cost", search.cost, COSTS)
    known("search.norm", search.norm, NORMS)
    known("search.order", search.order, HYPERGRADIENTS)
    known("search.objective", search.objective, OBJECTIVES)
    known("search.alpha_temperature", search.alpha_temperature, TEMPERATURES)
    known("search.freeze", search.freeze, FREEZES)
    known("search.snapshot", search.snapshot, SNAPSHOTS)
    known("search.select", search.select, SELECTIONS)
    if not 0 < search.channels <= 1:
        raise InputError(f"search.channels must lie in (0, 1], found {search.channels}")
    if not 0 < search.view_dropout < 1:
        raise InputError(f"search.view_dropout must lie in (0, 1), found {search.view_dropout}")
    for key in ("average", "alpha_drop", "eigenvalue_stop"):
        if not 0 <= getattr(search, key) < 1:
            raise InputError(f"search.{key} must lie in [0, 1), found {getattr(search, key)}")
    for key in ("pretune_temperatures", "pretune_lrs"):
        if min(getattr(search, key), default=1) <= 0:
            raise InputError(f"search.{key} must be numbers above 0, found {list(getattr(search, key))}")
    if not search.select_temperatures or min(search.select_temperatures) <= 0:
        raise InputError(
            f"search.select_temperatures must be one or more numbers above 0, found "
            f"{list(search.select_temperatures)}"
        )
    if search.seconds is not None and search.seconds <= 0:
        raise InputError(f"search.seconds must be above 0, found {search.seconds}")
    if search.strategy == ADVISOR:
        _check_advisor(search.advisor)
    _together(config)


def _check_advisor(advisor: AdvisorSettings) -> None:
    """Now, and not after the supernet is trained."""
    if not advisor.model:
        raise InputError(
            "search.advisor.model is missing; give the name of a model that the endpoint has, as "
            "search.advisor.model=NAME, or set OPENAI_MODEL and take search=advisor"
        )
    if advisor.temperature is not None and advisor.temperature < 0:
        raise InputError(f"search.advisor.temperature must be at least 0, found {advisor.temperature}")
    try:
        check_endpoint()
    except InputError as error:
        raise InputError(f"search.strategy={ADVISOR}: {error}") from None


OF_ALPHAS = (
    "order",
    "objective",
    "relaxation",
    "alpha_temperature",
    "select",
    "alpha_noise",
    "idle",
    "beta",
    "zero_one",
    "auxiliary_skip",
    "shrink_at",
    "eigenvalue_every",
    "eigenvalue_stop",
    "snapshot",
    "alpha_drop",
)
"""Settings of how alphas are learnt and read, which other strategies than the loop do not do."""

OF_STRATEGIES = ("evaluate", "budget", "seconds")
"""Settings of how designs are asked for one by one, which the loop does not do."""


OF_SUPERNETS = ("cost", "norm", "average", "freeze")
"""Settings of how a supernet is trained, which search.evaluate=trained does not do."""


def _together(config: TrainConfig) -> None:
    search: SearchSettings = config.search
    usual = SearchSettings()
    learns = search.strategy == BILEVEL
    for name in OF_STRATEGIES if learns else OF_ALPHAS:
        if getattr(search, name) != getattr(usual, name):
            if learns:
                whose = "the strategies that ask for designs one by one"
                other = f"search.strategy={BILEVEL} is bounded by search.epochs"
            else:
                whose = f"search.strategy={BILEVEL}, which learns alphas"
                other = f"search.strategy={search.strategy} does not"
            raise InputError(f"search.{name}={getattr(search, name)} is of {whose}; {other}: leave it out")
    if not learns and search.cost == "partial":
        raise InputError(
            f"search.cost=partial is of mixtures; search.strategy={search.strategy} trains one path a step: "
            "leave it out"
        )
    for name in OF_SUPERNETS if search.evaluate == "trained" else ():
        if getattr(search, name) != getattr(usual, name):
            raise InputError(
                f"search.{name}={getattr(search, name)} is of a supernet; search.evaluate=trained has none: "
                "leave it out"
            )
    _read_at_all(search, usual)
    if search.norm == "output" and search.cost == "partial":
        raise InputError("search.norm=output computes whole candidates; set search.cost=dense or norm=scale")
    _of_epochs(config)
    _of_relaxations(search)
    if search.freeze == "embeddings":
        _check_ids(config)
    if search.embeddings is not None and search.freeze != "embeddings":
        raise InputError("search.embeddings is read where search.freeze=embeddings; set both or neither")
    _of_temperatures(config)


def _read_at_all(search: SearchSettings, usual: SearchSettings) -> None:
    """Errors: InputError for a key that another key leaves without effect."""
    trains = search.strategy != BILEVEL or search.select in BY_TRAINING
    scaled = search.alpha_noise != "none" and search.cost != "sampled"
    for name, wanted, reads in (
        ("channels", "search.cost=partial", search.cost == "partial"),
        ("view_dropout", "search.objective=contrastive", search.objective == "contrastive"),
        ("pretrain_epochs", "search.freeze=embeddings", search.freeze == "embeddings"),
        ("alpha_noise_scale", "search.alpha_noise and a search.cost but sampled", scaled),
        ("temperature_end", "search.temperature_schedule", search.temperature_schedule != "constant"),
        ("select_temperatures", f"search.select={'|'.join(BY_TRAINING)}", trains),
        ("select_seeds", f"search.select={'|'.join(BY_TRAINING)}", trains),
    ):
        value = getattr(search, name)
        if not reads and value != getattr(usual, name):
            raise unread(f"search.{name}", value, wanted)


def _of_epochs(config: TrainConfig) -> None:
    search: SearchSettings = config.search
    outside = [epoch for epoch in search.shrink_at if not 0 < epoch < search.epochs]
    if outside:
        raise InputError(
            f"search.shrink_at: after epoch {outside[0]} there is no other; give epochs from 1 to "
            f"{search.epochs - 1}"
        )
    early = [epoch for epoch in search.shrink_at if epoch <= search.warmup]
    if early and config.init_from is None:
        raise InputError(
            f"search.shrink_at: no alpha has moved by the end of epoch {early[0]}, which is in the warm-up; "
            f"give epochs above search.warmup={search.warmup}"
        )


def _of_relaxations(search: SearchSettings) -> None:
    if search.alpha_noise not in ("none", "gumbel") and search.cost == "sampled":
        raise InputError(
            f"search.alpha_noise={search.alpha_noise} is of mixtures; search.cost=sampled draws its paths "
            "with Gumbel noise: leave it out"
        )
    if search.alpha_temperature == "learned" and search.objective != "held_out":
        raise InputError(
            f"search.alpha_temperature=learned is of search.objective=held_out; search.objective="
            f"{search.objective} has a temperature of its own"
        )


def _check_ids(config: TrainConfig) -> None:
    """Errors: InputError where a side has no ids whose embeddings could be kept."""
    slots = SearchSpace(**arguments(config.space)).candidates()
    for slot in (name for name in slots if name.startswith("features")):
        if not any(getattr(FEATURES[name](1), "reads_ids", True) for name in slots[slot]):
            raise InputError(
                f"search.freeze=embeddings: no candidate of {slot} reads ids, found {list(slots[slot])}; "
                "add id to space.features, or set search.freeze=none"
            )


def _of_temperatures(config: TrainConfig) -> None:
    search: SearchSettings = config.search
    for key, least in (("select_temperatures", 2), ("pretune_temperatures", 1)):
        factors = list(getattr(search, key))
        if len(factors) >= least and config.loss.name not in SHARED:
            raise InputError(
                f"search.{key}={factors} needs a loss with a temperature, {' or '.join(SHARED)}; found "
                f"loss.name={config.loss.name}"
            )
    if search.alpha_temperature == "learned" and config.loss.name not in SHARED:
        raise InputError(
            f"search.alpha_temperature=learned needs a loss with a temperature, {' or '.join(SHARED)}; "
            f"found loss.name={config.loss.name}"
        )
