"""A relation between two kinds of nodes: its edges in CSR, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ops.backend import Backend, choose_backend


@dataclass(frozen=True, eq=False)
class Relation:
    """A binary N_dst × N_src matrix R in CSR, with its transpose and the permutation between them.

    Build it once with `from_edges`; move it with `to`. Rows are targets (who receives), columns are sources
    (who sends).

    Shapes: ptr (N_dst + 1,), index (E,) source of each edge, row (E,) target of each edge; ptr_t (N_src +
    1,), index_t (E,) and perm (E,) describe the transpose: its edge e is edge perm[e] here; inverse (E,) is
    perm inverted. All int64. `backend` names the kernels: "torch" or "scatter" (see `ops.backend`).
    """

    ptr: Tensor
    index: Tensor
    row: Tensor
    ptr_t: Tensor
    index_t: Tensor
    perm: Tensor
    inverse: Tensor
    backend: Backend
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_edges(
        cls, target: Tensor, source: Tensor, n_target: int, n_source: int, backend: str = "auto"
    ) -> Relation:
        """Sort the edges (target[e] <- source[e]), both (E,), into CSR.

        Errors: ValueError on an index out of range, on edges that occur twice, and on lengths that differ.
        """
        if target.shape != source.shape or target.dim() != 1:
            raise ValueError(
                f"target {tuple(target.shape)} and source {tuple(source.shape)} must be two equal lists"
            )
        target, source = target.long(), source.long()
        _check_range("target", target, n_target)
        _check_range("source", source, n_source)
        order = torch.argsort(target * n_source + source)
        row, index = target[order], source[order]
        if bool(((row[1:] == row[:-1]) & (index[1:] == index[:-1])).any()):
            raise ValueError(
                "an edge occurs twice; drop duplicates first, or counts and degrees would be wrong"
            )
        perm = torch.argsort(index, stable=True)
        return cls(
            ptr=_pointers(row, n_target),
            index=index,
            row=row,
            ptr_t=_pointers(index, n_source),
            index_t=row[perm],
            perm=perm,
            inverse=torch.argsort(perm),
            backend=choose_backend(backend, target.device),
        )

    @property
    def n_target(self) -> int:
        """Number of rows, N_dst."""
        return self.ptr.numel() - 1

    @property
    def n_source(self) -> int:
        """Number of columns, N_src."""
        return self.ptr_t.numel() - 1

    @property
    def n_edges(self) -> int:
        """Number of edges, E."""
        return self.index.numel()

    @property
    def T(self) -> Relation:  # noqa: N802
        """The transpose, N_src × N_dst; made once, shares all memory with this relation."""
        if "T" not in self._cache:
            twin = Relation(
                self.ptr_t, self.index_t, self.index[self.perm],
                self.ptr, self.index, self.inverse, self.perm, self.backend, {"T": self},
            )  # fmt: skip
            self._cache["T"] = twin
        return self._cache["T"]

    def target_degree(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Number of edges of each target, (N_dst,)."""
        return self.cached(("target_degree", dtype), lambda: self.ptr.diff().to(dtype))

    def source_degree(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Number of edges of each source, (N_src,)."""
        return self.cached(("source_degree", dtype), lambda: self.ptr_t.diff().to(dtype))

    def cached(self, key: Any, make: Callable[[], Tensor]) -> Tensor:  # noqa: ANN401
        """A tensor that depends on this relation alone: made at the first call, kept afterwards."""
        if key not in self._cache:
            with torch.inference_mode(False):  # evaluated first, it must still train
                self._cache[key] = make()
        return self._cache[key]

    def to(self, device: torch.device | str) -> Relation:
        """The same relation on another device, with that device's kernels where the choice was automatic."""
        device = torch.device(device)
        if device == self.ptr.device:
            return self
        names = ("ptr", "index", "row", "ptr_t", "index_t", "perm", "inverse")
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in names}
        return replace(self, **moved, backend=choose_backend(self.backend.asked, device), _cache={})


def _check_range(name: str, nodes: Tensor, size: int) -> None:
    if nodes.numel() and not (int(nodes.min()) >= 0 and int(nodes.max()) < size):
        raise ValueError(
            f"{name} indices must lie in [0, {size}), found {int(nodes.min())} … {int(nodes.max())}"
        )


def _pointers(rows: Tensor, size: int) -> Tensor:
    counts = torch.bincount(rows, minlength=size)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
