"""The bilevel loop: weights on train pairs, alphas on alpha pairs, in turn; it can stop anywhere and go on
exactly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from ops.mixture import Mix, calibrating
from supernet.data.dataset import Dataset
from supernet.data.graph import ITEM, Graph
from supernet.data.sampling import Batch, Batches
from supernet.model import Recommender
from supernet.model.layer import Weights
from supernet.model.recommender import Vectors
from supernet.search.hypergradients import HYPERGRADIENTS
from supernet.search.record import EpochSums, SearchEpoch
from supernet.search.relaxations import entropy, mix, partial, paths, temperature_at
from supernet.search.settings import SearchSettings
from supernet.training.fit import adam, draw_batch, finite, training_loss
from supernet.training.losses import step_loss
from supernet.training.recipe import Recipe

Validate = Callable[[Vectors, Weights], float]
OnEpoch = Callable[[SearchEpoch], None]
OnStep = Callable[[int, int], None]


class Search:
    """The state of a search: supernet, both optimisers, generators, samplers, position, history.

    `state_dict` and `load_state_dict` carry all of it, so that a resumed search equals one that never
    stopped, bit for bit on the CPU.
    """

    def __init__(
        self,
        model: Recommender,
        graph: Graph,
        data: Dataset,
        recipe: Recipe,
        settings: SearchSettings,
        generator: torch.Generator,
    ) -> None:
        self.model, self.graph, self.recipe, self.settings = model, graph, recipe, settings
        self.generator = generator
        self.seen = data.user_items(["train"])
        alpha_generator = torch.Generator().manual_seed(generator.initial_seed() + 1)
        self.train = Batches(data.parts["train"], recipe.batch_size, generator)
        self.held_out = Batches(data.parts["alpha"], settings.alpha_batch_size, alpha_generator)
        self.weight_optimiser = adam(model.weights(), recipe.lr)
        self.alphas = list(model.alphas.values())
        group = {"params": self.alphas}  # as a group it may be empty: a space may have nothing to choose
        self.alpha_optimiser = torch.optim.Adam([group], lr=settings.alpha_lr, betas=(0.5, 0.999))
        self.epoch, self.step = 0, 0
        self.sums = EpochSums(list(model.alphas))
        self.batch: Batch | None = None
        self.history: list[dict[str, Any]] = []

    @property
    def warmup(self) -> int:
        """Epochs that train weights alone; the last epoch always trains alphas too."""
        return min(self.settings.warmup, self.settings.epochs - 1)

    @property
    def temperature(self) -> float:
        """Temperature of the relaxation in this epoch; alphas move, and it falls, from the end of the
        warm-up."""
        settings = self.settings
        epochs = max(1, settings.epochs - self.warmup)
        epoch = min(max(0, self.epoch - self.warmup), epochs - 1)
        return temperature_at(epoch, epochs, settings.temperature_start, settings.temperature_end)

    def mixture(self, detach: bool = True) -> dict[str, Tensor]:
        """The current mixture of every open slot, (K,) each."""
        return mix(dict(self.model.alphas.items()), self.settings.relaxation, self.temperature, detach)

    def slots(self, generator: torch.Generator, detach: bool) -> dict[str, Mix]:
        """What a step computes of every open slot, by `settings.cost`; draws come from `generator`."""
        settings = self.settings
        if settings.cost == "sampled":
            alphas = dict(self.model.alphas.items())
            return paths(alphas, settings.relaxation, self.temperature, generator, detach)
        mixture = self.mixture(detach)
        if settings.cost == "partial":
            return partial(mixture, self.model.dim, settings.channels, generator)
        return dict(mixture)

    def run(
        self,
        validate: Validate,
        on_epoch: OnEpoch | None = None,
        on_step: OnStep | None = None,
        save: Callable[[], None] | None = None,
    ) -> dict[str, Tensor]:
        """Search to the last epoch and return the final mixture.

        validate: a score of the mixture, for watching only. on_epoch, on_step: observers. save: writes a
        checkpoint.
        """
        while self.epoch < self.settings.epochs:
            self._epoch(on_step, save)
            record = self._record(validate)
            self.history.append(asdict(record))
            self.epoch, self.step, self.sums = self.epoch + 1, 0, EpochSums(list(self.model.alphas))
            if on_epoch is not None:
                on_epoch(record)
            if save is not None:
                save()
        return self.mixture()

    def _epoch(self, on_step: OnStep | None, save: Callable[[], None] | None) -> None:
        if self.step == 0:
            with calibrating(self.model):
                self.model(self.graph, self.mixture())
        while self.step < len(self.train):
            start = time.perf_counter()
            if self.epoch >= self.warmup and self.step % self.settings.alpha_every == 0:
                self.alpha_step()
            self.weight_step()
            self.step += 1
            self.sums.seconds += time.perf_counter() - start
            if on_step is not None:
                on_step(self.epoch, self.step)
            every = self.settings.checkpoint_every
            if save is not None and every and self.step % every == 0 and self.step < len(self.train):
                save()

    def weight_step(self) -> None:
        """One Adam step of the weights on a batch of train pairs, alphas fixed."""
        self.weight_optimiser.zero_grad(set_to_none=True)
        loss = self._train_loss(self.slots(self.generator, detach=True))
        loss.backward()
        self.weight_optimiser.step()
        self.batch = None
        self.sums.train += finite(loss, self.recipe)

    def alpha_step(self) -> None:
        """One Adam step of the alphas on a batch of alpha pairs, weights fixed."""
        if not self.alphas:
            return
        batch = draw_batch(
            self.held_out, self.seen, self.graph.nodes[ITEM], self.recipe, self.held_out.generator
        )

        def alpha_loss() -> Tensor:
            slots = self.slots(self.held_out.generator, detach=False)
            return step_loss(self.model, self.graph, batch, self.recipe, slots)

        def train_loss() -> Tensor:
            return self._train_loss(self.slots(self.generator, detach=False))

        method = HYPERGRADIENTS[self.settings.order]
        losses = (
            _repeatable(train_loss, self.generator, self._train_batch),
            _repeatable(alpha_loss, self.held_out.generator),
        )
        gradients, loss = method(self.alphas, self.model.weights(), *losses, self.recipe.lr)
        for alpha, gradient in zip(self.alphas, gradients, strict=True):
            alpha.grad = gradient
        self.alpha_optimiser.step()
        for alpha in self.alphas:
            alpha.grad = None
        self.sums.add_alpha(loss, gradients)

    def _train_loss(self, slots: dict[str, Mix]) -> Tensor:
        """Of the batch of the coming weight step."""
        batch = self._train_batch()
        return training_loss(self.model, self.graph, batch, self.recipe, slots, self.generator)

    def _train_batch(self) -> Batch:
        if self.batch is None:
            nodes = self.graph.nodes[ITEM]
            self.batch = draw_batch(self.train, self.seen, nodes, self.recipe, self.generator)
        return self.batch

    def _record(self, validate: Validate) -> SearchEpoch:
        mixture = self.mixture()
        with torch.no_grad():
            score = validate(self.model(self.graph, mixture), mixture)
        entropies = [entropy(p) for p in mixture.values()]
        return SearchEpoch(
            epoch=self.epoch + 1,
            train_loss=self.sums.train / len(self.train),
            alpha_loss=self.sums.alpha / max(1, self.sums.alpha_steps),
            score=score,
            temperature=self.temperature,
            entropy=sum(entropies) / max(1, len(entropies)),
            mixture={slot: p.tolist() for slot, p in mixture.items()},
            gradient=self.sums.gradients(),
            seconds=self.sums.seconds,
            seconds_per_step=self.sums.seconds / len(self.train),
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest of the search depends on; plain containers and tensors (for `weights_only`
        loading)."""
        return {
            "model": self.model.state_dict(),
            "weight_optimiser": self.weight_optimiser.state_dict(),
            "alpha_optimiser": self.alpha_optimiser.state_dict(),
            "train": self.train.state_dict(),
            "held_out": self.held_out.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums.state_dict(),
            "history": self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.model.load_state_dict(state["model"])
        self.weight_optimiser.load_state_dict(state["weight_optimiser"])
        self.alpha_optimiser.load_state_dict(state["alpha_optimiser"])
        self.train.load_state_dict(state["train"])
        self.held_out.load_state_dict(state["held_out"])
        self.epoch, self.step, self.history = state["epoch"], state["step"], list(state["history"])
        self.sums.load_state_dict(state["sums"])


def _repeatable(
    loss: Callable[[], Tensor], generator: torch.Generator, prepare: Callable[[], object] | None = None
) -> Callable[[], Tensor]:
    """The loss with the same draws from `generator` at every call. prepare: done once, before the first."""
    state: Tensor | None = None

    def again() -> Tensor:
        nonlocal state
        if state is not None:
            generator.set_state(state)
        elif prepare is not None:
            prepare()
        state = generator.get_state()
        return loss()

    return again
