"""The schemas of the two command lines: types, defaults, a sentence per field; and the checks that need the
registries.

Values live in the YAML files of `conf/`; each of them names its schema first, so that a typo or a wrong type
fails before
anything runs. Hydra and omegaconf live here and in `cli` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from ops.registry import Registry
from supernet.data.readers import READERS
from supernet.data.splits import SPLITS
from supernet.evaluation.metrics import METRICS
from supernet.runtime import InputError
from supernet.search.hypergradients import HYPERGRADIENTS
from supernet.search.relaxations import RELAXATIONS
from supernet.search.selection import SELECTIONS
from supernet.search.settings import SearchSettings
from supernet.training.losses import LOSSES


@dataclass
class DataConfig:
    """What every reader has. `reader` is its name; the fields that a schema below adds are the reader's
    arguments."""

    reader: str = MISSING
    min_rating: float | None = None  # keep pairs rated at least so; null: all
    min_user: int = 0  # k-core: pairs a user must have
    min_item: int = 0  # k-core: pairs an item must have


@dataclass
class Ml100kData(DataConfig):
    """MovieLens-100K as the wheel recbole==1.2.1 carries it."""

    path: str | None = None  # a folder with ml-100k.inter and ml-100k.item; null: the installed wheel


@dataclass
class TableData(DataConfig):
    """One csv, tsv or parquet file of interactions, or one a part."""

    path: str = MISSING  # the file (csv, tsv, parquet; .gz)
    name: str | None = None  # of the data set; null: the file's
    user: str = "user"  # column of user ids
    item: str = "item"  # column of item ids
    rating: str | None = None  # column of ratings
    time: str | None = None  # column of times, in seconds or ISO
    format: str | None = None  # csv, tsv or parquet; null: from the suffix
    delimiter: str | None = None
    encoding: str = "utf-8"
    quote: str | None = '"'
    alpha_path: str | None = None  # files of given parts, for split=given
    valid_path: str | None = None
    test_path: str | None = None
    items_path: str | None = None  # a table of items
    items_id: str | None = None  # its id column; null: as `item`
    title: list[str] = field(default_factory=list)  # its columns that name an item
    text: list[str] = field(default_factory=list)  # its columns that describe an item


@dataclass
class LightgcnData(DataConfig):
    """A folder of train.txt, test.txt and perhaps valid.txt, `user item item …` a line."""

    path: str = MISSING
    name: str | None = None


@dataclass
class RecboleData(DataConfig):
    """A folder of RecBole atomic files."""

    path: str = MISSING
    name: str | None = None  # of the files; null: the folder's
    user: str = "user_id"
    item: str = "item_id"
    rating: str | None = "rating"
    time: str | None = "timestamp"
    title: list[str] = field(default_factory=list)
    text: list[str] | None = None  # null: all text fields
    encoding: str = "utf-8"


@dataclass
class SplitConfig:
    """How interactions are cut into parts; the fields that a schema below adds are the split's arguments."""

    method: str = MISSING


@dataclass
class RatioSplit(SplitConfig):
    """Shares of every user's pairs, at random (ratio), or of all pairs by time (time)."""

    alpha: float = 0.1
    valid: float = 0.1
    test: float = 0.2


@dataclass
class GivenSplit(SplitConfig):
    """The files' own parts; alpha and valid, where missing, are these shares of train."""

    alpha: float = 0.1
    valid: float = 0.1


@dataclass
class SpaceConfig:
    """Candidates of every kind of slot, as in supernet.space.SearchSpace."""

    layers: int = 2
    tie_sides: bool = False
    features: list[str] = field(default_factory=lambda: ["id"])
    aggregate: list[str] = MISSING
    convolve: list[str] = MISSING
    activation: list[str] = MISSING
    readout: list[str] = MISSING
    score: list[str] = field(default_factory=lambda: ["dot"])
    slots: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class LossConfig:
    """The loss, as in supernet.training.recipe.Recipe."""

    name: str = "softmax"
    temperature: float = 0.2
    similarity: str = "cosine"
    negatives: int = 512
    in_batch: bool = False


@dataclass
class TrainingConfig:
    """The optimiser and its stopping, as in supernet.training.recipe.Recipe."""

    lr: float = 3e-3
    l2: float = 0.0
    dropout: float = 0.0
    batch_size: int = 2048
    epochs: int = 60
    patience: int = 5
    validate_every: int = 1


@dataclass
class EvalConfig:
    """Ranking evaluation."""

    metric: str = "ndcg@20"  # what validation looks at
    ks: list[int] = field(default_factory=lambda: [10, 20])
    users: int | None = None  # so many users, drawn at random, for validation; null: all. The test has all
    memory_mib: int = 256  # of the block of scores


@dataclass
class ModelConfig:
    """Sizes."""

    dim: int = 64  # embedding size


@dataclass
class OpsConfig:
    """Kernels."""

    backend: str = "auto"  # auto, torch, scatter


@dataclass
class RuntimeConfig:
    """Process."""

    device: str = "auto"  # auto, cpu, cuda, cuda:1 …
    threads: int = 0  # of torch; 0: as torch chooses


@dataclass
class TrainConfig:
    """`train.py`: data → split → graph → features → supernet → bilevel search → genotype.json."""

    seed: int = 0
    run: str | None = None  # folder of the run; null: runs/<date>-<time>
    resume: str | None = None  # folder of a stopped run to go on with; nothing else is then given
    model: ModelConfig = field(default_factory=ModelConfig)
    ops: OpsConfig = field(default_factory=OpsConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    data: Any = MISSING
    split: Any = MISSING
    space: Any = MISSING
    loss: Any = MISSING
    training: Any = MISSING
    search: Any = MISSING
    eval: Any = MISSING


@dataclass
class TuningConfig:
    """Hyper-parameter tuning by Optuna."""

    sampler: str = "tpe"  # tpe (Bayesian), random, grid
    trials: int = 8  # of each tuned model; 0: no tuning
    seconds: float | None = None  # of each tuned model; null: no bound
    pruning: bool = True  # stop a trial that is worse than the median at its epoch
    startup: int = 4  # trials before pruning and before TPE's model
    space: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # field of the recipe → low/high/log or choices


@dataclass
class DeriveConfig:
    """`derive.py`: derived model → tuning → retraining → evaluation, on a finished run of `train.py`."""

    run: str = MISSING  # folder of the run
    seeds: list[int] = field(default_factory=lambda: [0, 1])  # one retraining each
    refit: bool = True  # at the end, train on train + alpha + valid for the chosen epochs
    baselines: list[str] = field(
        default_factory=list
    )  # pop, item_knn and names of fixed spaces in conf/space
    random_genotypes: int = 3  # designs drawn from the same space
    top: int = 20  # items recommended to each user
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    ops: OpsConfig = field(default_factory=OpsConfig)
    tuning: Any = MISSING


SCHEMAS: dict[str, dict[str, type]] = {
    "data": {
        "ml-100k": Ml100kData,
        "table": TableData,
        "lightgcn": LightgcnData,
        "recbole": RecboleData,
    },
    "split": {"ratio": RatioSplit, "time": RatioSplit, "given": GivenSplit, "leave_last": SplitConfig},
    "space": {"space": SpaceConfig},
    "loss": {"loss": LossConfig},
    "training": {"training": TrainingConfig},
    "search": {"search": SearchSettings},
    "eval": {"eval": EvalConfig},
    "tuning": {"tuning": TuningConfig},
}


def register_schemas() -> None:
    """Make the schemas known to Hydra: `<group>/schema/<name>`, and `train_schema`, `derive_schema`."""
    store = ConfigStore.instance()
    store.store(name="train_schema", node=TrainConfig)
    store.store(name="derive_schema", node=DeriveConfig)
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"{group}/schema", name=name, node=schema)


def conf_folder() -> Path:
    """The Hydra tree: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def typed(config: DictConfig) -> Any:  # noqa: ANN401
    """The composed config as the dataclasses above, all the way down."""
    return OmegaConf.to_object(config)


def load_train_config(folder: Path) -> TrainConfig:
    """The config a run was started with, read back from its folder and checked against the schemas again."""
    path = folder / "config.yaml"
    if not path.is_file():
        raise InputError(f"{path}: no such file; {folder} is not a run folder of train.py")
    config = OmegaConf.structured(TrainConfig)
    try:
        raw: Any = OmegaConf.load(path)
        for group in ("data", "split", "space", "loss", "training", "search", "eval"):
            names = SCHEMAS[group]
            key = {"data": "reader", "split": "method"}.get(group)
            schema = names[str(raw[group][key])] if key else names[group]
            config[group] = OmegaConf.structured(schema)
        loaded = OmegaConf.to_object(OmegaConf.merge(config, raw))
    except Exception as error:
        raise InputError(f"{path}: not a config of this release: {error}") from error
    assert isinstance(loaded, TrainConfig)
    return loaded


def validate(config: TrainConfig) -> None:
    """Names and ranges that types cannot say. Errors: InputError, with the key, the value and the choices."""
    _known("data.reader", config.data.reader, READERS)
    _known("split.method", config.split.method, SPLITS)
    _known("loss.name", config.loss.name, LOSSES)
    _known("loss.similarity", config.loss.similarity, ("cosine", "score"))
    _known("search.relaxation", config.search.relaxation, RELAXATIONS)
    _known("search.order", config.search.order, HYPERGRADIENTS)
    _known("search.select", config.search.select, SELECTIONS)
    _known("ops.backend", config.ops.backend, ("auto", "torch", "scatter"))
    _metric("eval.metric", config.eval.metric, config.eval.ks)
    for key in ("model.dim", "training.lr", "training.batch_size", "training.epochs", "training.patience",
                "training.validate_every", "search.epochs", "search.alpha_batch_size", "search.alpha_every",
                "search.alpha_lr", "search.temperature_start", "search.temperature_end", "loss.temperature",
                "eval.memory_mib"):  # fmt: skip
        _at_least(config, key, 0, strictly=True)
    for key in ("training.l2", "loss.negatives", "search.warmup", "search.checkpoint_every", "data.min_user"):
        _at_least(config, key, 0)
    if not 0 <= config.training.dropout < 1:
        raise InputError(f"training.dropout must lie in [0, 1), found {config.training.dropout}")
    if config.loss.name == "softmax" and not config.loss.in_batch and config.loss.negatives < 1:
        raise InputError("loss: softmax needs negatives; set loss.in_batch=true or loss.negatives above 0")


def validate_derive(config: DeriveConfig) -> None:
    """As `validate`, for `derive.py`."""
    _known("tuning.sampler", config.tuning.sampler, ("tpe", "random", "grid"))
    _known("ops.backend", config.ops.backend, ("auto", "torch", "scatter"))
    if not config.seeds or len(set(config.seeds)) < len(config.seeds):
        raise InputError(f"seeds must be one or more different numbers, found {config.seeds}")
    _at_least(config, "top", 0, strictly=True)
    _at_least(config, "random_genotypes", 0)
    _at_least(config, "tuning.trials", 0)


def _known(key: str, value: str, choices: Registry[Any] | Iterable[str]) -> None:
    if value not in choices:
        raise InputError(f"{key}: unknown name {value!r}; choose from: {', '.join(choices)}")


def _metric(key: str, value: str, ks: list[int]) -> None:
    choices = [f"{name}@{k}" for name in METRICS for k in ks]
    _known(key, value, choices)


def _at_least(config: object, key: str, bound: float, strictly: bool = False) -> None:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    if value < bound or (strictly and value == bound):
        raise InputError(f"{key} must be {'more than' if strictly else 'at least'} {bound}, found {value}")


def arguments(config: object, *without: str) -> dict[str, Any]:
    """The fields of a config node but those named, as keyword arguments; lists become tuples."""
    values = {item.name: getattr(config, item.name) for item in fields(config) if item.name not in without}  # type: ignore[arg-type]
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def load_space(name: str) -> SpaceConfig:
    """A space of conf/space by name. Errors: InputError that lists them where there is none of that name."""
    folder = conf_folder() / "space"
    _known("baselines", name, sorted(path.stem for path in folder.glob("*.yaml")))
    raw = OmegaConf.load(folder / f"{name}.yaml")
    assert isinstance(raw, DictConfig)
    raw.pop("defaults")
    loaded = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(SpaceConfig), raw))
    assert isinstance(loaded, SpaceConfig)
    return loaded
