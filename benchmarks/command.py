"""What the benchmarks of whole runs share: KEY=VALUE words, their folders, and the two command lines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.same_run import latest, require_same


def words_of(script: str, words: Sequence[str], keys: dict[str, str], passed: Sequence[str]) -> dict:
    """KEY=VALUE words over the defaults `keys`, and by each name in `passed` the words NAME.KEY=VALUE without
    the name; --quick is quick=true. Errors: SystemExit for a word that is none of these."""
    found: dict = dict(keys) | {name: [] for name in passed}
    for word in ("quick=true" if word == "--quick" else word for word in words):
        key, equals, value = word.partition("=")
        name, _, rest = key.partition(".")
        if equals and rest and name in passed:
            found[name].append(f"{rest}={value}")
        elif equals and key in keys:
            found[key] = value
        else:
            known = ", ".join([*keys, *(f"{name}.…" for name in passed)])
            sys.exit(f"{script}: {word!r}: give KEY=VALUE, KEY one of {known}")
    if found.get("quick", "false") not in ("true", "false"):
        sys.exit(f"{script}: quick={found['quick']}: give true or false")
    return found


def run_folder(found: dict, name: str) -> Path:
    """The folder that the words name, else runs/NAME, and for the small form runs/NAME-quick: what a full run
    goes on with is never a small one."""
    return Path(found["run"] or f"runs/{name}{'-quick' if found['quick'] == 'true' else ''}")


def part_of(script: str, word: str) -> tuple[int, int]:
    """K/N as numbers. Errors: SystemExit where it is not that, or K not below N."""
    own, _, parts = word.partition("/")
    if not (own.isdigit() and parts.isdigit() and int(own) < int(parts)):
        sys.exit(f"{script}: part={word}: give K/N with K from 0 to N - 1, such as part=0/2")
    return int(own), int(parts)


def data_folder(script: str, name: str) -> Path:
    """A folder of $SUPERNET_DATA. Errors: SystemExit where that is not set."""
    if "SUPERNET_DATA" not in os.environ:
        sys.exit(f"{script}: set SUPERNET_DATA to the folder that holds {name}/")
    return Path(os.environ["SUPERNET_DATA"]) / name


def run(script: str, *overrides: str) -> None:
    """Run one of the command lines; its tables go to standard error. A later override replaces an earlier."""
    command = [script, *latest(overrides)]
    print("benchmark:", *command, file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, *command], cwd=measure.ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"benchmark: {script} ended with {done.returncode}")


def derive(folder: Path, *overrides: str) -> None:
    """derive.py of the run in `folder`, which goes on where it was stopped; nothing where it has ended.
    Errors: SystemExit where it has ended with other overrides than these."""
    if (folder / "metrics.json").is_file():
        require_same("derive", folder / "derive.yaml", overrides)
    else:
        run("derive.py", f"run={folder}", *overrides)


def search(folder: Path, *overrides: str) -> None:
    """train.py in `folder`, or the rest of it where it was stopped; nothing where it has ended. Errors:
    SystemExit where it was begun with other overrides than these."""
    begun = folder / "config.yaml"
    if begun.is_file():
        require_same("train", begun, overrides)
    if (folder / "genotype.json").is_file():
        return
    run("train.py", *([f"resume={folder}"] if begun.is_file() else [f"run={folder}", *overrides]))
