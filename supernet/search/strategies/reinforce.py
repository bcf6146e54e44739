"""A controller trained by policy gradients."""

from __future__ import annotations

import torch

from supernet.search.strategies.base import STRATEGIES, Choices
from supernet.space import SearchSpace

LR = 0.1
BASELINE = 0.8
"""Decay of the running mean of the scores, which is taken off each."""

ENTROPY = 0.01
"""Weight of the policy's entropy, so that it does not settle on its first luck."""


@STRATEGIES.register("reinforce")
class Reinforce:
    r"""REINFORCE with a baseline: one categorical policy a slot, stepped along

    .. math:: \frac{s - b}{\sigma} \nabla_\theta \log \pi_\theta(design) + 0.01\, \nabla_\theta H(\pi_\theta)

    where s is the score, b the running mean of scores, σ their running spread.
    Papers: Williams 1992; ENAS, arXiv 1802.03268; GraphNAS, arXiv 1904.09981
    """

    def __init__(self, space: SearchSpace, generator: torch.Generator) -> None:
        self.space, self.generator = space, generator
        self.logits = {slot: torch.zeros(len(n), requires_grad=True) for slot, n in space.choices().items()}
        self.optimiser = torch.optim.Adam([{"params": list(self.logits.values())}], lr=LR)
        self.mean: float | None = None
        self.spread = 0.0

    def ask(self) -> Choices:
        """A design drawn from the policy."""
        design = {slot: names[0] for slot, names in self.space.candidates().items()}
        for slot, names in self.space.choices().items():
            p = self.logits[slot].detach().softmax(dim=0)
            design[slot] = names[int(torch.multinomial(p, 1, generator=self.generator))]
        return design

    def tell(self, choices: Choices, score: float) -> None:
        """One step of the policy."""
        if self.mean is None:
            self.mean = score
        gap = score - self.mean
        self.spread = BASELINE * self.spread + (1 - BASELINE) * abs(gap)
        self.mean = BASELINE * self.mean + (1 - BASELINE) * score
        if not self.logits:
            return
        logs = {slot: logit.log_softmax(dim=0) for slot, logit in self.logits.items()}
        names = self.space.choices()
        chosen = torch.stack([logs[slot][names[slot].index(choices[slot])] for slot in logs]).sum()
        entropy = torch.stack([-(log.exp() * log).sum() for log in logs.values()]).sum()
        reward = gap / self.spread if self.spread > 0 else 0.0
        self.optimiser.zero_grad()
        (-(reward * chosen + ENTROPY * entropy)).backward()
        self.optimiser.step()
