"""The two command lines. Errors the user can mend are one message and exit code 2; nothing is
half-written."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from supernet.config import (
    absolute_paths,
    conf_folder,
    given_keys,
    load_train_config,
    register_schemas,
    typed,
    validate,
    validate_derive,
)
from supernet.pipeline import run_derive, run_search
from supernet.runtime import InputError


def train() -> None:
    """`train.py`: search an architecture."""
    _command("train", _train)


def derive() -> None:
    """`derive.py`: derive, tune, retrain and prove what a search found."""
    _command("derive", _derive)


def _train(config: DictConfig) -> None:
    resume = OmegaConf.select(config, "resume")
    if resume is None:
        checked = typed(config)
        validate(checked, given_keys(list(HydraConfig.get().overrides.task)))
        absolute_paths(config)
        folder = run_search(typed(config), OmegaConf.to_yaml(config, resolve=True))
    else:
        others = [o for o in HydraConfig.get().overrides.task if not o.lstrip("+").startswith("resume=")]
        if others:
            raise InputError(
                f"resume={resume} goes on with the run's own config; leave out {' '.join(others)}"
            )
        checked = load_train_config(Path(resume))
        validate(checked, given=())  # it was begun with these keys, and goes on with them
        folder = run_search(checked, "", Path(resume))
    print(f"run folder: {folder}")


def _derive(config: DictConfig) -> None:
    if OmegaConf.is_missing(config, "run"):
        raise InputError("run is missing; give run=<the folder that train.py printed>")
    checked = typed(config)
    validate_derive(checked)
    composed = OmegaConf.to_yaml(config, resolve=True)
    folder = run_derive(checked, load_train_config(Path(checked.run)), composed)
    print(f"run folder: {folder}")


def _command(name: str, main: Callable[[DictConfig], None]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors of composing reach us as they are, and we print them
    register_schemas()

    composed = []

    def job(config: DictConfig) -> None:
        composed.append(True)
        with _exit_codes(name):
            main(config)

    entry: Any = hydra.main(version_base=None, config_path=str(conf_folder()), config_name=name)(job)
    with _exit_codes(name):
        try:
            entry()
        except ValueError as error:
            if composed:
                raise
            raise InputError(str(error)) from error  # Hydra's word for a malformed override


@contextlib.contextmanager
def _exit_codes(name: str) -> Iterator[None]:
    """2: wrong input, 3: a loss that is no longer finite, 130: interrupted; each with one message."""
    try:
        yield
    except (InputError, HydraException, OmegaConfBaseException) as error:
        print(f"{name}.py: {_explain(name, error)}", file=sys.stderr)
        sys.exit(2)
    except FloatingPointError as error:
        print(f"{name}.py: {error}", file=sys.stderr)
        sys.exit(3)
    except OSError as error:  # a folder that cannot be made, a full disk
        print(f"{name}.py: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{name}.py: stopped; what it had saved is kept", file=sys.stderr)
        sys.exit(130)


def _explain(name: str, error: Exception) -> str:
    """The message, and for a key that does not exist those that do."""
    cause: BaseException | None = error
    messages: list[str] = []
    while cause is not None:
        # a key outside the schema is never right, so Hydra's advice to append it is left out
        text = "\n".join(line for line in str(cause).splitlines() if "To append to your config" not in line)
        text = text.strip()
        if text and text not in "\n".join(messages):
            messages.append(text)
        key = getattr(cause, "full_key", None)
        if key and ("not in struct" in text or "not in '" in text):
            messages.append(_choices(name, str(key)))
        cause = cause.__cause__
    return "\n".join(messages)


def _choices(name: str, key: str) -> str:
    """The keys that stand beside a wrong one, in the default config."""
    parent, _, leaf = key.rpartition(".")
    GlobalHydra.instance().clear()  # the command's own is at its end here
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        config = hydra.compose(name)
    node = OmegaConf.select(config, parent) if parent else config
    names = [str(k) for k in node] if isinstance(node, DictConfig) else []
    close = difflib.get_close_matches(leaf, names, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"no key {leaf!r}{hint}; the keys here are: {', '.join(names)}"
