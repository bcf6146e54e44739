"""The raw sparse kernels of each backend, without gradients. `spmm.py` and `segment.py` give them
gradients."""

from __future__ import annotations

import functools
import warnings

import torch
from torch import Tensor

from ops.backend import load_kernels
from ops.relation import Relation

CHUNK = 1 << 22
"""Elements of a gathered block in the gather–multiply fallback: 16 MiB in float32, whatever the number of
edges."""


ROWS = 4096
"""Rows packed at a time: with 64 channels, 2 MiB in float64."""

PAYLOAD = 29
"""Bits that a float32 leaves free in a float64's mantissa."""


@functools.cache
def _hear_beta_warning_once() -> None:
    """Torch warns once a process that CSR is in beta; a user can do nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.sparse_csr_tensor(
            torch.tensor([0, 0]), torch.tensor([], dtype=torch.long), torch.tensor([]), (1, 1)
        )


def _csr(relation: Relation, value: Tensor) -> Tensor:
    _hear_beta_warning_once()
    size = (relation.n_target, relation.n_source)
    return torch.sparse_csr_tensor(relation.ptr, relation.index, value, size, check_invariants=False)


def weighted_sum(relation: Relation, value: Tensor, x: Tensor) -> Tensor:
    """out_i = Σ_e value_e x_src(e). Shapes: value (E,), x (N_src, D) -> (N_dst, D)."""
    if not relation.n_edges:  # the kernels divide by the number of rows, which may be zero too
        return x.new_zeros(relation.n_target, x.shape[1])
    if relation.backend.used == "scatter":
        load_kernels()  # registers torch.ops.torch_sparse
        value, x = value.detach(), x.detach().contiguous()  # it has gradients of its own
        return torch.ops.torch_sparse.spmm_sum(None, relation.ptr, relation.index, value, None, None, x)
    if x.device.type == "cpu":  # torch's own kernel takes int64 as it is; `@` copies the indices for MKL
        return torch.sparse.mm(_csr(relation, value.detach()), x.detach(), reduce="sum")
    return _csr(relation, value) @ x


def edge_total(relation: Relation, value: Tensor) -> Tensor:
    """Sum over the edges of each target. Shapes: value (E,) -> (N_dst,)."""
    if relation.backend.used == "scatter":
        load_kernels()
        return torch.ops.torch_scatter.segment_sum_csr(value.contiguous(), relation.ptr, None)
    if not relation.n_edges:
        return value.new_zeros(relation.n_target)
    ones = relation.cached(("sources", value.dtype), lambda: value.new_ones(relation.n_source))
    return torch.mv(_csr(relation, value.detach()), ones)


def sampled_product(relation: Relation, left: Tensor, right: Tensor) -> Tensor:
    """<left_dst(e), right_src(e)> of every edge. Shapes: left (N_dst, D), right (N_src, D) -> (E,)."""
    if relation.backend.used == "torch":
        zeros = relation.cached(("zeros", left.dtype), lambda: left.new_zeros(relation.n_edges))
        return torch.sparse.sampled_addmm(_csr(relation, zeros), left, right.t()).values()
    out = left.new_empty(relation.n_edges)
    step = max(1, CHUNK // max(1, left.shape[1]))
    for start in range(0, relation.n_edges, step):
        rows, columns = relation.row[start : start + step], relation.index[start : start + step]
        torch.linalg.vecdot(left[rows], right[columns], out=out[start : start + step])
    return out


def maximum(relation: Relation, x: Tensor) -> tuple[Tensor, Tensor]:
    """Elementwise maximum over neighbours and the source it came from; 0 and source 0 where there are none.

    Shapes: x (N_src, D) -> (N_dst, D), (N_dst, D) int64.
    """
    x = x.detach()
    if not relation.n_edges:
        zeros = x.new_zeros(relation.n_target, x.shape[1])
        return zeros, zeros.long()
    if relation.backend.used == "torch" and x.device.type == "cpu" and x.dtype == torch.float32:
        return packed_maximum(relation, x)
    if relation.backend.used == "scatter":
        load_kernels()
        ones = relation.cached(("ones", x.dtype), lambda: x.new_ones(relation.n_edges))
        out, edge = torch.ops.torch_sparse.spmm_max(relation.ptr, relation.index, ones, x.contiguous())
    else:
        out, edge = gathered_maximum(relation, x)
    empty = empty_rows(relation)
    if empty.numel():
        out, edge = out.index_fill(0, empty, 0.0), edge.index_fill(0, empty, 0)
    edge = edge.clamp_(max=relation.n_edges - 1)  # NaN equals no edge
    source = relation.index.index_select(0, edge.flatten()).view_as(edge)
    return out, source.index_fill(0, empty, 0) if empty.numel() else source


def empty_rows(relation: Relation) -> Tensor:
    """Targets without edges, ascending."""
    return relation.cached("empty", lambda: (relation.ptr.diff() == 0).nonzero().flatten())


def packed_maximum(relation: Relation, x: Tensor) -> tuple[Tensor, Tensor]:
    """`maximum` for float32, in one vectorised pass that finds value and source together.

    A float32 widened to float64 leaves the lowest 29 bits of the mantissa free: they carry the source, so
    that the greatest packed number is the greatest value and tells its source (of equal ones, the lowest
    source above zero and the highest below). torch's own kernel that also returns the arg-max is not
    vectorised, and took 3 times as long (benchmarks/ops.py). Zeros are packed as 2^-1000, which is no
    denormal and unpacks to zero.

    Errors: ValueError for 2^29 sources and more.
    """
    if relation.n_source >= 1 << PAYLOAD:
        raise ValueError(f"at most 2^{PAYLOAD} - 1 sources can be packed, found {relation.n_source}")
    number = torch.arange(relation.n_source).unsqueeze(1)
    packed = x.new_empty(x.shape, dtype=torch.float64)
    for block, into, place in zip(*(t.split(ROWS) for t in (x, packed, number)), strict=True):
        into.copy_(block).add_(2.0**-1000).view(torch.int64).bitwise_or_(place)
    ones = relation.cached(("ones", packed.dtype), lambda: packed.new_ones(relation.n_edges))
    bits = torch.sparse.mm(_csr(relation, ones), packed, reduce="amax").view(torch.int64)
    bits.index_fill_(0, empty_rows(relation), 0)  # rows that the kernel leaves as it found them
    out, source = x.new_empty(bits.shape), torch.empty_like(bits)
    for block, value, place in zip(*(t.split(ROWS) for t in (bits, out, source)), strict=True):
        torch.bitwise_and(block, (1 << PAYLOAD) - 1, out=place)
        value.copy_(block.sub_(place).view(torch.float64))
        place.clamp_(max=relation.n_source - 1)  # NaN has a payload of its own
    return out, source


def gathered_maximum(relation: Relation, x: Tensor) -> tuple[Tensor, Tensor]:
    """The maximum and the edge it came from (E where none), without a sparse kernel; some channels at a
    time.

    Shapes: x (N_src, D) -> (N_dst, D), (N_dst, D) int64.
    """
    tops, edges = [], []
    number = torch.arange(relation.n_edges, device=x.device).unsqueeze(1)
    for block in x.detach().split(max(1, CHUNK // relation.n_edges), dim=1):
        sent = block.index_select(0, relation.index)
        rows = relation.row.unsqueeze(1).expand_as(sent)
        top = block.new_zeros(relation.n_target, block.shape[1])
        top.scatter_reduce_(0, rows, sent, "amax", include_self=False)
        first = number.where(sent == top.gather(0, rows), relation.n_edges)
        none = torch.full_like(top, relation.n_edges, dtype=torch.int64)
        tops.append(top)
        edges.append(none.scatter_reduce_(0, rows, first, "amin"))
    return torch.cat(tops, dim=1), torch.cat(edges, dim=1)
