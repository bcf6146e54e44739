"""The configs of the two command lines. Hydra and omegaconf live here and in `cli` alone."""

from supernet.config.checks import validate, validate_derive
from supernet.config.load import (
    absolute_paths,
    arguments,
    load_space,
    load_train_config,
    typed,
)
from supernet.config.schemas import SCHEMAS, DeriveConfig, GraphConfig, TrainConfig, register_schemas
from supernet.config.tree import conf_folder

__all__ = [
    "SCHEMAS",
    "DeriveConfig",
    "GraphConfig",
    "TrainConfig",
    "absolute_paths",
    "arguments",
    "conf_folder",
    "load_space",
    "load_train_config",
    "register_schemas",
    "typed",
    "validate",
    "validate_derive",
]
