"""What is done to the layers of a model in training alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from supernet.data.sampling import sent

Perturb = Callable[[Tensor], Tensor]
"""What is done to a layer's output in training, (N, D) -> (N, D): dropout, noise."""


@dataclass(frozen=True)
class Dropout:
    """Message dropout: each entry of a layer's output is zeroed with this probability (NGCF, section
    2.4.2)."""

    rate: float
    generator: torch.Generator

    def __call__(self, x: Tensor) -> Tensor:
        """Zero entries and rescale the rest. Shapes: (N, D) -> (N, D)."""
        draw = torch.empty_like(x, device=self.generator.device)
        keep = sent(draw.bernoulli_(1 - self.rate, generator=self.generator), x.device)
        return x * keep.div_(1 - self.rate)
