"""Where the Hydra tree is, and the names in it."""

from __future__ import annotations

import re
from pathlib import Path


def conf_folder() -> Path:
    """The Hydra tree: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parent.parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def space_names() -> list[str]:
    """The spaces of conf/space."""
    return _names("space")


def depth_of(name: str) -> tuple[str, int]:
    """The space that a baseline's name has, and the layers that it asks for, 0 for the space's own:
    "lightgcn(1)" → ("lightgcn", 1). What is not written so is taken as it is."""
    found = re.fullmatch(r"(\w+)\(([1-9]\d*)\)", name.strip())
    return (found[1], int(found[2])) if found else (name, 0)


def published_names() -> list[str]:
    """The models of conf/published, whose recipes are their own."""
    return _names("published")


def _names(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
