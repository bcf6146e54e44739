"""The bilevel loop: weights on train pairs, alphas on what their objective reads, in turn; it can stop
anywhere and go on exactly."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from ops.mixture import Mix, calibrating, set_norm
from supernet.data.dataset import Dataset
from supernet.data.graph import ITEM, Graph
from supernet.data.sampling import Batch, Batches
from supernet.model import Recommender
from supernet.search.averaging import WeightAverage, copy_weights
from supernet.search.costs import Costs
from supernet.search.epoch_record import Validate, epoch_record
from supernet.search.hypergradients import HYPERGRADIENTS, repeatable
from supernet.search.kept_epochs import KeptEpochs
from supernet.search.objectives import OBJECTIVES
from supernet.search.record import EpochSums, SearchEpoch
from supernet.search.regularisers import penalty
from supernet.search.relaxations import mix, noisy, partial, paths, temperature_at
from supernet.search.settings import BILEVEL, SearchSettings
from supernet.search.shrink import drop_weakest, dropped_candidates
from supernet.training.fit import adam, descend, draw_batch, finite, training_loss
from supernet.training.recipe import Recipe

OnEpoch = Callable[[SearchEpoch], None]
OnStep = Callable[[int, int], None]


class Search:
    """The state of a search: supernet, both optimisers, generators, samplers, position, history.

    `state_dict` and `load_state_dict` carry all of it, so that a resumed search equals one that never
    stopped, bit for bit on the CPU.

    average: of the weights, by which epochs are scored, and which the model has at the end. kept: epochs
    whose mixture may be taken in place of the last. prepared: seconds that were spent before
    the first epoch (embeddings trained, costs measured). costs: milliseconds and parameters of every
    candidate, where settings weigh any. Where another strategy than the loop is to choose, the weights alone
    are trained, on paths drawn uniformly (SPOS, arXiv 1904.00420).
    """

    def __init__(
        self,
        model: Recommender,
        graph: Graph,
        data: Dataset,
        recipe: Recipe,
        settings: SearchSettings,
        generator: torch.Generator,
        costs: Costs | None = None,
    ) -> None:
        self.model, self.graph, self.recipe, self.settings = model, graph, recipe, settings
        self.generator, self.costs = generator, costs
        self.seen = data.seen(["train"])
        self.train = Batches(data.parts["train"], recipe.batch_size, generator)
        self.alpha_generator = torch.Generator().manual_seed(generator.initial_seed() + 1)
        make = OBJECTIVES[settings.objective]
        self.objective = make(model, graph, data, recipe, settings, self.alpha_generator)
        frozen = settings.freeze == "embeddings"
        self.weights = [w for w in model.weights() if not (frozen and model.is_embedding(w))]
        self.weight_optimiser = adam(self.weights, recipe.lr)
        self.average = WeightAverage(self.weights, settings.average)
        self.alphas = list(model.alphas.values())
        # as a group it may be empty: a space may have nothing to choose
        group = {"params": [*self.alphas, *self.objective.parameters()]}
        self.alpha_optimiser = torch.optim.Adam([group], lr=settings.alpha_lr, betas=(0.5, 0.999))
        set_norm(model, settings.norm)
        self.learns = settings.strategy == BILEVEL
        self.epoch, self.step = 0, 0
        self.sums = EpochSums(list(model.alphas))
        self.batch: Batch | None = None
        self.history: list[dict[str, Any]] = []
        snapshot = settings.snapshot if self.learns else "none"
        self.kept = KeptEpochs(snapshot, settings.eigenvalue_stop, settings.alpha_drop)
        self.prepared = 0.0

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
        ends = settings.temperature_start, settings.temperature_end
        return temperature_at(epoch, epochs, *ends, settings.temperature_schedule)

    def mixture(self, detach: bool = True) -> dict[str, Tensor]:
        """The current mixture of every open slot, (K,) each."""
        return mix(dict(self.model.alphas.items()), self.settings.relaxation, self.temperature, detach)

    def slots(self, generator: torch.Generator, detach: bool) -> dict[str, Mix]:
        """What a step computes of every open slot, by `settings.cost`; draws come from `generator`."""
        settings, alphas = self.settings, dict(self.model.alphas.items())
        if settings.cost == "sampled" or not self.learns:
            return paths(alphas, settings.relaxation, self.temperature, generator, detach)
        alphas = noisy(alphas, settings.alpha_noise, settings.alpha_noise_scale, generator)
        mixture = mix(alphas, settings.relaxation, self.temperature, detach)
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

        validate: a score of the mixture, by which epochs are kept and alphas go back; without snapshot and
        alpha_drop it is for watching only. on_epoch, on_step: observers. save: writes a checkpoint.
        """
        while self.epoch < self.settings.epochs and not self.kept.stopped:
            self._epoch(on_step, save)
            start = time.perf_counter()
            with self.average.in_place():
                record = epoch_record(self, validate)
            record = replace(record, seconds=record.seconds + time.perf_counter() - start)
            self.history.append(asdict(record))
            if self.epoch >= self.warmup:
                alphas = dict(self.model.alphas.items())
                self.kept.look(record, self.mixture(), alphas, self.average.values or self.weights)
                self.kept.freeze(record, alphas)
            if self.epoch + 1 in self.settings.shrink_at:
                drop_weakest(self.model)
                self.kept.forget()
            self.epoch, self.step, self.sums = self.epoch + 1, 0, EpochSums(list(self.model.alphas))
            if on_epoch is not None:
                on_epoch(record)
            if save is not None:
                save()
        return self._final()

    def _final(self) -> dict[str, Tensor]:
        """The last mixture, or that of the epoch which was kept; from here on the weights are their average,
        or those that were kept with it, and there is no auxiliary skip."""
        self.model.auxiliary_skip = 0.0
        self.average.take()
        kept = self.kept.taken
        copy_weights([] if kept is None else kept.get("weights", []), self.weights)
        return self.mixture() if kept is None else {slot: p.clone() for slot, p in kept["mixture"].items()}

    def outcome(self) -> dict[str, Any]:
        """The record of the epoch whose mixture is taken."""
        kept = self.kept.taken
        return self.history[-1 if kept is None else kept["epoch"] - 1]

    def _epoch(self, on_step: OnStep | None, save: Callable[[], None] | None) -> None:
        share = 1.0 - self.epoch / max(1, self.settings.epochs - 1)
        self.model.auxiliary_skip = self.settings.auxiliary_skip * share
        if self.step == 0:
            start = time.perf_counter()
            with calibrating(self.model):
                self.model(self.graph, self.mixture())
            self.sums.beside = time.perf_counter() - start
        while self.step < len(self.train):
            start = time.perf_counter()
            moves = self.learns and self.epoch >= self.warmup and not self.kept.frozen
            if moves and self.step % self.settings.alpha_every == 0:
                self.alpha_step()
            self.weight_step()
            self.average.add()
            self.step += 1
            self.sums.seconds += time.perf_counter() - start
            if on_step is not None:
                on_step(self.epoch, self.step)
            every = self.settings.checkpoint_every
            if save is not None and every and self.step % every == 0 and self.step < len(self.train):
                save()

    def weight_step(self, slots: dict[str, Mix] | None = None) -> None:
        """One Adam step of the weights on a batch of train pairs, alphas fixed. slots: in place of what the
        settings draw."""
        loss = self._train_loss(self.slots(self.generator, detach=True) if slots is None else slots)
        descend(loss, self.weight_optimiser)
        self.batch = None
        self.sums.train += finite(loss, self.recipe)

    def alpha_step(self) -> None:
        """One Adam step of the alphas on a batch of alpha pairs, weights fixed."""
        if not self.alphas:
            return
        self.objective.draw()

        def alpha_loss() -> Tensor:
            return self.alpha_loss(self.slots(self.alpha_generator, detach=False))

        def train_loss() -> Tensor:
            return self._train_loss(self.slots(self.generator, detach=False))

        method = HYPERGRADIENTS[self.settings.order]
        losses = (
            repeatable(train_loss, self.generator, self._train_batch),
            repeatable(alpha_loss, self.alpha_generator),
        )
        learnt = [*self.alphas, *self.objective.parameters()]
        gradients, loss = method(learnt, self.weights, *losses, self.recipe.lr)
        for alpha, gradient in zip(learnt, gradients, strict=True):
            alpha.grad = gradient
        self.alpha_optimiser.step()
        self.objective.bound()
        for alpha in learnt:
            alpha.grad = None
        self.sums.add_alpha(loss, gradients[: len(self.alphas)])

    def alpha_loss(self, slots: dict[str, Mix]) -> Tensor:
        """The objective's loss of its batch, what the settings add against collapse, and the cost."""
        settings, names = self.settings, self.model.space.choices()
        grown = (self.epoch + 1 - self.warmup) / max(1, settings.epochs - self.warmup)
        weights = {"idle": settings.idle, "beta": settings.beta * grown, "zero_one": settings.zero_one}
        loss = self.objective(slots)
        if not any(weights.values()) and self.costs is None:
            return loss
        mixture = self.mixture(detach=False)
        loss = loss + penalty(weights, dict(self.model.alphas.items()), mixture, names)
        return loss if self.costs is None else loss + self._weighed(self.costs, mixture)

    def _weighed(self, costs: Costs, mixture: Mapping[str, Tensor]) -> Tensor:
        return costs.weighed(mixture, self.settings.cost_weight, self.settings.parameter_weight)

    def expected_cost(self, mixture: Mapping[str, Tensor]) -> float:
        """What the search's weights make of a mixture's milliseconds and parameters; 0 without weights."""
        return 0.0 if self.costs is None else float(self._weighed(self.costs, mixture))

    def _train_loss(self, slots: dict[str, Mix]) -> Tensor:
        """Of the batch of the coming weight step."""
        batch = self._train_batch()
        return training_loss(self.model, self.graph, batch, self.recipe, slots, self.generator)

    def _train_batch(self) -> Batch:
        if self.batch is None:
            nodes = self.graph.nodes[ITEM]
            self.batch = draw_batch(self.train, self.seen, nodes, self.recipe, self.generator)
        return self.batch

    def argmax(self) -> dict[str, Mix]:
        """The largest candidate of every open slot, as the model reads it."""
        return self.model.one_hot({slot: int(p.argmax()) for slot, p in self.mixture().items()})

    def state_dict(self) -> dict[str, Any]:
        """Everything the rest of the search depends on; plain containers and tensors (for `weights_only`
        loading)."""
        return {
            "model": self.model.state_dict(),
            "weight_optimiser": self.weight_optimiser.state_dict(),
            "alpha_optimiser": self.alpha_optimiser.state_dict(),
            "train": self.train.state_dict(),
            "objective": self.objective.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums.state_dict(),
            "history": self.history,
            "prepared": self.prepared,
        } | (self.average.state_dict() | self.kept.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.model.load_state_dict(state["model"])
        self.weight_optimiser.load_state_dict(state["weight_optimiser"])
        self.alpha_optimiser.load_state_dict(state["alpha_optimiser"])
        self.train.load_state_dict(state["train"])
        self.objective.load_state_dict(state["objective"])
        self.epoch, self.step, self.history = state["epoch"], state["step"], list(state["history"])
        self.sums.load_state_dict(state["sums"])
        self.average.load_state_dict(state)
        self.kept.load_state_dict(state)
        self.prepared = state["prepared"]
        dropped_candidates(self.model)
