"""A relation between two kinds of nodes: its edges in CSR, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ops.backend import Backend, choose_backend
from ops.csr import Arrays, check_range, pointers, some_entries, some_rows, transposed


class EdgeWeights(NamedTuple):
    """Numbers of the edges in the order of a relation, and in that of its transpose, (…, E) each."""

    forward: Tensor
    transposed: Tensor


class Part(NamedTuple):
    """Where a relation of some rows or edges comes from: the whole relation, the edges of it that it holds
    (E_part,), its rows among those of the whole (R,), None for all of them, what numbers of an edge are
    multiplied by, and which nodes it is `between`, (N_src,) and (N_dst,) bool, None for all of them."""

    whole: Relation
    edges: Tensor
    rows: Tensor | None = None
    scale: float = 1.0
    senders: Tensor | None = None
    receivers: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Relation:
    """A binary N_dst × N_src matrix R in CSR, with its transpose and the permutation between them.

    Build it once with `from_edges`; move it with `to`. Rows are targets (who receives), columns are sources
    (who sends).

    Shapes: ptr (N_dst + 1,), index (E,) source of each edge, row (E,) target of each edge; ptr_t (N_src +
    1,), index_t (E,) and perm (E,) describe the transpose: its edge e is edge perm[e] here; inverse (E,) is
    perm inverted. All int64. `backend` names the kernels: "torch" or "scatter" (see `ops.backend`). types
    (E,) int64, in the order of the edges, tell edges of several kinds apart; None where all are of one. base:
    of a relation of `further` targets, the one that their sources are of.
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
    part: Part | None = field(default=None, repr=False)
    types: Tensor | None = field(default=None, repr=False)
    base: Relation | None = field(default=None, repr=False)

    @classmethod
    def from_edges(
        cls,
        target: Tensor,
        source: Tensor,
        n_target: int,
        n_source: int,
        backend: str = "auto",
        types: Tensor | None = None,
    ) -> Relation:
        """Sort the edges (target[e] <- source[e]), both (E,), into CSR; types (E,) of the edges go with them.

        Errors: ValueError on an index out of range, on edges that occur twice, and on lengths that differ.
        """
        if target.shape != source.shape or target.dim() != 1:
            raise ValueError(
                f"target {tuple(target.shape)} and source {tuple(source.shape)} must be two equal lists"
            )
        target, source = target.long(), source.long()
        check_range("target", target, n_target)
        check_range("source", source, n_source)
        order = torch.argsort(target * n_source + source)
        row, index = target[order], source[order]
        if bool(((row[1:] == row[:-1]) & (index[1:] == index[:-1])).any()):
            raise ValueError(
                "an edge occurs twice; drop duplicates first, or counts and degrees would be wrong"
            )
        ptr = pointers(row, n_target)
        ptr_t, perm = transposed(ptr, index, n_source)
        return cls(
            ptr=ptr,
            index=index,
            row=row,
            ptr_t=ptr_t,
            index_t=row[perm],
            perm=perm,
            inverse=torch.argsort(perm),
            backend=choose_backend(backend, target.device),
            types=None if types is None else types.long()[order],
        )

    @property
    def arrays(self) -> Arrays:
        """Of this matrix and its transpose."""
        return Arrays(self.ptr, self.index, self.row, self.ptr_t, self.index_t, self.perm, self.inverse)

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
                types=None if self.types is None else self.types[self.perm],
            )  # fmt: skip
            self._cache["T"] = twin
        return self._cache["T"]

    @property
    def edge_types(self) -> Tensor | None:
        """The types of the edges that are here, (E,)."""
        if self.part is None:
            return self.types
        whole = self.part.whole.edge_types
        return None if whole is None else whole.index_select(0, self.part.edges)

    @property
    def origin(self) -> Relation:
        """The relation of all rows and edges that this one is a part of; itself where it is whole."""
        return self if self.part is None else self.part.whole.origin

    def rows(self, rows: Tensor) -> Relation:
        """The relation of some targets alone, R × N_src: rows (R,), ascending, none twice.

        Degrees and coefficients stay those of the whole relation. It costs in proportion to the edges it
        holds. Its own transpose is for products, not for `rows` or `per_edge`.
        """
        arrays, edges = some_rows(self.arrays, rows)
        return Relation(*arrays, self.backend, {}, Part(self, edges, rows))

    def kept(self, mask: Tensor, scale: float = 1.0) -> Relation:
        """The relation of the edges where `mask` (E,) is True, between the same nodes.

        Degrees and coefficients stay those of the whole relation; what `per_edge` gives is multiplied by
        `scale`. So is it with the transpose, which keeps the same edges. Nothing is sorted: with
        810,000 edges both directions cost as much as 1.3 products with 64 channels (one thread).
        """
        return self._some(mask, scale)

    def between(self, senders: Tensor | None, receivers: Tensor | None) -> Relation:
        """The relation of some sources (N_src,) and some targets (N_dst,), bool, None for all: the edges
        between these alone are `kept`, and `senders` and `receivers` tell filters of the whole relation,
        which reach nodes beside its edges, of whom and to whom nothing passes."""
        edges = torch.ones_like(self.index, dtype=torch.bool)
        if senders is not None:
            edges &= senders.index_select(0, self.index)
        if receivers is not None:
            edges &= receivers.index_select(0, self.row)
        return self._some(edges, 1.0, senders, receivers)

    def _some(
        self, mask: Tensor, scale: float, senders: Tensor | None = None, receivers: Tensor | None = None
    ) -> Relation:
        arrays, edges, twins = some_entries(self.arrays, mask)
        part = Relation(*arrays, self.backend, {}, Part(self, edges, None, scale, senders, receivers))
        part._cache["T"] = Relation(
            part.ptr_t, part.index_t, self.T.row.index_select(0, twins), part.ptr, part.index,
            part.inverse, part.perm, self.backend, {"T": part},
            Part(self.T, twins, None, scale, receivers, senders),
        )  # fmt: skip
        return part

    def further(self, target: Tensor, source: Tensor, n_target: int, types: Tensor | None = None) -> Relation:
        """The relation of targets that are not in this one and receive from its sources, n_target × N_src,
        by the edges (target[e] <- source[e]), both (E,).

        Degrees of the sources, and filters of the whole relation, stay those of this one: nothing that it
        says of its own targets changes. Errors: ValueError as `from_edges`.
        """
        found = Relation.from_edges(target, source, n_target, self.n_source, self.origin.backend.asked, types)
        return replace(found, base=self.origin)

    @property
    def senders(self) -> Tensor | None:
        """The sources that send at all, (N_src,) bool; None for all."""
        if self.part is None:
            return None
        return _both(self.part.senders, self.part.whole.senders)

    @property
    def receivers(self) -> Tensor | None:
        """The targets that receive at all, (N_dst,) bool; None for all."""
        if self.part is None:
            return None
        found, rows = _both(self.part.receivers, self.part.whole.receivers), self.part.rows
        return found if found is None or rows is None else found.index_select(0, rows)

    def target_degree(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Number of edges of each target, (N_dst,), in the whole relation."""
        if self.part is not None:
            degree = self.part.whole.target_degree(dtype)
            return degree if self.part.rows is None else degree.index_select(0, self.part.rows)
        return self.cached(("target_degree", dtype), lambda: self.ptr.diff().to(dtype))

    def source_degree(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Number of edges of each source, (N_src,), in the whole relation; to `further` targets, in the base,
        and at least 1: the base may have none of a source that one of them has."""
        if self.part is not None:
            return self.part.whole.source_degree(dtype)
        if self.base is not None:
            return self.base.source_degree(dtype).clamp(min=1.0)
        return self.cached(("source_degree", dtype), lambda: self.ptr_t.diff().to(dtype))

    def cached(self, key: Any, make: Callable[[], Tensor]) -> Tensor:  # noqa: ANN401
        """A tensor that depends on this relation alone: made at the first call, kept afterwards."""
        if key not in self._cache:
            with torch.inference_mode(False):  # evaluated first, it must still train
                self._cache[key] = make()
        return self._cache[key]

    def per_edge(self, key: Any, make: Callable[[Relation], Tensor]) -> EdgeWeights:  # noqa: ANN401
        """Numbers of each edge that depend on the graph alone, `make(relation)` (…, E), in the order of both
        directions; kept by the whole relation, gathered by a relation of some rows or edges."""
        part = self.part
        if part is not None:
            whole = part.whole.per_edge(key, make).forward
            forward = self.cached(key, lambda: _scaled(whole.index_select(-1, part.edges), part.scale))
        else:
            forward = self.cached(key, lambda: make(self))
        return EdgeWeights(
            forward, self.cached((key, "transposed"), lambda: forward.index_select(-1, self.perm))
        )

    def to(self, device: torch.device | str) -> Relation:
        """The same relation on another device, with that device's kernels where the choice was automatic."""
        device = torch.device(device)
        if _is_at(device, self.ptr.device):
            return self
        names = ("ptr", "index", "row", "ptr_t", "index_t", "perm", "inverse")
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in names}
        if self.types is not None:
            moved["types"] = self.types.to(device, non_blocking=True)
        base = None if self.base is None else self.base.to(device)
        return replace(
            self, **moved, backend=choose_backend(self.backend.asked, device), _cache={}, part=None, base=base
        )


def _is_at(wanted: torch.device, here: torch.device) -> bool:
    """Whether `here` is the wanted device: "cuda" is any, "cuda:1" that one."""
    return wanted.type == here.type and wanted.index in (None, here.index)


def _both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _scaled(value: Tensor, scale: float) -> Tensor:
    return value if scale == 1.0 else value.mul_(scale)
