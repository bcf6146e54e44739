"""Bayesian optimisation by Optuna's TPE."""

from __future__ import annotations

import warnings

import optuna
import torch

from supernet.search.strategies.base import STRATEGIES, Choices
from supernet.space import SearchSpace

STARTUP = 10
"""Designs drawn uniformly before the model of good and bad ones."""


@STRATEGIES.register("tpe")
class TPE:
    """The tree-structured Parzen estimator: slots that good designs share are asked for more often.

    Paper: Bergstra et al., Algorithms for hyper-parameter optimization, NeurIPS 2011
    """

    def __init__(self, space: SearchSpace, generator: torch.Generator) -> None:
        self.space = space
        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True)
        self.study = optuna.create_study(direction="maximize", sampler=sampler)
        self.trial: optuna.Trial | None = None

    def ask(self) -> Choices:
        """The design that the model holds for best."""
        self.trial = self.study.ask()
        design = {slot: names[0] for slot, names in self.space.candidates().items()}
        for slot, names in self.space.choices().items():
            design[slot] = str(self.trial.suggest_categorical(slot, list(names)))
        return design

    def tell(self, choices: Choices, score: float) -> None:
        """Into the model."""
        assert self.trial is not None, "ask() first"
        self.study.tell(self.trial, score)
        self.trial = None
