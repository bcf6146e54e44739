"""Which kernels run the sparse products: torch's own, or torch-scatter and torch-sparse."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import warnings
from typing import NamedTuple

import torch


class Backend(NamedTuple):
    """`asked` is the user's word (auto, torch, scatter); `used` is what runs (torch, scatter)."""

    asked: str
    used: str


def kernels_installed() -> bool:
    """Whether torch-scatter and torch-sparse can be imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch_scatter", "torch_sparse"))


@functools.cache
def load_kernels() -> None:
    """Import torch-scatter and torch-sparse, once, without the deprecation warnings of their own imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # they use torch.jit.script
        for name in ("torch_scatter", "torch_sparse"):
            importlib.import_module(name)


def choose_backend(asked: str, device: torch.device) -> Backend:
    """`auto` means torch on the CPU, and on CUDA torch-scatter / torch-sparse where they are installed.

    Measured by benchmarks/ops.py on two CPU cores: torch's CSR product is 3 times as fast as
    torch-sparse's, its maximum 3 times, its sampled product 12 times. On CUDA torch has no max product, and
    segment_csr is deterministic where scatter is not.

    Errors: ValueError for an unknown word, or for `scatter` where the packages are missing.
    """
    if asked not in ("auto", "torch", "scatter"):
        raise ValueError(f"unknown backend {asked!r}; choose from: auto, torch, scatter")
    if asked == "scatter" and not kernels_installed():
        raise ValueError(
            "ops.backend=scatter needs torch-scatter and torch-sparse; run `make kernels`, or use auto"
        )
    if asked == "auto":
        return Backend(asked, "scatter" if device.type == "cuda" and kernels_installed() else "torch")
    return Backend(asked, asked)
