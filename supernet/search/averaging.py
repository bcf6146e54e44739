"""The weights that a search is judged by: a moving average of those it trains."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    r"""The exponential moving average of weights, in their order.

    .. math:: \bar w_t = d_t \bar w_{t-1} + (1 - d_t) w_t, \qquad
              d_t = \min\left(d, \frac{t}{t + 9}\right), \quad t = 1, 2, \dots

    The last batches leave their noise in weights, and the designs of a supernet are near enough for noise to
    swap them. decay: d; 0 keeps nothing, and the weights are their own average. d_t is less at first, so that
    the weights of the beginning are soon forgotten.
    Source: Polyak averaging as of TensorFlow's ExponentialMovingAverage, whose d_t this is
    """

    def __init__(self, weights: Sequence[nn.Parameter], decay: float) -> None:
        self.weights, self.decay = list(weights), decay
        self.steps, self.values = 0, [weight.detach().clone() for weight in weights] if decay else []

    @torch.no_grad()
    def add(self) -> None:
        """The weights as they are now, after a step."""
        if not self.values:
            return
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9))
        torch._foreach_lerp_(self.values, list[Tensor](self.weights), 1.0 - decay)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the weights are their average."""
        own = [weight.detach().clone() for weight in self.weights] if self.values else []
        self.take()
        try:
            yield
        finally:
            copy_weights(own, self.weights)

    def take(self) -> None:
        """Let the weights be their average from here on."""
        copy_weights(self.values, self.weights)

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors."""
        return {"average": self.values, "average_steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; other keys are passed over."""
        copy_weights(state["average"], self.values)
        self.steps = state["average_steps"]


@torch.no_grad()
def copy_weights(values: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
    """Let the weights have these values; nothing where there are none."""
    if values:
        torch._foreach_copy_(list(weights), list(values))
