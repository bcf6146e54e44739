"""The configs of the two command lines. Hydra and omegaconf live here and in `cli` alone."""

from supernet.config.checks import validate, validate_derive
from supernet.config.derive_schemas import DeriveConfig
from supernet.config.load import (
    PRETUNED,
    absolute_paths,
    arguments,
    given_keys,
    load_published,
    load_space,
    load_train_config,
    tuning_defaults,
    typed,
)
from supernet.config.registry import SCHEMAS, register_schemas
from supernet.config.schemas import GraphConfig, SpaceConfig, StartConfig, TextConfig, TrainConfig
from supernet.config.text_checks import check_packages
from supernet.config.tree import conf_folder, depth_of, published_names

__all__ = [
    "PRETUNED",
    "SCHEMAS",
    "DeriveConfig",
    "GraphConfig",
    "SpaceConfig",
    "StartConfig",
    "TextConfig",
    "TrainConfig",
    "absolute_paths",
    "arguments",
    "check_packages",
    "conf_folder",
    "depth_of",
    "given_keys",
    "load_published",
    "load_space",
    "load_train_config",
    "published_names",
    "register_schemas",
    "tuning_defaults",
    "typed",
    "validate",
    "validate_derive",
]
