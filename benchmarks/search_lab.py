"""One search of a method of search_quality.py, as train.py would make it, and the designs it chooses."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from torch import Tensor

from benchmarks.quality import source
from benchmarks.search_methods import SELECTS, has_supernet, overrides_of
from benchmarks.shared_trainings import SharedTrainings, file_of
from benchmarks.tabular import BATCH, OVERRIDES
from supernet.config import TrainConfig, conf_folder, register_schemas, typed
from supernet.pipeline.embeddings import start_from_embeddings
from supernet.pipeline.judging import trials_of
from supernet.pipeline.pretuning import pretuned
from supernet.pipeline.stages import graph_of, load_data, make_model, recipe_of, space_of, validator
from supernet.search.costs import measure_costs
from supernet.search.explore import Budget, explore, ordered
from supernet.search.loop import Search
from supernet.search.selection import SELECTIONS, Choices, Trials, distinct, halving
from supernet.search.settings import BILEVEL
from supernet.search.settling import Settled, settle
from supernet.search.strategies import make_strategy
from supernet.space import identity_of


class Quiet:
    """A log that says nothing."""

    def info(self, *_: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Searched:
    """A search that has ended: its mixture (of the epoch it kept, where it keeps one; empty without a
    supernet), and the seconds of all that led to it."""

    search: Search
    mixture: dict[str, Tensor]
    seconds: float


@dataclass(frozen=True)
class Chosen:
    """A design, what the supernet says of it (None without one), the seconds of search and selection.

    mixture_score: of the mixture that the design was chosen from; inherited_score: of the design; both
    on valid, with the weights that the search has at its end.
    settled_score: of the design after epochs of its own; None where the method has none.
    """

    design: Choices
    seconds: float
    mixture_score: float | None
    inherited_score: float | None
    settled_score: float | None = None


def config_of(name: str, method: str, seed: int) -> TrainConfig:
    """What train.py would search a data set with."""
    register_schemas()
    same = [*source(name), *OVERRIDES, f"training.batch_size={BATCH[name]}", f"seed={seed}"]
    with initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        found: TrainConfig = typed(compose("train", overrides=[*same, *overrides_of(method, name)]))
    return found


class Lab:
    """A data set with the config of a method: what train.py would search with. shared: the folder of the
    short trainings that methods share; None: each choice makes its own."""

    def __init__(self, name: str, method: str, seed: int, quick: bool, shared: Path | None = None) -> None:
        self.asked = config_of(name, method, seed)
        self.config = self.asked
        if quick:
            settings = self.config.search
            settings.epochs, settings.warmup, settings.pretrain_epochs = 2, 1, 1
            settings.select_steps, settings.select_pool, settings.budget = 2, 4, 4
            settings.settle = 1
        self.supernet = has_supernet(method)
        self.space, self.device = space_of(self.config.space), torch.device("cpu")
        # the data of all seeds is cut as the table's, by seed 0
        self.data = load_data(replace(self.config, seed=0)).without("test")
        self.graph = graph_of(self.data, ["train"], self.config.ops.backend, self.device)
        self.identity = identity_of(self.space)
        self.shared = shared

    @property
    def trainings(self) -> Path | None:
        """The file of short trainings by the config's recipe, which `run` may choose; None: in memory."""
        return None if self.shared is None else file_of(self.shared, self.config)

    def run(self) -> Searched:
        """A search of the config's seed to its end. Its seconds are also those of a recipe that is chosen or
        embeddings that are trained first, of costs that are measured, and of evening the candidates."""
        start = time.perf_counter()
        self.config = pretuned(self.asked, self.data, self.graph, self.device, Quiet())[0]
        search, mixture = self._search(), {}
        if self.supernet:
            norm = search.recipe.item_norm
            mixture = search.run(validator(self.config, self.data, search.model, self.graph, norm))
        return Searched(search, mixture, time.perf_counter() - start)

    def _search(self) -> Search:
        config = self.config
        model = make_model(self.space, self.graph, config.model.dim, config.seed, self.device)
        start_from_embeddings(model, config, self.data, self.graph, Quiet())
        costs = measure_costs(model, self.graph) if config.search.cost_weight else None
        generator = torch.Generator().manual_seed(config.seed)
        return Search(model, self.graph, self.data, recipe_of(config), config.search, generator, costs)

    def choose(self, searched: Searched, rule: str = "") -> Chosen:
        """What the method chooses, or one of SELECTS on its supernet. Every call pays for all trainings
        that it asks for, those that it finds among the shared ones too."""
        start = time.perf_counter()
        kept = SharedTrainings(self.trainings)
        changes = SELECTS[rule] if rule else {}
        config = replace(self.config, search=replace(self.config.search, **changes))
        trials = trials_of(searched.search, config, self.data, Quiet(), kept=kept)
        if config.search.strategy == BILEVEL:
            design = SELECTIONS[config.search.select](self.space, searched.mixture, trials)[0]
        else:
            design = self._explored(trials)
        seconds = searched.seconds + time.perf_counter() - start + kept.lent
        if not self.supernet:
            return Chosen(design, seconds, None, None)
        if self.config.search.settle and self.config.search.strategy == BILEVEL:
            own = self._settled(searched, design, trials)
            return Chosen(design, seconds + own.seconds, own.mixture, own.scores[0], own.scores[own.kept])
        scores = trials.mixed(searched.mixture), trials.inherited(self.space, design)
        return Chosen(design, seconds, *scores)

    def _settled(self, searched: Searched, design: Choices, trials: Trials) -> Settled:
        """The supernet is afterwards as it was: other rules choose from it."""
        search, epochs = searched.search, self.config.search.settle
        state = copy.deepcopy(search.state_dict())
        own = settle(search, design, searched.mixture, trials, epochs)
        search.load_state_dict(state)
        return own

    def trials(self, searched: Searched) -> Trials:
        """What a rule may look at; nothing is trained yet."""
        return trials_of(searched.search, self.config, self.data, Quiet())

    def _explored(self, trials: Trials) -> Choices:
        """By the strategy, then successive halving, as train.py does it."""
        settings = self.config.search
        strategy = make_strategy(settings, self.space, torch.Generator().manual_seed(self.config.seed))
        trained = settings.evaluate == "trained"

        def evaluate(choices: Choices) -> float:
            if trained:
                return trials.train(choices, settings.select_steps)
            return trials.inherited(self.space, choices)

        budget = Budget(settings.budget, settings.seconds)
        rows = explore(strategy, evaluate, self.identity, budget, cost=trials.cost)
        best = ordered(rows, self.identity, trials.cost)[: settings.select_pool]
        pool = distinct([*best, *trials.known], self.identity)
        return halving(pool, trials, settings.select_steps * (3 if trained else 1))[0]
