"""The schemas by the groups of the Hydra tree."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore

from supernet.config.data_schemas import (
    GivenSplit,
    LightgcnData,
    Ml100kData,
    PlantedData,
    RatioSplit,
    RecboleData,
    SplitConfig,
    TableData,
)
from supernet.config.derive_schemas import DeriveConfig, TuningConfig
from supernet.config.schemas import (
    EvalConfig,
    LossConfig,
    SpaceConfig,
    TextConfig,
    TrainConfig,
    TrainingConfig,
)
from supernet.search.settings import SearchSettings

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
    "text": {"text": TextConfig},
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
