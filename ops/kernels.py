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
    if relation.backend.used == "scatter":
        load_kernels()  # registers torch.ops.torch_sparse
        value, x = value.detach(), x.detach().contiguous()  # it has gradients of its own
        return torch.ops.torch_sparse.spmm_sum(None, relation.ptr, relation.index, value, None, None, x)
    return _csr(relation, value) @ x


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
    """Elementwise maximum over neighbours, 0 where there are none, and the edge it came from (E where none).

    Shapes: x (N_src, D) -> (N_dst, D), (N_dst, D) int64.
    """
    if not relation.n_edges:
        zeros = x.new_zeros(relation.n_target, x.shape[1])
        return zeros, zeros.long()
    ones = relation.cached(("ones", x.dtype), lambda: x.new_ones(relation.n_edges))
    if relation.backend.used == "scatter":
        load_kernels()
        return torch.ops.torch_sparse.spmm_max(relation.ptr, relation.index, ones, x.detach().contiguous())
    if x.device.type != "cpu":
        return gathered_maximum(relation, x)
    with torch.enable_grad():  # torch returns the edges only where a gradient may be asked for
        leaf = x.detach().requires_grad_()
        out, edge = torch.ops.aten._sparse_mm_reduce_impl(_csr(relation, ones), leaf, "amax")
    return out.detach(), edge


def gathered_maximum(relation: Relation, x: Tensor) -> tuple[Tensor, Tensor]:
    """`maximum` without a sparse kernel, which torch has on the CPU alone; a few channels at a time.

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
