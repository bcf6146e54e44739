"""The schemas of derive.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from supernet.config.schemas import OpsConfig, RuntimeConfig, StartConfig


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
class FinetuneConfig:
    """Fine-tuning of the language models that the run's views are from, before anything is trained."""

    text: str = "none"  # none; lora: adapters in the top layers, needs the extra lora
    layers: int = 2  # of the model, from the one that is pooled downwards
    rank: int = 8  # of each adapter
    epochs: int = 3  # the one that ranks the valid part best by text alone is taken, or none
    lr: float = 5e-4
    batch: int = 32  # texts a step


@dataclass
class DeriveConfig:
    """`derive.py`: derived model → tuning → retraining → evaluation, on a finished run of `train.py`."""

    run: str = MISSING  # folder of the run
    select: str | None = None  # choose anew by this rule of search.select; null: the genotype of train.py
    seeds: list[int] = field(default_factory=lambda: [0, 1])  # one retraining each
    protocol: str = (
        "strict"  # strict; paper: the published split as it is and fixed epochs, flagged everywhere
    )
    epochs: int = 0  # paper: train every model for so many; 0: as many as `recipes` has for it
    recipes: str | None = (
        None  # metrics.json or recipes.json of a strict run, whose tuned recipes are taken over
    )
    tune: list[str] = field(
        default_factory=lambda: ["derived", "lightgcn"]
    )  # those of the trained models that are tuned on their own, or random, all; others: LightGCN's recipe
    epochs_once: bool = (
        False  # the epochs that tuning, or else the first seed, chose serve all: half the time
    )
    once_below: float = (
        0.0  # baselines tuned to less than this share of the best valid score: first seed alone
    )
    equal_seconds: bool = (
        False  # the best tuned baseline is tuned on until it had the seconds of search and derived tuning
    )
    open_test: bool = True  # false: choose, write recipes.json, and leave the test part closed
    refit: bool = True  # at the end, train on train + alpha + valid for the chosen epochs
    baselines: list[str] = field(
        default_factory=list
    )  # pop, item_knn, user_knn, ease, slim, gf_cf, cheby_cf, and names of fixed spaces in conf/space
    untuned: list[str] = field(
        default_factory=list
    )  # closed forms that keep their default settings: ease takes the cube of the items to fit
    designs: int = 3  # of the best that the search judged; the derived model's tuning chooses among them
    fuse: list[str] = field(
        default_factory=lambda: ["ease", "cheby_cf"]
    )  # closed forms one of which may be added to the derived model's score, where the valid part says so;
    # []: none, with `recipes` not theirs either
    random_genotypes: int = 3  # designs drawn from the same space
    ablate: bool = True  # also train the derived model without each source it takes, with each it leaves
    top: int = 20  # items recommended to each user
    rules: str | None = None  # YAML of exclusions, caps and boosts for the derived model's lists
    init_from: str | None = None  # folder of a derived run that the derived model begins with
    init: StartConfig = field(default_factory=StartConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    ops: OpsConfig = field(default_factory=OpsConfig)
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    tuning: Any = MISSING
