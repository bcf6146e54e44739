"""Where the Hydra tree is, and the names in it."""

from __future__ import annotations

from pathlib import Path


def conf_folder() -> Path:
    """The Hydra tree: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parent.parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def space_names() -> list[str]:
    """The spaces of conf/space."""
    return _names("space")


def published_names() -> list[str]:
    """The models of conf/published, whose recipes are their own."""
    return _names("published")


def _names(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
