"""The schemas of the two command lines: types, defaults, a sentence per field.

Values live in the YAML files of `conf/`; each of them names its schema first, so that a typo or a wrong type
fails before anything runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from supernet.search.settings import SearchSettings


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
class PlantedData(DataConfig):
    """Synthetic interactions whose right answer is known."""

    operator: str = "sym"  # the aggregator that the search should find
    users: int = 150
    items: int = 100
    groups: int = 5
    hubs: int = 30  # items that everybody may have
    explorers: int = 30  # users who may have everything
    appeal: float = 0.5  # probability of both
    seed: int = 0  # of the data


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
    relations: list[str] = field(default_factory=lambda: ["interactions"])  # and cooccurrence
    aggregate_of: dict[str, list[str]] = field(default_factory=dict)  # relation → its own aggregators


@dataclass
class LossConfig:
    """The loss, as in supernet.training.recipe.Recipe."""

    name: str = "softmax"
    temperature: float = 0.2
    positive_temperature: float = 0.2
    similarity: str = "cosine"
    negatives: int = 256
    sampling: str = "uniform"
    popularity: float = 0.75
    candidates: int = 4
    hard: float = 0.5
    in_batch: bool = False
    correction: float = 0.0
    margin: float = 0.9
    negative_weight: float = 150.0
    uniformity: float = 1.0
    contrast: float = 0.0
    noise: float = 0.2
    contrast_layer: int = 1
    contrast_temperature: float = 0.15
    item_norm: float = 1.0


@dataclass
class TrainingConfig:
    """The optimiser and its stopping, as in supernet.training.recipe.Recipe."""

    lr: float = 5e-3
    l2: float = 0.0
    dropout: float = 0.0
    edge_dropout: float = 0.0
    batch_size: int = 2048
    epochs: int = 25
    patience: int = 3
    validate_every: int = 1
    autocast: bool = False


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
class GraphConfig:
    """How the relations beside the interactions are built, where space.relations names them."""

    neighbours: int = 20  # items that each item receives from in cooccurrence
    shrinkage: float = 10.0  # of its shrunk cosine: takes similarity off items with few users


@dataclass
class OpsConfig:
    """Kernels."""

    backend: str = "auto"  # auto, torch, scatter


@dataclass
class RuntimeConfig:
    """Process."""

    device: str = "auto"  # auto, cpu, cuda, cuda:1 …
    threads: int = 0  # of torch; 0: as torch chooses
    allocator: bool = True  # glibc keeps freed memory for the next tensor: faster, and never given back
    deterministic: bool = False  # only algorithms that give the same bits again; matters on CUDA


@dataclass
class TrainConfig:
    """`train.py`: data → split → graph → features → supernet → bilevel search → genotype.json."""

    seed: int = 0
    run: str | None = None  # folder of the run; null: runs/<date>-<time>
    resume: str | None = None  # folder of a stopped run to go on with; nothing else is then given
    model: ModelConfig = field(default_factory=ModelConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
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
    trials: int = 5  # of each tuned model; 0: no tuning
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
    protocol: str = (
        "strict"  # strict; paper: the published split as it is and fixed epochs, flagged everywhere
    )
    epochs: int = 0  # paper: train every model for so many; 0: as many as `recipes` has for it
    recipes: str | None = None  # metrics.json of a strict run, whose tuned recipes are taken over
    tune: list[str] = field(
        default_factory=lambda: ["derived", "lightgcn"]
    )  # those of the trained models that are tuned on their own, or random, all; others: LightGCN's recipe
    epochs_once: bool = False  # the epochs that the first seed chose serve the others: half the time
    refit: bool = True  # at the end, train on train + alpha + valid for the chosen epochs
    baselines: list[str] = field(
        default_factory=list
    )  # pop, item_knn, user_knn, ease, slim, gf_cf, cheby_cf, and names of fixed spaces in conf/space
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
        "planted": PlantedData,
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
