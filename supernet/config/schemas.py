"""The schemas of the two command lines: types, defaults, a sentence per field.

Values live in the YAML files of `conf/`; each of them names its schema first, so that a typo or a wrong type
fails before anything runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


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
    relations: list[str] = field(
        default_factory=lambda: ["interactions"]
    )  # cooccurrence, trust, text_knn, knowledge
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
    item_dropout: float = (
        0.0  # of items that are treated as new in a step, so that the text learns to stand in
    )
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
    cold: bool = False  # validation ranks for the new items or users of split.cold, not for the known ones


@dataclass
class ModelConfig:
    """Sizes."""

    dim: int = 64  # embedding size


@dataclass
class GraphConfig:
    """How the relations beside the interactions are built, where space.relations names them."""

    neighbours: int = 20  # items that each item receives from in cooccurrence and in text_knn
    shrinkage: float = 10.0  # of cooccurrence's shrunk cosine: takes similarity off items with few users
    text_view: str | None = None  # the view that text_knn compares; null: the first
    trust_path: str | None = None  # for trust: a table of user, friend
    knowledge_path: str | None = None  # for knowledge: a table of head, relation, tail
    entities_path: str | None = None  # for knowledge: a table of item, entity


@dataclass
class TextConfig:
    """What is known of items beside their ids: views that space.features may read, as sum:NAME."""

    views: dict[str, dict[str, Any]] = field(default_factory=dict)  # name → encoder, its settings, projector
    scaling: str = "standardise"  # none, standardise, whiten
    cache: str | None = None  # folder of the vectors of texts; null: $SUPERNET_CACHE, or the user's cache
    probe: bool = True  # a linear probe says whether a view carries preference


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
class StartConfig:
    """What a model takes of the run that `init_from` names."""

    users: bool = True  # embeddings of the users that both runs have, by id
    norm: str = "initial"  # initial: they are scaled to be as long as fresh ones; kept: as they are
    projectors: bool = True  # of text views with the same name, encoder and shape


@dataclass
class InitConfig(StartConfig):
    """What a search takes of the run that `init_from` names."""

    alphas: float = 1.0  # they begin at so many times those of the other search; 0: at zero


@dataclass
class TrainConfig:
    """`train.py`: data → split → graph → features → supernet → bilevel search → genotype.json."""

    seed: int = 0
    run: str | None = None  # folder of the run; null: runs/<date>-<time>
    resume: str | None = None  # folder of a stopped run to go on with; nothing else is then given
    init_from: str | None = None  # folder of a finished run, perhaps of another domain, to begin with
    init: InitConfig = field(default_factory=InitConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    text: TextConfig = field(default_factory=TextConfig)
    ops: OpsConfig = field(default_factory=OpsConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    data: Any = MISSING
    split: Any = MISSING
    space: Any = MISSING
    loss: Any = MISSING
    training: Any = MISSING
    search: Any = MISSING
    eval: Any = MISSING
