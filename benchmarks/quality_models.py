"""The models of quality.py, and what their choices may take: a run is to end in a night on large data too."""

from __future__ import annotations

import sys
from pathlib import Path

from supernet.config import load_train_config
from supernet.pipeline.fusion import EASE_ITEMS
from supernet.pipeline.stages import load_data
from supernet.runtime import InputError

CLOSED = ("pop", "item_knn", "user_knn", "ease", "slim", "gf_cf", "cheby_cf")
TRAINED = (
    "mf", "lightgcn(1)", "lightgcn", "lightgcn(3)", "lightgcn_pp(1)", "lightgcn_pp", "gcn", "graphsage",
    "gat", "ngcf", "gin",
)  # fmt: skip
"""Where a name tells no layers there are two."""

PUBLISHED = ("lightgcn_bpr",)
"""With a recipe of its own, of up to 1,000 epochs."""

ITEM_NORM = "+tuning.space.item_norm={low: 0.5, high: 1.0}"
CORRECTION = "+tuning.space.correction={choices: [0.0, 0.25, 0.5]}"
TUNING = ("tuning.trials=8", "epochs_once=true", "once_below=0.9", ITEM_NORM)
"""Of every trained model alike."""

UNIFORM = ("ml-100k", "ml-1m")
"""Experiments whose negatives are drawn uniformly; others take those of the batch, whose popularity there is
a correction for."""

LARGE = 8_000
"""Users and items together, above which a model's tuning starts no trial after SECONDS, and PUBLISHED is left
out: an epoch of LightGCN by BPR takes a minute on Gowalla. MovieLens-1M is large, Last.FM is not."""

SECONDS = 600

QUICK = {
    "train": ("search.epochs=2", "search.select_steps=5", "search.select_pool=4", "training.epochs=2"),
    "derive": ("random_genotypes=1", "baselines=[pop,item_knn,gf_cf,mf,lightgcn]"),
    "strict": ("tuning.trials=1", "fuse=[gf_cf]"),
}


def sizes(folder: Path) -> tuple[int, int]:
    """Users and items of a run's data. Errors: SystemExit where they cannot be read."""
    try:
        data = load_data(load_train_config(folder))
    except InputError as error:
        sys.exit(f"quality.py: {error}")
    return data.n_users, data.n_items


def baselines(users: int, items: int) -> list[str]:
    """What the derived model is set beside, on data of this size."""
    return [*CLOSED, *TRAINED, *(PUBLISHED if users + items <= LARGE else ())]


def tuning(data: str, users: int, items: int) -> list[str]:
    """The overrides of derive.py by which every model is tuned, on data of this size."""
    found = [f"tune={listed(['derived', *TRAINED])}", *TUNING]
    found += [] if data in UNIFORM else [CORRECTION]
    found += [f"tuning.seconds={SECONDS}"] if users + items > LARGE else []
    return found + (["untuned=[ease]"] if items > EASE_ITEMS else [])


def listed(names: list[str]) -> str:
    """The names as a list of Hydra's grammar, which takes parentheses between quotes alone."""
    return f"[{','.join(repr(name) if '(' in name else name for name in names)}]"
