"""The checks of what is taken from another run."""

from __future__ import annotations

from supernet.config.derive_schemas import DeriveConfig
from supernet.config.loss_checks import known
from supernet.config.schemas import InitConfig, StartConfig, TrainConfig
from supernet.runtime import InputError

NORMS = ("initial", "kept")


def check_init(config: TrainConfig | DeriveConfig) -> None:
    """Errors: InputError, with the key, the value and what to do."""
    init: StartConfig = config.init
    known("init.norm", init.norm, NORMS)
    if isinstance(init, InitConfig) and init.alphas < 0:
        raise InputError(f"init.alphas must be at least 0, found {init.alphas}")
    if config.init_from is None and init != type(init)():
        raise InputError(f"init says what init_from=RUN gives, found {init} without it; set both or neither")
    frozen = isinstance(config, TrainConfig) and config.search.freeze == "embeddings"
    if frozen and config.init_from is not None and init.users:
        raise InputError(
            "search.freeze=embeddings has embeddings of its own, and init.users=true others; set one of "
            "search.freeze=none, init.users=false"
        )
