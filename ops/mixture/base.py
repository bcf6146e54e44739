"""All candidates of a slot at once, fused: mix the weights, not the outputs.

A mixture of operators that are linear in the same input is one operator with mixed weights, so most of a slot
folds away (benchmarks/ops.py measures what that earns). Each mixture here equals Σ_k f_k · candidate_k to
rounding.

Scale: f_k = p_k · g_k with g_k = exp(Σ_j p_j log r_j − log r_k), where r_k is the root-mean-square of
candidate k's output, measured by `calibrating`. All candidates are so brought to the size of the mixture's
geometric mean, and none wins by size alone; where p is one-hot, g is exactly 1 and the slot is exactly that
candidate. `set_norm` puts a norm of every candidate's output in its place, or none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ops.aggregate import NoMessage


class Choice(NamedTuple):
    """One candidate in place of a mixture, by number. `weight`, a scalar of value 1, carries the gradient to
    its probability; None where none is asked for."""

    number: int
    weight: Tensor | None = None


class Partial(NamedTuple):
    """A mixture p (K,) of the channels start … stop alone; the others take the slot's plain operator, or
    nothing where `plain` is False."""

    p: Tensor
    start: int
    stop: int
    plain: bool = True


NORMS = ("scale", "output", "none")
"""How candidates are evened: by a measured number each, which folds; by a norm without weights of each
output, which does not, so that every candidate is computed; not at all."""

Mix = Tensor | Choice | Partial
"""What a slot may be given: the whole mixture (K,), one candidate, or a mixture of some channels."""


class Mixture(nn.Module):
    """Base of the mixtures: the candidates by name, and their measured scale.

    `log_scale` (K,) is a buffer, so that it travels in the state_dict; 0 until the first calibration.
    With one candidate there is nothing to mix: `p` is then not read, and the slot is that operator.
    `dropped` are the candidates whose weight is 0 for good: what does not fold is then not computed.
    """

    one_width = True
    """Whether the outputs of all candidates have the same columns; if not, set_norm("output") is "scale"."""

    measurable = True
    """Whether candidates have outputs of a node that can be measured."""

    log_scale: Tensor

    def __init__(self, candidates: dict[str, nn.Module], scaled: bool = True) -> None:
        super().__init__()
        if not candidates:
            raise ValueError("a slot needs at least one candidate")
        self.names = tuple(candidates)
        self.candidates = nn.ModuleDict({key_of(name): module for name, module in candidates.items()})
        self.calibrate = False
        self.scaled = scaled
        self.norm = "scale" if scaled else "none"
        self.dropped: frozenset[int] = frozenset()
        self.register_buffer("log_scale", torch.zeros(len(candidates)))

    @property
    def only(self) -> nn.Module | None:
        """The candidate, where there is just one."""
        modules = list(self.candidates.values())
        return modules[0] if len(modules) == 1 else None

    @property
    def measured(self) -> bool:
        """Whether `calibrating` measures its candidates, evened or not: they are several."""
        return self.measurable and self.only is None

    def sizes(self) -> list[float | None]:
        """Root-mean-square of each candidate's output at the last calibration; None for one that gives
        nothing or is dropped."""
        gives = [
            not isinstance(c, NoMessage) and k not in self.dropped
            for k, c in enumerate(self.candidates.values())
        ]
        return [
            size if given else None for size, given in zip(self.log_scale.exp().tolist(), gives, strict=True)
        ]

    def size_of(self, number: int) -> int:
        """Weights of a candidate."""
        return sum(weight.numel() for weight in list(self.candidates.values())[number].parameters())

    def single(self, p: Mix | None) -> Callable[..., Tensor] | None:
        """The one operator to run where there is just one candidate, or one was chosen; else None."""
        if self.only is None:
            assert p is not None, "a slot with several candidates needs its mixture"
            if isinstance(p, Choice) and p.weight is not None:
                module, weight = list(self.candidates.values())[p.number], p.weight
                return lambda *inputs: weight * module(*inputs)
        return self.chosen(p)

    def chosen(self, p: Mix | None) -> nn.Module | None:
        """The candidate that stands alone, without a gradient to its probability; None in a mixture."""
        name = self.chosen_name(p)
        return None if name is None else self.candidates[key_of(name)]

    def chosen_name(self, p: Mix | None) -> str | None:
        """Its name."""
        if len(self.names) == 1:
            return self.names[0]
        return self.names[p.number] if isinstance(p, Choice) and p.weight is None else None

    def measure(self, outputs: Sequence[Tensor | None]) -> None:
        """Take the root-mean-square of each candidate's output; None stands for zeros, which have no
        scale."""
        for k, out in enumerate(outputs):
            size = 0.0 if out is None else float(out.square().mean().sqrt())
            self.log_scale[k] = torch.tensor(size).log() if size > 0 else 0.0

    def factors(self, p: Tensor) -> Tensor:
        """p_k g_k of the docstring above, (K,); g carries no gradient. `none` counts neither here nor
        there."""
        if self.norm != "scale":
            return p
        weight = p.detach() * self.sized(p)
        mean = (weight * self.log_scale).sum() / weight.sum().clamp(min=torch.finfo(p.dtype).tiny)
        return p * (mean - self.log_scale).exp()

    def normalised(self, outputs: Sequence[Tensor | None], p: Tensor, like: Tensor) -> Tensor:
        """Σ_k p_k times output k with mean 0 and variance 1 in every channel (batch norm without weights; of
        one row: layer norm); None stands for zeros `like` the others. Shapes: [(N, D)] × K, p (K,) ->
        (N, D)."""
        out = torch.zeros_like(like)
        for k, x in enumerate(outputs):
            if x is not None:
                even = (
                    F.batch_norm(x, None, None, training=True) if len(x) > 1 else F.layer_norm(x, x.shape[1:])
                )
                out = torch.addcmul(out, p[k], even)
        return out

    def sized(self, p: Tensor) -> Tensor:
        """1 for a candidate whose output has a size, 0 for one whose output is always zero, (K,)."""
        return torch.tensor([float(not isinstance(c, NoMessage)) for c in self.candidates.values()]).to(p)


def open_mixtures(model: nn.Module) -> list[Mixture]:
    """The mixtures of a model that have a choice and whose candidates may be evened."""
    return [m for m in model.modules() if isinstance(m, Mixture) and m.scaled and m.only is None]


def set_norm(model: nn.Module, norm: str) -> None:
    """Even the candidates of all mixtures by `norm`, one of NORMS."""
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}, found {norm!r}")
    for mixture in open_mixtures(model):
        mixture.norm = "scale" if norm == "output" and not mixture.one_width else norm


def key_of(name: str) -> str:
    """The key of a candidate in the state_dict, where no dot may stand: "sym(0.4,0.6)" →
    "sym(0_4,0_6)"."""
    return name.replace(".", "_")


@contextlib.contextmanager
def calibrating(model: nn.Module) -> Iterator[None]:
    """Within it, a forward pass of `model` measures the scale of every candidate of every mixture."""
    mixtures = [m for m in model.modules() if isinstance(m, Mixture) and m.measured]
    for mixture in mixtures:
        mixture.calibrate = True
    try:
        with torch.no_grad():
            yield
    finally:
        for mixture in mixtures:
            mixture.calibrate = False
